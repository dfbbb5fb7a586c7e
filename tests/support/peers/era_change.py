"""A server of the Python SDK whose operator replaces it: it speaks the eras that the test wants, one after the other.

    python era_change.py

Control: a wish `{"eras": ["legacy"], "delay": 0}`, and the answer `{"calls": N}`, the calls that its tool has done. An
era that it does not speak is refused as the servers of that kind refuse it: 2026-07-28 by the TypeScript SDK's legacy
transport, `initialize` by its modern-only handler.
"""

import asyncio
import json
from typing import Any

from mcp.server import MCPServer
from peers.serving import serve
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

MODERN = "2026-07-28"
UNKNOWN_VERSION = (-32000, "Bad Request: Unsupported protocol version", {})
MODERN_ONLY = (-32022, "Unsupported protocol version", {"supported": [MODERN], "requested": "2025-11-25"})

server = MCPServer("changing")
calls: list[int] = []


@server.tool()
def count(step: int) -> int:
    """Counts its calls."""
    calls.append(step)
    return sum(calls)


class Changing:
    """`eras` are those that the server speaks; each request waits `delay` seconds."""

    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner
        self.eras = ["legacy"]
        self.delay = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
        elif scope["path"] == "/__control":
            await self._control(Request(scope, receive))(scope, receive, send)
        else:
            await asyncio.sleep(self.delay)
            era = "modern" if Request(scope).headers.get("mcp-protocol-version", "") >= MODERN else "legacy"
            answer = (
                self._inner if era in self.eras else refusal(*(UNKNOWN_VERSION if era == "modern" else MODERN_ONLY))
            )
            await answer(scope, receive, send)

    def _control(self, request: Request) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            wish = json.loads(await request.body() or b"null") or {}
            self.eras, self.delay = wish.get("eras", self.eras), wish.get("delay", self.delay)
            await JSONResponse({"calls": len(calls)})(scope, receive, send)

        return answer


def refusal(code: int, message: str, data: dict[str, Any]) -> JSONResponse:
    error = {"code": code, "message": message, **({"data": data} if data else {})}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, 400)


if __name__ == "__main__":
    serve(lambda origin: Changing(server.streamable_http_app()))
