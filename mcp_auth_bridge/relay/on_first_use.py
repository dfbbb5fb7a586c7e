"""A relay that is built when its first message comes: most clients speak one era, and need no relays for the other."""

from collections.abc import Callable, Sequence

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay.base import NOTHING, Action, Message, Relay


class OnFirstUse:
    """The relay that `build` returns. The client has to speak first; until it does, there is nothing to be done."""

    def __init__(self, build: Callable[[], Relay]) -> None:
        self._build = build
        self._inner: Relay | None = None

    def from_client(self, message: Message) -> Sequence[Action]:
        if self._inner is None:
            self._inner = self._build()
        return self._inner.from_client(message)

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        return NOTHING if self._inner is None else self._inner.from_server(call, message)

    def alive(self, call: int) -> Sequence[Action]:
        return NOTHING if self._inner is None else self._inner.alive(call)

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        return NOTHING if self._inner is None else self._inner.ended(call, error)

    def woke(self, timer: str) -> Sequence[Action]:
        return NOTHING if self._inner is None else self._inner.woke(timer)
