"""The official SDK as resource server and as authorization server in one: its own handlers decide, nothing here does.

Everybody who asks is let in. The client `by-hand` exists from the start, with a secret that is shown by Basic.
`/__control` tells which clients there are, for which scopes they registered, and how many tokens were revoked; posted
to it, `needs` is a scope that tools are called with from then on.
"""

import secrets

from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl, AnyUrl
from serving import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

BY_HAND = {
    "client_id": "by-hand",
    "client_secret": "s3cret/+",
    "token_endpoint_auth_method": "client_secret_basic",
    "redirect_uris": ["http://127.0.0.1:4711/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
}


class Provider(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Dicts, where the SDK leaves the keeping to others."""

    def __init__(self) -> None:
        self.clients = {"by-hand": OAuthClientInformationFull.model_validate(BY_HAND)}
        self.codes: dict[str, AuthorizationCode] = {}
        self.refreshes: dict[str, RefreshToken] = {}
        self.accesses: dict[str, AccessToken] = {}
        self.revoked = 0

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        assert client_info.client_id is not None
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        code = AuthorizationCode(
            code=secrets.token_hex(16),
            client_id=str(client.client_id),
            scopes=params.scopes or [],
            expires_at=2e9,
            code_challenge=params.code_challenge,
            redirect_uri=AnyUrl(str(params.redirect_uri)),
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
        )
        self.codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._issue(str(client.client_id), authorization_code.scopes)

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        return self.refreshes.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        del self.refreshes[refresh_token.token]
        return self._issue(str(client.client_id), refresh_token.scopes)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.accesses.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.revoked += 1
        self.accesses.pop(token.token, None)
        self.refreshes.pop(token.token, None)

    def _issue(self, client: str, scopes: list[str]) -> OAuthToken:
        access = AccessToken(token=secrets.token_hex(16), client_id=client, scopes=scopes, expires_at=None)
        refresh = RefreshToken(token=secrets.token_hex(16), client_id=client, scopes=scopes)
        self.accesses[access.token], self.refreshes[refresh.token] = access, refresh
        scope = " ".join(scopes) or None
        return OAuthToken(access_token=access.token, refresh_token=refresh.token, expires_in=3600, scope=scope)


class Needs:
    """In front of `app`: MCP requests with a token that lacks the scope `needs` are refused, with a challenge."""

    def __init__(self, app: ASGIApp, provider: Provider) -> None:
        self.needs = ""
        self._app, self._provider = app, provider

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = dict(scope.get("headers", ())).get(b"authorization", b"").decode().removeprefix("Bearer ")
        access = self._provider.accesses.get(token)
        if access is None or not self.needs or self.needs in access.scopes:
            await self._app(scope, receive, send)
            return
        challenge = f'Bearer error="insufficient_scope", scope="{self.needs}"'
        await Response(status_code=403, headers={"www-authenticate": challenge})(scope, receive, send)


def build(origin: str) -> Needs:
    provider = Provider()
    auth = AuthSettings(
        issuer_url=AnyHttpUrl(origin),
        resource_server_url=AnyHttpUrl(f"{origin}/mcp"),
        client_registration_options=ClientRegistrationOptions(enabled=True),
        revocation_options=RevocationOptions(enabled=True),
    )
    server = MCPServer("sdk", auth=auth, auth_server_provider=provider)

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    async def control(request: Request) -> JSONResponse:
        if request.method == "POST":
            guarded.needs = (await request.json())["needs"]
        methods = {name: client.token_endpoint_auth_method for name, client in provider.clients.items()}
        scopes = {name: client.scope for name, client in provider.clients.items()}
        about = {"clients": methods, "scopes": scopes, "revoked": provider.revoked, "live": len(provider.refreshes)}
        return JSONResponse(about)

    app = server.streamable_http_app()
    app.add_route("/__control", control, methods=["GET", "POST"])
    guarded = Needs(app, provider)
    return guarded


if __name__ == "__main__":
    serve(build)
