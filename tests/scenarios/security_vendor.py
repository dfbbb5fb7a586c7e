"""Scenario S1: a security vendor's MCP server behind a filter like Envoy, with an organisation's header.

    python security_vendor.py

The MCP endpoint is /stage7. The header acme-com-org must be on each request there and on none to the authorization
server; OPTIONS reveals it. POST the name of a state to /__control:

published   variant (b), the initial state: protected-resource metadata, and an authorization server with dynamic
            registration at /oauth; its metadata are at the last of their places, and the filter answers at the others
walled      a firewall answers each POST to the authorization server with a page, HTTP 403
closed      before the vendor's fix: nothing is published, and the JWT of its other API is refused in plain text
accepting   variant (a): nothing is published, and the JWT of the other API is accepted with the organisation's header;
            without the header it is refused as before
"""

import json
from typing import Any

import jwt
from peers.observed import Observed
from peers.registering import AuthorizationServer
from peers.serving import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

HEADER, ORGANISATION = "acme-com-org", "org-4711"
CLAIMS = {"iss": "Vendor", "aud": "acme-graphql-server.vendor.example", "scope": "read:data read:platform"}
KEY = "the key of the other API, which nobody here knows"
_WALL = "<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1></body></html>"


class Vendor:
    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._issuer = f"{origin}/oauth"
        self._oauth = AuthorizationServer(foreign=HEADER)
        self.renew()
        self.app = Starlette(
            routes=[
                Route("/stage7", self.mcp, methods=["GET", "POST", "DELETE", "OPTIONS"]),
                Route("/.well-known/oauth-protected-resource/stage7", self.resource_metadata),
                Route("/.well-known/openid-configuration{rest:path}", self.filtered),
                Route("/oauth/.well-known/openid-configuration", self.server_metadata),
                Route("/oauth/register", self._walled(self._oauth.register), methods=["POST"]),
                Route("/oauth/authorize", self._oauth.authorize),
                Route("/oauth/token", self._walled(self._oauth.token), methods=["POST"]),
                Route("/register", self.filtered, methods=["GET", "POST", "OPTIONS"]),
            ]
        )

    @property
    def actions(self) -> dict[str, Any]:
        actions = (self.renew, self.walled, self.closed, self.accepting, self.refuse_tokens)
        return {action.__name__: action for action in actions}

    def renew(self) -> None:
        """Restore the initial state."""
        self._oauth.renew()
        self._published, self._wall, self._accepts_jwt = True, False, False

    def walled(self) -> None:
        self._wall = True

    def closed(self) -> None:
        self._published, self._wall = False, True

    def accepting(self) -> None:
        self.closed()
        self._accepts_jwt = True

    def refuse_tokens(self) -> None:
        self._oauth.refuse_tokens()

    async def mcp(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            allowed = f"authorization, content-type, mcp-protocol-version, mcp-session-id, {HEADER}"
            return Response(status_code=204, headers={"access-control-allow-headers": allowed})
        is_known = request.headers.get(HEADER) == ORGANISATION
        if self._accepts_jwt and not (is_known and _is_of_other_api(request)):
            return self._refusal("is missing" if "authorization" not in request.headers else "issuer is not configured")
        if not is_known:
            return PlainTextResponse("RBAC: access denied", 403)
        if not self._accepts_jwt and self._oauth.resource_of(request) != f"{self._origin}/stage7":
            return self._refusal("is missing" if "authorization" not in request.headers else "issuer is not configured")
        if request.method != "POST":
            return Response(status_code=405)
        message = json.loads(await request.body())
        return JSONResponse(_answer(message)) if "id" in message else Response(status_code=202)

    def _refusal(self, problem: str) -> Response:
        place = f"{self._origin}/.well-known/oauth-protected-resource/stage7"
        challenge = {"www-authenticate": f'Bearer resource_metadata="{place}"'}
        return PlainTextResponse(f"Jwt {problem}", 401, challenge if self._published else None)

    async def resource_metadata(self, request: Request) -> Response:
        named = {"resource": f"{self._origin}/stage7", "authorization_servers": [self._issuer]}
        return JSONResponse({**named, "scopes_supported": ["read:data", "read:platform"]}, self._status)

    async def server_metadata(self, request: Request) -> Response:
        return JSONResponse(self._oauth.metadata(self._issuer, self._issuer), self._status)

    async def filtered(self, request: Request) -> Response:
        """401 rather than 404: the filter requires a JWT for unknown paths. The firewall is in front of it."""
        if request.method == "POST" and self._wall:
            return HTMLResponse(_WALL, 403)
        return PlainTextResponse("Jwt is missing", 401)

    @property
    def _status(self) -> int:
        return 200 if self._published else 404

    def _walled(self, endpoint: Any) -> Any:
        async def walled(request: Request) -> Response:
            return HTMLResponse(_WALL, 403) if self._wall else await endpoint(request)

        return walled


def _is_of_other_api(request: Request) -> bool:
    try:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        jwt.decode(token, KEY, ["HS256"], audience=CLAIMS["aud"], issuer=CLAIMS["iss"])
    except jwt.InvalidTokenError:
        return False
    return True


def _answer(message: dict[str, Any]) -> dict[str, Any]:
    """A minimal MCP server."""
    results = {
        "initialize": {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "vendor", "version": "1"},
        },
        "tools/list": {"tools": [{"name": "findings", "inputSchema": {"type": "object"}}]},
        "tools/call": {"content": [{"type": "text", "text": "no findings"}]},
    }
    reply = {"jsonrpc": "2.0", "id": message["id"]}
    if message["method"] not in results:
        return {**reply, "error": {"code": -32601, "message": "Method not found"}}
    return {**reply, "result": results[message["method"]]}


def build(origin: str) -> Observed:
    vendor = Vendor(origin)
    return Observed(vendor.app, None, vendor.actions)


if __name__ == "__main__":
    serve(build)
