"""An ASGI layer that records every request; the tests read and steer it at /__control."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTROL = "/__control"


class Observed:
    """Wraps `app`: records, requires the header `required` ("Name: value") on the MCP endpoint, can lose sessions.

    GET /__control answers `{"requests": […]}`; POST takes a list of names: `reset`, `lose_sessions`, or any of
    `actions`.
    """

    def __init__(self, app: ASGIApp, required: str | None, actions: Mapping[str, Callable[[], None]]) -> None:
        self._app = app
        self._required = _split(required) if required else None
        self._requests: list[dict[str, Any]] = []
        self._lost: set[str] = set()
        self._actions = {**actions, "reset": self._requests.clear, "lose_sessions": self._lose_sessions}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == CONTROL:
            await self._control(scope, receive, send)
        else:
            await self._observe(scope, receive, send)

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            for name in json.loads((await receive())["body"]):
                self._actions[name]()
        await JSONResponse({"requests": self._requests})(scope, receive, send)

    async def _observe(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        seen: dict[str, Any] = {
            "http": scope["method"],
            "path": scope["path"],
            "headers": {name: _masked(name, value) for name, value in headers.items()},
            "method": None,
            "status": None,
        }
        self._requests.append(seen)

        async def peeking_receive() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                seen["method"] = _rpc_method(message["body"]) or seen["method"]
            return message

        async def peeking_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                seen["session"] = dict(message["headers"]).get(b"mcp-session-id", b"").decode() or None
            await send(message)

        await self._gate(scope["path"], headers)(scope, peeking_receive, peeking_send)

    def _gate(self, path: str, headers: Mapping[str, str]) -> ASGIApp:
        if path != "/mcp":
            return self._app
        if self._required and headers.get(self._required[0]) != self._required[1]:
            return PlainTextResponse("this gateway wants the organisation's header", status_code=403)
        if headers.get("mcp-session-id") in self._lost:
            return JSONResponse(
                {"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "Session not found"}}, 404
            )
        return self._app

    def _lose_sessions(self) -> None:
        self._lost |= {seen["session"] for seen in self._requests if seen.get("session")}


def _split(header: str) -> tuple[str, str]:
    name, _, value = header.partition(":")
    return name.strip().lower(), value.strip()


def _masked(name: str, value: str) -> str:
    return f"{value.partition(' ')[0]} …" if name == "authorization" else value


def _rpc_method(body: bytes) -> str | None:
    """The JSON-RPC method, if the whole message came in one piece, as a test's messages do."""
    try:
        return json.loads(body).get("method")
    except (ValueError, AttributeError):
        return None
