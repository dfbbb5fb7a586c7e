"""Forwards messages between a client and a server of one era. Reads only ids, and gives each request one reply."""

from collections.abc import Hashable, Sequence

from mcp_auth_bridge.errors import BridgeError, OurProtocolError, OutcomeUnknown
from mcp_auth_bridge.relay.base import NOTHING, REPLY, REQUEST, Action, Fail, Hangup, Message, ToClient, ToServer
from mcp_auth_bridge.relay.call_numbers import FORWARDED, CallNumbers


class Passthrough:
    """Makes one call for each client message. A reply counts only under the call of its request.

    `numbers` are those of its calls: stacks of relays that take turns in one process share them.
    """

    def __init__(self, numbers: CallNumbers | None = None) -> None:
        self._requests: dict[int, Message] = {}
        self._calls: dict[Hashable, int] = {}
        self._numbers = numbers or CallNumbers(FORWARDED)

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST:
            return [self._request(message)]
        action = ToServer(self._numbers.take(), message)
        return [action, *self._cancel(message)] if message.method == "notifications/cancelled" else [action]

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        if message.kind is REPLY:
            request = self._requests.get(call)
            if request is None or request.key != message.key:
                return NOTHING  # it is foreign, late or a duplicate
            del self._requests[call], self._calls[request.key]
        return [ToClient(message)]

    def alive(self, call: int) -> Sequence[Action]:  # noqa: ARG002 - it sets no deadlines
        return NOTHING

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        request = self._forget(call)
        if request is None:
            return NOTHING
        unanswered = OutcomeUnknown("the server ended its response without a reply", "look before repeating it")
        return [Fail(request, error or unanswered)]

    def woke(self, timer: str) -> Sequence[Action]:  # noqa: ARG002 - it sets no timers
        return NOTHING

    def _request(self, message: Message) -> Action:
        key = message.key
        if key in self._calls:
            return Fail(message, OurProtocolError("this id belongs to a request that is still running"))
        call = self._numbers.take()
        self._requests[call] = message
        self._calls[key] = call
        return ToServer(call, message)

    def _cancel(self, message: Message) -> Sequence[Action]:
        """End the call of the request that the client cancelled. It is never answered."""
        call = self._calls.get(message.cancelled_key)
        if call is None:
            return NOTHING
        self._forget(call)
        return [Hangup(call)]

    def _forget(self, call: int) -> Message | None:
        request = self._requests.pop(call, None)
        if request is not None:
            del self._calls[request.key]
        return request
