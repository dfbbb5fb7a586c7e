"""After a session was lost and opened again, says to the new one what the client had said to the old one.

A client sets its log level and subscribes to resources once; it does not know that its session is another one now.
"""

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Action, Around, Fail, Kind, Message, Relay, SessionOpened, ToClient

_LEVEL = "logging/setLevel"
_SUBSCRIBE = "resources/subscribe"
_UNSUBSCRIBE = "resources/unsubscribe"


class SessionReplay(Around):
    """Wraps the relay that keeps the session. What it says again has ids of its own, and its answers stay here."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)
        self._level: Any = None
        self._uris: dict[str, None] = {}  # in the order of subscribing
        self._ours: set[Hashable] = set()
        self._last = 0
        self._opened = False

    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is Kind.REQUEST and message.method in (_LEVEL, _SUBSCRIBE, _UNSUBSCRIBE):
            self._note(message)
        elif message.kind is Kind.REQUEST and message.method == "initialize":
            self._level, self._uris, self._opened = None, {}, False
        yield from self._seen(self._inner.from_client(message))

    def _note(self, message: Message) -> None:
        uri = message.params.get("uri")
        if message.method == _LEVEL:
            self._level = message.params.get("level")
        elif isinstance(uri, str) and message.method == _SUBSCRIBE:
            self._uris[uri] = None
        elif isinstance(uri, str):
            self._uris.pop(uri, None)

    def _seen(self, actions: Iterable[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY) as answer) if answer.key in self._ours:
                    self._ours.discard(answer.key)
                case Fail(request=request) if request.key in self._ours:
                    self._ours.discard(request.key)
                case SessionOpened():
                    yield action
                    if self._opened:
                        yield from self._say_again()
                    self._opened = True
                case _:
                    yield action

    def _say_again(self) -> Iterator[Action]:
        if self._level is not None:
            yield from self._say(_LEVEL, {"level": self._level})
        for uri in self._uris:
            yield from self._say(_SUBSCRIBE, {"uri": uri})

    def _say(self, method: str, params: dict[str, Any]) -> Iterator[Action]:
        """Any: a level is what the client called one."""
        self._last += 1
        request = replies.request(method, params, self._last)
        self._ours.add(request.key)
        yield from self._seen(self._inner.from_client(request))
