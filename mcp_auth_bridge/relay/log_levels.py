"""Sets the log level of a legacy session to the most verbose one for which the client's running requests ask.

Since MCP 2026-07-28 each request names its level, or none; before, a session has one (`logging/setLevel`). A request
that needs another level waits until the server has set it, or has taken too long. `exchange_notices.py`
decides for each message whether the client gets it: the session's level only limits the messages of the server.
"""

from collections.abc import Hashable, Iterator, Sequence
from itertools import count

from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    NOTHING,
    REQUEST,
    Action,
    Fail,
    Kind,
    Message,
    Relay,
    Reviewing,
    ToClient,
    Wake,
    collected,
)
from mcp_auth_bridge.relay.legacy_server import LegacyServer
from mcp_auth_bridge.relay.modern_requests import LEVELS, level_in, meta_of

PATIENCE = 5.0
"""Seconds that a request waits for its level: messages at another level are better than no result."""

_METHOD = "logging/setLevel"
_TIMER = "log level"


class LogLevels(Reviewing):
    """Wraps the relay that makes the calls. `server` must be known once the first request comes."""

    def __init__(self, inner: Relay, server: LegacyServer) -> None:
        super().__init__(inner)

        # What the server has declared.
        self._server = server

        # The levels of the client's running requests that name one, by key: places in `LEVELS`.
        self._wanted: dict[Hashable, int] = {}

        # The level of the session, None before the first.
        self._level: int | None = None

        # The request of this relay that the server has not answered.
        self._setting: Message | None = None

        # The keys of the requests of this relay whose replies mean nothing any more.
        self._late: set[Hashable] = set()

        # The client's requests that wait for a level, by key.
        self._held: dict[Hashable, Message] = {}

        # For the ids of the requests. `session_replay.py` counts upwards.
        self._numbers = count(-1, -1)

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST:
            level = level_in(meta_of(message)) if _may_name_level(message.raw) else None
            if level is not None:
                return self._request(message, level)
        elif message.method == "notifications/cancelled":
            self._wanted.pop(message.cancelled_key, None)
            if self._held.pop(message.cancelled_key, None) is not None:
                return NOTHING  # the server does not know of it yet
        return self._review(self._inner.from_client(message))

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        if timer != _TIMER:
            yield from self._review(self._inner.woke(timer))
        elif self._setting is not None:
            self._late.add(self._setting.key)
            self._setting = None
            yield from self._settle()

    @collected
    def _request(self, request: Message, level: int) -> Iterator[Action]:
        if self._server.offers("logging"):
            self._wanted[request.key] = level
            self._held[request.key] = request
            yield from self._settle()
        else:
            yield from self._review(self._inner.from_client(request))

    @collected
    def _settle(self) -> Iterator[Action]:
        """Set the level if it is another one than wanted, else let the requests go that wait for it."""
        if self._setting is not None:
            return
        level = min(self._wanted.values(), default=self._level)
        if level is not None and level != self._level and self._held:
            self._level = level
            self._setting = replies.request(_METHOD, {"level": LEVELS[level]}, next(self._numbers))
            yield Wake(_TIMER, PATIENCE)
            yield from self._review(self._inner.from_client(self._setting))
        else:
            held, self._held = self._held, {}
            for request in held.values():
                yield from self._review(self._inner.from_client(request))

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        if not self._wanted and self._setting is None and not self._late:
            return actions
        return self._reviewed(actions)

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY) as reply):
                    yield from self._answered(reply.key, action)
                case Fail(request=request):
                    yield from self._answered(request.key, action)
                case _:
                    yield action

    @collected
    def _answered(self, key: Hashable, action: Action) -> Iterator[Action]:
        if self._setting is not None and key == self._setting.key:
            self._setting = None
            yield from self._settle()
        elif key in self._late:
            self._late.discard(key)
        else:
            self._wanted.pop(key, None)
            yield action


def _may_name_level(raw: bytes) -> bool:
    """False if the request in `raw` certainly names no level: to find that out, nothing has to be decoded.

    A letter of a name can be written in another way only as an escape that begins with a backslash and `u`.
    """
    return b"logLevel" in raw or b"\\u" in raw
