"""Scenario S5: a web app on a serverless host that added its OAuth support piece by piece.

    python grown_web_app.py

The MCP endpoints are /mcp/mcp (streamable HTTP) and /mcp/sse (HTTP+SSE of 2024-11-05, where each POST gets a 405).
POST the name of a stage to /__control to switch to it:

bare                401 without a challenge, every /.well-known 404, /register 404, registration at /api/oauth/register
server_metadata     RFC 8414 metadata at the origin, the endpoints below /api/oauth, `S256` and `plain`
resource_metadata   RFC 9728 metadata at the origin's root, with the origin as resource; they list `mcp_endpoints`
challenge           the 401 names these metadata
audience            a token is valid only for its requested resource; /register redirects to the real endpoint with 307

`rename` renames the resource, so that no earlier token is valid; `as_object` lists the endpoints by transport.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

from peers.observed import Observed
from peers.registering import AuthorizationServer
from peers.serving import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

STAGES = ("bare", "server_metadata", "resource_metadata", "challenge", "audience")


class WebApp:
    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._oauth = AuthorizationServer()
        self._streams: dict[str, asyncio.Queue[str]] = {}
        self.renew()
        oauth = self._oauth
        self.app = Starlette(
            routes=[
                Route("/mcp/mcp", self.streamable, methods=["POST"]),
                Route("/mcp/sse", self.stream, methods=["GET"]),
                Route("/mcp/message", self.message, methods=["POST"]),
                Route("/.well-known/oauth-authorization-server", self.server_metadata),
                Route("/.well-known/oauth-protected-resource", self.resource_metadata),
                Route("/register", self.register, methods=["GET", "POST", "OPTIONS"]),
                Route("/api/oauth/register", oauth.register, methods=["POST"]),
                Route("/api/oauth/authorize", oauth.authorize),
                Route("/api/oauth/token", oauth.token, methods=["POST"]),
            ]
        )

    @property
    def actions(self) -> dict[str, Any]:
        stages = {stage: lambda stage=stage: self._become(stage) for stage in STAGES}
        actions = (self.renew, self.refuse_tokens, self.rename, self.as_object)
        return {**stages, **{action.__name__: action for action in actions}}

    def renew(self) -> None:
        """Restore the initial state."""
        self._oauth.renew()
        self._resource = self._origin
        self._endpoints: Any = [f"{self._origin}/mcp/mcp", f"{self._origin}/mcp/sse"]
        self._become("bare")

    def refuse_tokens(self) -> None:
        self._oauth.refuse_tokens()

    def rename(self) -> None:
        self._resource = f"{self._origin}/mcp"

    def as_object(self) -> None:
        self._endpoints = {"streamable": "/mcp/mcp", "sse": "/mcp/sse"}

    def _become(self, stage: str) -> None:
        self._stage = STAGES.index(stage)

    def _has(self, stage: str) -> bool:
        return self._stage >= STAGES.index(stage)

    # MCP

    async def streamable(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        message = await request.json()
        return JSONResponse(_answer(message)) if "id" in message else Response(status_code=202)

    async def stream(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        session = secrets.token_hex(8)
        self._streams[session] = asyncio.Queue()
        return StreamingResponse(self._events(session), media_type="text/event-stream")

    async def _events(self, session: str) -> AsyncIterator[str]:
        yield f"event: endpoint\ndata: /mcp/message?sessionId={session}\n\n"
        while True:
            yield f"event: message\ndata: {await self._streams[session].get()}\n\n"

    async def message(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        message = await request.json()
        if "id" in message:
            await self._streams[request.query_params["sessionId"]].put(json.dumps(_answer(message)))
        return Response("Accepted", 202)

    def _refusal(self, request: Request) -> Response | None:
        resource = self._oauth.resource_of(request)
        if resource is not None and (resource == self._resource or not self._has("audience")):
            return None
        description = "No authorization provided" if resource is None else "Token audience mismatch"
        headers = {}
        if self._has("challenge"):
            place = f"{self._origin}/.well-known/oauth-protected-resource"
            headers["www-authenticate"] = f'Bearer realm="{self._origin}", resource_metadata="{place}"'
        return JSONResponse({"error": "invalid_token", "error_description": description}, 401, headers)

    # Published metadata

    async def server_metadata(self, request: Request) -> Response:
        if not self._has("server_metadata"):
            return _not_found()
        metadata = self._oauth.metadata(self._origin, f"{self._origin}/api/oauth")
        metadata |= {"code_challenge_methods_supported": ["S256", "plain"], "resource_parameter_supported": True}
        if self._has("audience"):
            metadata["registration_endpoint"] = f"{self._origin}/register"
        return JSONResponse(metadata)

    async def resource_metadata(self, request: Request) -> Response:
        if not self._has("resource_metadata"):
            return _not_found()
        named = {"resource": self._resource, "authorization_servers": [self._origin]}
        return JSONResponse({**named, "bearer_methods_supported": ["header"], "mcp_endpoints": self._endpoints})

    async def register(self, request: Request) -> Response:
        return RedirectResponse("/api/oauth/register", 307) if self._has("audience") else _not_found()


def _not_found() -> Response:
    return Response("<html>This page could not be found.</html>", 404, media_type="text/html")


def _answer(message: dict[str, Any]) -> dict[str, Any]:
    """A minimal MCP server: its only tool tells the revision of the session."""
    results = {
        "initialize": {
            "protocolVersion": "2025-03-26",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "web app", "version": "1"},
        },
        "tools/list": {"tools": [{"name": "query", "inputSchema": {"type": "object"}}]},
        "tools/call": {"content": [{"type": "text", "text": "rows"}]},
    }
    reply = {"jsonrpc": "2.0", "id": message["id"]}
    if message["method"] not in results:
        return {**reply, "error": {"code": -32601, "message": "Method not found"}}
    return {**reply, "result": results[message["method"]]}


def build(origin: str) -> Observed:
    app = WebApp(origin)
    return Observed(app.app, None, app.actions)


if __name__ == "__main__":
    serve(build)
