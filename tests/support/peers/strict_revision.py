"""An MCP server of revision 2025-06-18, behind a login, that refuses newer revisions instead of offering its own.

    python strict_revision.py (400 | -32602)

400: HTTP 400 in plain text, as Slack's server (redhat-data-and-ai/template-agent #265) and xiaohongshu-mcp #697 do.
-32602: a JSON-RPC error, as agentic-awesome-skills #1003 does. POST `refuse_tokens` to /__control to end its tokens.
"""

import sys
from typing import Any

from observed import Observed
from registering import AuthorizationServer
from serving import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

REVISION = "2025-06-18"


class Strict:
    def __init__(self, origin: str, refusal: str) -> None:
        self._origin = origin
        self._refusal = refusal
        self._oauth = AuthorizationServer()
        oauth = self._oauth
        app = Starlette(
            routes=[
                Route("/mcp", self.mcp, methods=["POST"]),
                Route("/.well-known/oauth-protected-resource/mcp", self.resource_metadata),
                Route("/.well-known/oauth-authorization-server", self.server_metadata),
                Route("/register", oauth.register, methods=["POST"]),
                Route("/authorize", oauth.authorize),
                Route("/token", oauth.token, methods=["POST"]),
            ]
        )
        self.app = Observed(app, None, {"refuse_tokens": oauth.refuse_tokens})

    async def mcp(self, request: Request) -> Response:
        if self._oauth.resource_of(request) is None:
            return Response(status_code=401)
        message = await request.json()
        if "id" not in message:
            return Response(status_code=202)
        if self._is_too_new(request, message):
            if self._refusal == "400":
                return PlainTextResponse("unsupported protocol version", 400)
            error = {"code": int(self._refusal), "message": "Unsupported protocol version"}
            return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": error})
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": _result(message["method"])})

    def _is_too_new(self, request: Request, message: dict[str, Any]) -> bool:
        params = message.get("params", {})
        named = params.get("protocolVersion") or request.headers.get("mcp-protocol-version", REVISION)
        return bool(named > REVISION)

    async def resource_metadata(self, request: Request) -> Response:
        return JSONResponse({"resource": f"{self._origin}/mcp", "authorization_servers": [self._origin]})

    async def server_metadata(self, request: Request) -> Response:
        return JSONResponse(self._oauth.metadata(self._origin, self._origin))


def _result(method: str) -> dict[str, Any]:
    match method:
        case "initialize":
            info = {"name": "strict", "version": "1"}
            return {"protocolVersion": REVISION, "capabilities": {"tools": {}}, "serverInfo": info}
        case "tools/list":
            return {"tools": [{"name": "search", "inputSchema": {"type": "object"}}]}
    return {"content": [{"type": "text", "text": "found"}]}


if __name__ == "__main__":
    serve(lambda origin: Strict(origin, sys.argv[1]).app)
