"""An MCP server that demands `Mcp-Param-*` in legacy sessions, as GitHub's does (github-mcp-server #3311).

    python parameter_demanding.py (null | same)

The tools are listed on two pages. A call whose headers do not repeat the arguments that `x-mcp-header` names is refused
with HTTP 400 and -32020, under the id null or the same id as the request.
"""

import sys
from typing import Any

from observed import Observed
from serving import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SESSION = "a-session"


def tool(name: str, *mirrored: str) -> dict[str, Any]:
    properties = {each.lower(): {"type": "string", "x-mcp-header": each} for each in mirrored}
    return {"name": name, "inputSchema": {"type": "object", "properties": properties}}


# The client sees `broken`: only the modern era hides tools whose annotation breaks a rule.
PAGES = {"": [tool("get_me"), tool("broken", "not a token")], "2": [tool("list_issues", "Owner", "Repo")]}
MIRRORED = {"list_issues": ("owner", "repo")}


class Demanding:
    def __init__(self, refusal_id: str) -> None:
        self._refusal_id = refusal_id
        self.app = Observed(Starlette(routes=[Route("/mcp", self.mcp, methods=["POST"])]), None, {})

    async def mcp(self, request: Request) -> Response:
        message = await request.json()
        if "id" not in message:
            return Response(status_code=202)
        id_, method, params = message["id"], message["method"], message.get("params", {})
        if method == "initialize":
            headers = {"mcp-session-id": SESSION}
            return JSONResponse({"jsonrpc": "2.0", "id": id_, "result": welcome(params)}, headers=headers)
        if request.headers.get("mcp-session-id") != SESSION:
            return Response(status_code=404)
        if method == "tools/call" and not is_mirrored(request, params):
            error = {"code": -32020, "message": "HeaderMismatch: Mcp-Param headers must repeat the arguments"}
            refused = id_ if self._refusal_id == "same" else None
            return JSONResponse({"jsonrpc": "2.0", "id": refused, "error": error}, 400)
        return JSONResponse({"jsonrpc": "2.0", "id": id_, "result": result(method, params)})


def welcome(params: dict[str, Any]) -> dict[str, Any]:
    info = {"name": "github", "version": "1"}
    return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": info}


def is_mirrored(request: Request, params: dict[str, Any]) -> bool:
    arguments = params.get("arguments", {})
    return all(
        request.headers.get(f"mcp-param-{name}") == arguments.get(name) for name in MIRRORED.get(params["name"], ())
    )


def result(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "tools/list":
        cursor = params.get("cursor", "")
        return {"tools": PAGES[cursor], **({} if cursor else {"nextCursor": "2"})}
    return {"content": [{"type": "text", "text": f"{params['name']} ran"}]}


if __name__ == "__main__":
    serve(lambda origin: Demanding(sys.argv[1]).app)
