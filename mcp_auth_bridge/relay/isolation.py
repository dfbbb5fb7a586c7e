"""A fault of the relay's own costs the message that met it, and its sender is told: exactly one answer even then.

A relay that raises has kept its books halfway: it may know of a call that was never made, or no longer know of a
request. So there is a second book here of who waits, and of what runs for whom. It costs two entries a request, and is
only read after a fault.
"""

from collections.abc import Hashable, Iterable, Iterator

from mcp_auth_bridge.errors import BridgeError, fault
from mcp_auth_bridge.relay.base import Action, Fail, Hangup, Kind, Message, Relay, Report, ToClient, ToServer, Wake
from mcp_auth_bridge.relay.call_numbers import STREAM

_TIMER = "isolation"
_PATIENCE = 120.0
"""Seconds that a request may wait with nothing running for it once there has been a fault. The longest that one does
without a fault is 105: 45 for a login, then 60 for an opening.
"""

_AGAIN = 30.0
"""Seconds until a timer that met a fault fires again: deadlines depend on theirs."""

_MOST_GIVEN_UP = 1000


class Isolation:
    """Wraps the relays in which a fault is to be contained."""

    def __init__(self, inner: Relay) -> None:
        self._inner = inner
        self._open: dict[Hashable, Message] = {}
        self._calls: dict[int, Hashable] = {}  # the key of the request that each is made for
        self._running: set[int] = set()
        self._given_up: dict[Hashable, None] = {}  # answered here: an answer of the relay's would be the second one
        self._watching = False
        self._doubtful: dict[Hashable, Message] = {}
        self._said: set[str] = set()

    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is Kind.REQUEST:
            key = message.key
            self._open.setdefault(key, message)
            self._given_up.pop(key, None)
        cancelled = self._cancelled(message)
        try:
            yield from self._review(self._inner.from_client(message))
        except Exception as bug:  # noqa: BLE001 - whatever it is, it ends here: the module's purpose
            yield from self._reported(error := fault(bug))
            if message.kind is Kind.REQUEST:
                yield from self._refused(message, error)
            elif cancelled is not None:
                self._never_answer(cancelled)

    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        try:
            yield from self._review(self._inner.from_server(call, message))
        except Exception as bug:  # noqa: BLE001 - as above
            yield from self._reported(error := fault(bug))
            if message.kind is Kind.REPLY and call != STREAM:
                yield from self._broken_off(call, error)

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        self._running.discard(call)
        try:
            yield from self._review(self._inner.ended(call, error))
        except Exception as bug:  # noqa: BLE001 - as above
            yield from self._reported(why := fault(bug))
            yield from self._unanswered(call, why)
        if self._calls.get(call) not in self._open:  # else it may be made again
            self._calls.pop(call, None)

    def woke(self, timer: str) -> Iterator[Action]:
        if timer == _TIMER:
            yield from self._look_again()
            return
        try:
            yield from self._review(self._inner.woke(timer))
        except Exception as bug:  # noqa: BLE001 - as above
            yield Wake(timer, _AGAIN)
            yield from self._reported(fault(bug))

    def _cancelled(self, message: Message) -> Hashable | None:
        """The key of the request that is not to be answered from now on; `initialize` cannot be cancelled."""
        if message.kind is not Kind.NOTIFICATION or message.method != "notifications/cancelled":
            return None
        request = self._open.get(message.cancelled_key)
        if request is None or request.method == "initialize":
            return None
        del self._open[request.key]
        return request.key

    def _review(self, actions: Iterable[Action]) -> Iterator[Action]:
        for action in actions:
            if isinstance(action, ToServer):
                self._made(action)
            elif isinstance(action, ToClient):
                if action.message.kind is Kind.REPLY and not self._is_first_answer(action.message.key):
                    continue
            elif isinstance(action, Fail):
                if not self._is_first_failure(action.request):
                    continue
            elif isinstance(action, Hangup):
                self._running.discard(action.call)
                self._calls.pop(action.call, None)
            yield action

    def _made(self, action: ToServer) -> None:
        if action.message.kind is Kind.REQUEST:
            self._running.add(action.call)
            self._calls.setdefault(action.call, action.message.key)  # made again, it may have another id

    def _is_first_answer(self, key: Hashable) -> bool:
        if self._given_up and key in self._given_up:
            del self._given_up[key]
            return False
        self._open.pop(key, None)
        return True

    def _is_first_failure(self, request: Message) -> bool:
        """A second request with an id that is in use is refused, which does not answer the first one."""
        key = request.key
        return self._open.get(key, request) is not request or self._is_first_answer(key)

    def _reported(self, error: BridgeError) -> Iterator[Action]:
        """Say `error`, each place of a fault once, and watch from now on for requests that nothing will answer."""
        if error.message not in self._said:
            self._said.add(error.message)
            yield Report(error)
        if not self._watching:
            self._watching = True
            yield Wake(_TIMER, _PATIENCE)

    def _look_again(self) -> Iterator[Action]:
        """A request that waited at the last look, and for which nothing runs even now, was lost in a fault."""
        at_work = {self._calls.get(call) for call in self._running}
        waiting = {key: request for key, request in self._open.items() if key not in at_work}
        for key, request in waiting.items():
            if self._doubtful.get(key) is request:
                yield self._give_up(request, BridgeError("the request was lost in a fault of the bridge itself"))
        self._doubtful = waiting
        yield Wake(_TIMER, _PATIENCE)

    def _refused(self, request: Message, error: BridgeError) -> Iterator[Action]:
        """The fault met `request` on its way: a call of its own that got out is taken back."""
        if self._open.get(request.key) is not request:
            return
        for call in [call for call in self._running if self._calls.get(call) == request.key]:
            yield from self._broken_off(call, error)
        if self._open.get(request.key) is request:
            yield self._give_up(request, error)

    def _broken_off(self, call: int, error: BridgeError) -> Iterator[Action]:
        """End `call` and tell the relay, which knows best who waits for it."""
        key = self._calls.get(call)
        yield Hangup(call)
        self._running.discard(call)
        try:
            yield from self._review(self._inner.ended(call, error))
        except Exception as bug:  # noqa: BLE001 - as above
            yield from self._reported(fault(bug))
        yield from self._unanswered(call, error, key)

    def _unanswered(self, call: int, error: BridgeError, key: Hashable = None) -> Iterator[Action]:
        """Answer the request of `call`, which has ended, unless the relay has done that or goes on with it."""
        request = self._open.get(self._calls.pop(call, key))
        if request is not None and request.key not in {self._calls.get(other) for other in self._running}:
            yield self._give_up(request, error)

    def _give_up(self, request: Message, error: BridgeError) -> Action:
        del self._open[request.key]
        self._never_answer(request.key)
        return Fail(request, error)

    def _never_answer(self, key: Hashable) -> None:
        self._given_up[key] = None
        if len(self._given_up) > _MOST_GIVEN_UP:
            del self._given_up[next(iter(self._given_up))]
