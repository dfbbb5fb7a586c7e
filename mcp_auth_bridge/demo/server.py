"""The demo's protected MCP server, made with the official SDK, and its authorization server on one loopback port."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from starlette.applications import Starlette

from mcp_auth_bridge.demo.authorization_server import authorization_server
from mcp_auth_bridge.demo.grants import PERSON, AccessGrant, Grants
from mcp_auth_bridge.demo.rules import SCOPES
from mcp_auth_bridge.secret import Secret


class _Verifier:
    """The SDK's `TokenVerifier`. It asks the authorization server in this process, without introspection over HTTP."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    async def verify_token(self, token: str) -> AccessToken | None:
        access = self._grants.access(Secret(token))
        if access is None:
            return None
        return AccessToken(
            token=token,
            client_id=access.client.id,
            scopes=access.scope.split(),
            resource=self._grants.resource,
            subject=PERSON,
            claims={"iss": self._grants.issuer},
        )


def protected_server(grants: Grants, now: Callable[[], float]) -> Starlette:
    """Both servers as one application: the SDK serves `/mcp` and its metadata, the authorization server the rest."""
    settings = {  # validated from text: an AnyHttpUrl would add a slash to the issuer, which is compared as it is
        "issuer_url": grants.issuer,
        "resource_server_url": grants.resource,
        "required_scopes": [SCOPES[0]],  # an MCP server must not require offline_access: SEP-2207
        "validate_token_resource": True,
    }
    server = MCPServer(
        "mcp-auth-bridge-demo",
        instructions="A demo: its tools need a login, and its access tokens live for seconds.",
        log_level="WARNING",
        token_verifier=_Verifier(grants),
        auth=AuthSettings.model_validate(settings),
    )
    _add_tools(server, grants, now)
    application = server.streamable_http_app()
    application.mount("/", authorization_server(grants))
    return application


def _add_tools(server: MCPServer, grants: Grants, now: Callable[[], float]) -> None:
    def access() -> AccessGrant | None:
        token = get_access_token()
        return grants.access(Secret(token.token)) if token else None

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    def time_left() -> float:
        """How many seconds the access token of this call still lives."""
        known = access()
        return round(known.expires_at - now(), 1) if known else 0.0

    @server.tool()
    def whoami() -> str:
        """The user and the client of this call."""
        known = access()
        return f"{PERSON} through {known.client.name}" if known else "a token that expired on the way"


class _DemoServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the demo handles Ctrl-C, and ends this server

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@contextlib.asynccontextmanager
async def serving(now: Callable[[], float], entropy: Callable[[int], bytes], lifetime: int) -> AsyncIterator[Grants]:
    """Both servers on a free port of 127.0.0.1 while the context lasts; access tokens live `lifetime` seconds."""
    config = uvicorn.Config(
        "", host="127.0.0.1", port=0, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1
    )
    listener = config.bind_socket()  # first, because the metadata name the port
    issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
    grants = Grants(issuer, f"{issuer}/mcp", now, entropy, lifetime)
    config.app = protected_server(grants, now)
    server = _DemoServer(config)
    task = asyncio.create_task(server.serve([listener]))
    try:
        await server.up.wait()
        yield grants
    finally:
        server.should_exit = True
        await task
