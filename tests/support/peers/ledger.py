"""An ASGI layer that counts the requests to any authorization server, and steers the server.

/__control works as on the authorization servers on Node (control.mjs): GET answers `{"counters": {…}}`, POST takes
`{"refuseTokens": true}` and the like. It needs no package, because it runs in environments with few packages.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

CONTROL = "/__control"


@dataclass(frozen=True)
class Places:
    """The paths of the endpoints; each registration's own path is below that of registrations (RFC 7592)."""

    token: str = "/token"
    revocation: str = "/revoke"
    registration: str = "/register"


class Ledger:
    """Wraps `app`; POST can name `actions` and `reset`; `report` returns further values for GET."""

    def __init__(
        self,
        app: App,
        actions: dict[str, Callable[[], Any]],
        places: Places = Places(),
        report: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._app = app
        self._actions = {**actions, "reset": self._reset}
        self._places = places
        self._report = report
        self._reset()

    def _reset(self) -> None:
        self._counters: dict[str, Any] = {
            "token": {},
            "tokenRequests": 0,
            "authMethods": {},
            "registrations": 0,
            "deletions": 0,
            "authorizations": 0,
            "revocations": 0,
        }

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == CONTROL:
            await self._control(scope, receive, send)
        else:
            await self._observe(scope, receive, send)

    async def _control(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            for name in json.loads((await receive())["body"]):
                self._actions[name]()
        body = json.dumps({"counters": self._counters, **self._report()}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    async def _observe(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        asked, answered = bytearray(), bytearray()
        status = 0

        async def hearing() -> Message:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def telling(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._counters["authorizations"] += _hands_out_a_code(message["headers"])
            elif scope["path"] == self._places.token:
                answered.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, hearing, telling)
        self._note(scope, asked.decode("latin-1"), status, bytes(answered))

    def _note(self, scope: MutableMapping[str, Any], asked: str, status: int, answered: bytes) -> None:
        request = (scope["method"], scope["path"])
        if request == ("POST", self._places.token):
            self._note_token_request(scope, parse_qs(asked), status, answered)
        elif request == ("POST", self._places.revocation):
            self._counters["revocations"] += status == 200
        elif request == ("POST", self._places.registration):
            self._counters["registrations"] += status == 201
        elif request[0] == "DELETE" and request[1].startswith(f"{self._places.registration}/"):
            self._counters["deletions"] += status in (200, 204)

    def _note_token_request(
        self, scope: MutableMapping[str, Any], form: dict[str, list[str]], status: int, answered: bytes
    ) -> None:
        self._counters["tokenRequests"] += 1
        outcome = "success" if status == 200 else json.loads(answered).get("error", str(status))
        outcomes = self._counters["token"].setdefault(form["grant_type"][0], {})
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        method = _auth_method(dict(scope["headers"]), form)
        self._counters["authMethods"][method] = self._counters["authMethods"].get(method, 0) + 1


def _hands_out_a_code(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a response redirects a browser with an authorization code (RFC 6749 section 4.1.2)."""
    places = [value.decode("latin-1") for name, value in headers if name.lower() == b"location"]
    return any("code" in parse_qs(urlsplit(place).query) for place in places)


def _auth_method(headers: dict[bytes, bytes], form: dict[str, list[str]]) -> str:
    """The client authentication method of a token request (RFC 6749 section 2.3)."""
    if headers.get(b"authorization", b"").startswith(b"Basic "):
        return "client_secret_basic"
    return "client_secret_post" if "client_secret" in form else "none"
