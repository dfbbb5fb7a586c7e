"""The official SDK, version 2: its clients get exactly the scopes that they registered with.

`needFilesWrite`, posted to /__control, makes tools require the scope `files:write`; `scopes` there are the scopes of
each
registration.
"""

from ledger import Ledger
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.server.mcpserver import MCPServer
from pydantic import AnyHttpUrl
from sdk_memory import Provider, add
from serving import serve
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send


class Needs:
    """Wraps `app`: refuses MCP requests with a token that lacks the scope `needs`, with a challenge."""

    def __init__(self, app: ASGIApp, provider: Provider) -> None:
        self.needs = ""
        self._app, self._provider = app, provider

    def files_write(self) -> None:
        self.needs = "files:write"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = dict(scope.get("headers", ())).get(b"authorization", b"").decode().removeprefix("Bearer ")
        access = self._provider.accesses.get(token)
        if access is None or not self.needs or self.needs in access.scopes:
            await self._app(scope, receive, send)
            return
        challenge = f'Bearer error="insufficient_scope", scope="{self.needs}"'
        await Response(status_code=403, headers={"www-authenticate": challenge})(scope, receive, send)


def build(origin: str) -> Ledger:
    provider = Provider()
    auth = AuthSettings(
        issuer_url=AnyHttpUrl(origin),
        resource_server_url=AnyHttpUrl(f"{origin}/mcp"),
        client_registration_options=ClientRegistrationOptions(enabled=True),
        revocation_options=RevocationOptions(enabled=True),
    )
    server = MCPServer("sdk", auth=auth, auth_server_provider=provider)
    server.add_tool(add)
    guarded = Needs(server.streamable_http_app(), provider)

    def report() -> dict[str, dict[str, str | None]]:
        return {"scopes": {name: client.scope for name, client in provider.clients.items()}}

    return Ledger(guarded, {"needFilesWrite": guarded.files_write}, report=report)


if __name__ == "__main__":
    serve(build)
