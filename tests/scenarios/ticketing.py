"""Scenario S4: a ticketing backend that accepts its application's own JWTs, and the command that prints them.

    python ticketing.py serve            the server: without OAuth
    python ticketing.py token ORIGIN     the command: signs in with $TICKETS_PASSWORD and prints a token

The JWTs are HS256 with `exp aud org role`. `initialize` and `tools/list` are open; a tool call without a valid token
gets a bare 401. The paths under /app belong to the application and do not concern the bridge.
"""

import json
import os
import secrets
import sys
import time
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

import jwt
from peers.observed import Observed
from peers.serving import serve
from starlette import requests, responses
from starlette.applications import Starlette
from starlette.routing import Route

PASSWORD = "tickets-password-0c9f"
MINUTES, SECONDS = 300, 3

_KEY = secrets.token_hex(32)


class Backend:
    """`life` is the lifetime of the tokens in seconds; `mood` selects the output that replaces a valid token."""

    def __init__(self) -> None:
        self.renew()
        self.app = Starlette(
            routes=[
                Route("/mcp", self.mcp, methods=["POST", "DELETE"]),
                Route("/app/token", self.token, methods=["POST"]),
            ]
        )

    def renew(self) -> None:
        """Restore the initial state."""
        self._life = MINUTES
        self._revoked_before = 0
        self._minted = 0
        self._mood = "good"

    def revoke(self) -> None:
        """Refuse every token printed so far."""
        self._revoked_before = self._minted

    def short(self) -> None:
        self._life = SECONDS

    def stale(self) -> None:
        """Print the last token again and again, as an application with a cache does."""
        self._mood = "stale"

    def expired(self) -> None:
        self._mood = "expired"

    def elsewhere(self) -> None:
        """Print tokens for another audience."""
        self._mood = "elsewhere"

    async def mcp(self, request: requests.Request) -> responses.Response:
        if request.method == "DELETE":
            return responses.Response(status_code=405)
        message = await request.json()
        if message["method"] == "tools/call" and not self._is_good(request.headers.get("authorization", "")):
            return responses.Response(status_code=401)
        if "id" not in message:
            return responses.Response(status_code=202)
        return responses.JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": _result(message["method"])})

    def _is_good(self, authorization: str) -> bool:
        try:
            claims = jwt.decode(authorization.removeprefix("Bearer "), _KEY, ["HS256"], audience="tickets")
        except jwt.InvalidTokenError:
            return False
        return bool(claims["number"] > self._revoked_before)

    async def token(self, request: requests.Request) -> responses.Response:
        if request.headers.get("authorization") != f"Password {PASSWORD}":
            return responses.Response(status_code=403)
        if self._mood != "stale":
            self._minted += 1
        exp = int(time.time()) + (-60 if self._mood == "expired" else self._life)
        audience = "wiki" if self._mood == "elsewhere" else "tickets"
        claims = {"exp": exp, "aud": audience, "org": "acme", "role": "write", "number": self._minted}
        return responses.PlainTextResponse(jwt.encode(claims, _KEY, "HS256"))


def _result(method: str) -> dict[str, Any]:
    match method:
        case "initialize":
            info = {"name": "tickets", "version": "1"}
            return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": info}
        case "tools/list":
            return {"tools": [{"name": "close", "inputSchema": {"type": "object"}}]}
    return {"content": [{"type": "text", "text": "closed"}]}


def build() -> Observed:
    backend = Backend()
    actions = (backend.renew, backend.revoke, backend.short, backend.stale, backend.expired, backend.elsewhere)
    return Observed(backend.app, None, {action.__name__: action for action in actions})


def print_token(origin: str) -> None:
    """The application's command."""
    headers = {"authorization": f"Password {os.environ.get('TICKETS_PASSWORD', '')}"}
    request = Request(f"{origin}/app/token", b"", headers)
    with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
        token = answer.read().decode()
    sys.stdout.write(json.dumps({"access_token": token, "token_type": "Bearer"}) + "\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            serve(lambda _: build())
        case ["token", origin]:
            print_token(origin)
