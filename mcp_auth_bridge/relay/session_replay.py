"""Repeats the client's log level and subscriptions in a session that replaces a lost one.

A client sets them once, and does not know that a new session has replaced its own.
"""

from collections.abc import Hashable, Iterator, Sequence
from itertools import count
from typing import Any

from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    REQUEST,
    Action,
    Fail,
    Kind,
    Message,
    Occasional,
    Relay,
    SessionOpened,
    ToClient,
    collected,
)

_LEVEL = "logging/setLevel"
_SUBSCRIBE = "resources/subscribe"
_UNSUBSCRIBE = "resources/unsubscribe"


class SessionReplay(Occasional):
    """Wraps the relay that keeps the session. The repeated requests have ids of their own; their replies end here."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)

        # The client's log level, None until it has set one. Any: any JSON.
        self._level: Any = None

        # The URIs that the client is subscribed to, in the order of subscribing.
        self._uris: dict[str, None] = {}

        # The keys of the repeated requests without a reply.
        self._own: set[Hashable] = set()

        # For the ids of the repeated requests.
        self._numbers = count(1)

        # Whether the client's `initialize` has led to a session, so that the next one replaces it.
        self._opened = False

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST and message.method in (_LEVEL, _SUBSCRIBE, _UNSUBSCRIBE):
            self._note(message)
        elif message.kind is REQUEST and message.method == "initialize":
            self._level, self._uris, self._opened = None, {}, False
        return self._review(self._inner.from_client(message))

    def _note(self, message: Message) -> None:
        uri = message.params.get("uri")
        if message.method == _LEVEL:
            self._level = message.params.get("level")
        elif isinstance(uri, str) and message.method == _SUBSCRIBE:
            self._uris[uri] = None
        elif isinstance(uri, str):
            self._uris.pop(uri, None)

    @property
    def is_idle(self) -> bool:
        return not self._own

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            kind = type(action)
            if kind is SessionOpened or (self._own and (kind is ToClient or kind is Fail)):
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY) as reply) if reply.key in self._own:
                    self._own.discard(reply.key)
                case Fail(request=request) if request.key in self._own:
                    self._own.discard(request.key)
                case SessionOpened():
                    yield action
                    if self._opened:
                        yield from self._repeat_all()
                    self._opened = True
                case _:
                    yield action

    @collected
    def _repeat_all(self) -> Iterator[Action]:
        if self._level is not None:
            yield from self._repeat(_LEVEL, {"level": self._level})
        for uri in self._uris:
            yield from self._repeat(_SUBSCRIBE, {"uri": uri})

    @collected
    def _repeat(self, method: str, params: dict[str, Any]) -> Iterator[Action]:
        """Send a request of this relay to the new session. Any: the client's level is any JSON."""
        request = replies.request(method, params, next(self._numbers))
        self._own.add(request.key)
        yield from self._review(self._inner.from_client(request))
