"""Contains the faults of relays: an exception costs one message, and its request still gets exactly one reply.

A relay that raises may have changed half of its state: it may know of a call that was never made, or no longer know of
a request. So this module keeps a second record of the requests that wait, and of the calls that run for them. It costs
two entries a request, and is read after a fault only.

The actions of the entry that raised are lost, but not what the relays remember of them: that a timer is set, that a
request is under way. So after each fault every relay is woken by `AFTER_FAULT`, and does such things again.
"""

from collections.abc import Hashable, Iterator, Sequence

from mcp_auth_bridge.errors import BridgeError, internal_error
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    AFTER_FAULT,
    FORGET_INITIALIZE,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Hangup,
    Message,
    Relay,
    Report,
    ToClient,
    ToServer,
    Wake,
    collected,
)
from mcp_auth_bridge.relay.call_numbers import STREAM

_CANCELLED = "notifications/cancelled"
_TIMER = "isolation"
_PATIENCE = 120.0
"""Seconds that a request may wait without a call after a fault. Without a fault it waits 105 at most: 45 for a login,
then 60 for `initialize`.
"""

_AGAIN = 30.0
"""Seconds until `woke` is called again for the same timer after it raised: deadlines depend on timers."""

_MOST_GIVEN_UP = 1000


class Isolation:
    """Wraps the relays in which a fault is to be contained."""

    def __init__(self, inner: Relay) -> None:
        # The relays in which a fault is to be contained.
        self._inner = inner

        # The requests without a reply, by key.
        self._open: dict[Hashable, Message] = {}

        # The key of the request for which each call was made.
        self._calls: dict[int, Hashable] = {}

        # The calls that carry a request and have not ended.
        self._running: set[int] = set()

        # The calls that ended before their request had a reply, by its key: they may be made again.
        self._unanswered: dict[Hashable, set[int]] = {}

        # The keys of the requests that were answered here, in that order: a reply from the relay would be a second one.
        self._given_up: dict[Hashable, None] = {}

        # Whether there has been a fault, so that open requests are checked from time to time.
        self._watching = False

        # The requests without a running call at the last check.
        self._doubtful: dict[Hashable, Message] = {}

        # The faults that were reported.
        self._known: set[str] = set()

    def from_client(self, message: Message) -> Sequence[Action]:
        cancelled = None
        if message.kind is REQUEST:
            self._open.setdefault(message.key, message)
            if self._given_up:
                self._given_up.pop(message.key, None)
        elif message.method == _CANCELLED:
            cancelled = self._take_cancelled(message)
        try:
            return self._review(self._inner.from_client(message))
        except Exception as bug:  # noqa: BLE001 - the purpose of this module
            return self._fault_of_client(message, cancelled, bug)

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        try:
            return self._review(self._inner.from_server(call, message))
        except Exception as bug:  # noqa: BLE001 - as above
            return self._fault_of_server(call, message, bug)

    def alive(self, call: int) -> Sequence[Action]:
        try:
            return self._review(self._inner.alive(call))
        except Exception as bug:  # noqa: BLE001 - as above
            return [*self._report(internal_error(bug)), *self._recover(AFTER_FAULT)]

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        self._running.discard(call)
        try:
            actions = self._inner.ended(call, error)
            if actions:
                actions = self._review(actions)
        except Exception as bug:  # noqa: BLE001 - as above
            why = internal_error(bug)
            actions = [*self._report(why), *self._answer_ended(call, why), *self._recover(AFTER_FAULT)]
        if call in self._calls:
            key = self._calls[call]
            if key in self._open:
                self._unanswered.setdefault(key, set()).add(call)
            else:
                del self._calls[call]
        return actions

    def woke(self, timer: str) -> Sequence[Action]:
        if timer == _TIMER:
            return self._look_again()
        try:
            return self._review(self._inner.woke(timer))
        except Exception as bug:  # noqa: BLE001 - as above
            return [Wake(timer, _AGAIN), *self._report(internal_error(bug)), *self._recover(AFTER_FAULT)]

    @collected
    def _fault_of_client(self, message: Message, cancelled: Hashable | None, bug: Exception) -> Iterator[Action]:
        """The relay has raised `bug` on a message of the client's, which has `cancelled` this request."""
        yield from self._report(error := internal_error(bug))
        if message.kind is REQUEST:
            yield from self._fail(message, error)
        elif cancelled is not None:
            self._never_answer(cancelled)
        yield from self._recover(AFTER_FAULT)

    @collected
    def _fault_of_server(self, call: int, message: Message, bug: Exception) -> Iterator[Action]:
        yield from self._report(error := internal_error(bug))
        if message.kind is REPLY and call != STREAM:
            yield from self._break_off(call, error)
        yield from self._recover(AFTER_FAULT)

    @collected
    def _recover(self, timer: str) -> Iterator[Action]:
        """Let the relays know of a fault by `timer`. What they lose in a second one is lost."""
        try:
            yield from self._review(self._inner.woke(timer))
        except Exception as bug:  # noqa: BLE001 - as above
            yield from self._report(internal_error(bug))

    def _take_cancelled(self, message: Message) -> Hashable | None:
        """The key of the request that `message` cancels, None if it cancels none. `initialize` cannot be cancelled."""
        request = self._open.get(message.cancelled_key)
        if request is None or request.method == "initialize":
            return None
        self._close(request.key)
        return request.key

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        """Note the `actions`. They are handed on without the replies to requests that have one already."""
        reviewed = actions
        for action in actions:
            passes = True
            if type(action) is ToServer:
                if action.message.kind is REQUEST:
                    self._running.add(action.call)
                    self._calls.setdefault(action.call, action.message.key)  # one made again may carry another id
            elif type(action) is ToClient:
                passes = action.message.kind is not REPLY or self._is_first_reply(action.message.key)
            elif type(action) is Fail:
                passes = self._is_first_failure(action.request)
            elif type(action) is Hangup:
                self._running.discard(action.call)
                self._calls.pop(action.call, None)
            if not passes:
                reviewed = [other for other in reviewed if other is not action]
        return reviewed

    def _is_first_reply(self, key: Hashable) -> bool:
        if self._given_up and key in self._given_up:
            del self._given_up[key]
            return False
        self._close(key)
        return True

    def _close(self, key: Hashable) -> None:
        """The request `key` gets no reply from now on, and none of its calls is made again."""
        self._open.pop(key, None)
        for call in self._unanswered.pop(key, ()):
            if call not in self._running:
                self._calls.pop(call, None)

    def _is_first_failure(self, request: Message) -> bool:
        """Whether a failure is the first reply to `request`.

        A second request with the same id fails, but that does not answer the first.
        """
        key = request.key
        return self._open.get(key, request) is not request or self._is_first_reply(key)

    @collected
    def _report(self, error: BridgeError) -> Iterator[Action]:
        """Report `error`, each place of a fault once, and watch from now on for requests that were lost."""
        if error.message not in self._known:
            self._known.add(error.message)
            yield Report(error)
        if not self._watching:
            self._watching = True
            yield Wake(_TIMER, _PATIENCE)

    @collected
    def _look_again(self) -> Iterator[Action]:
        """Answer the requests that have no running call now and had none at the last check: a fault has lost them."""
        at_work = {self._calls.get(call) for call in self._running}
        waiting = {key: request for key, request in self._open.items() if key not in at_work}
        for key, request in waiting.items():
            if self._doubtful.get(key) is request:
                yield self._give_up(request, BridgeError("the request was lost in a fault of the bridge itself"))
        self._doubtful = waiting
        yield Wake(_TIMER, _PATIENCE)

    @collected
    def _fail(self, request: Message, error: BridgeError) -> Iterator[Action]:
        """Answer `request`, during which the fault occurred, and let the relay forget it: its calls were not made."""
        if self._open.get(request.key) is not request:
            return
        yield self._give_up(request, error)
        if request.method == "initialize":
            yield from self._recover(FORGET_INITIALIZE)
            return
        cancelled = replies.notification(_CANCELLED, {"requestId": request.key})
        try:
            actions = self._inner.from_client(cancelled)
        except Exception as bug:  # noqa: BLE001 - as above
            yield from self._report(internal_error(bug))
        else:
            yield from self._review([action for action in actions if not _is_cancellation(action)])

    @collected
    def _break_off(self, call: int, error: BridgeError) -> Iterator[Action]:
        """End `call` and tell the relay, which knows best which requests wait for it."""
        key = self._calls.get(call)
        yield Hangup(call)
        self._running.discard(call)
        try:
            yield from self._review(self._inner.ended(call, error))
        except Exception as bug:  # noqa: BLE001 - as above
            yield from self._report(internal_error(bug))
        yield from self._answer_ended(call, error, key)

    @collected
    def _answer_ended(self, call: int, error: BridgeError, key: Hashable = None) -> Iterator[Action]:
        """Answer the request of `call`, which has ended, unless the relay has answered it or continues it."""
        request = self._open.get(self._calls.pop(call, key))
        if request is not None and request.key not in {self._calls.get(other) for other in self._running}:
            yield self._give_up(request, error)

    def _give_up(self, request: Message, error: BridgeError) -> Action:
        self._close(request.key)
        self._never_answer(request.key)
        return Fail(request, error)

    def _never_answer(self, key: Hashable) -> None:
        self._given_up[key] = None
        if len(self._given_up) > _MOST_GIVEN_UP:
            del self._given_up[next(iter(self._given_up))]


def _is_cancellation(action: Action) -> bool:
    return isinstance(action, ToServer) and action.message.method == _CANCELLED
