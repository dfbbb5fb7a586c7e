"""Forwards messages between a client and a server of one era. Reads only ids, and gives each request one reply."""

from collections.abc import Hashable, Iterator

from mcp_auth_bridge.errors import BridgeError, OurProtocolError, OutcomeUnknown
from mcp_auth_bridge.relay.base import Action, Fail, Hangup, Kind, Message, ToClient, ToServer, collected
from mcp_auth_bridge.relay.call_numbers import FORWARDED, CallNumbers


class Passthrough:
    """Makes one call for each client message. A reply counts only under the call of its request.

    `numbers` are those of its calls: stacks of relays that take turns in one process share them.
    """

    def __init__(self, numbers: CallNumbers | None = None) -> None:
        self._requests: dict[int, Message] = {}
        self._calls: dict[Hashable, int] = {}
        self._numbers = numbers or CallNumbers(FORWARDED)

    @collected
    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is Kind.REQUEST:
            yield from self._request(message)
            return
        yield ToServer(self._numbers.take(), message)
        if message.method == "notifications/cancelled":
            yield from self._cancel(message)

    @collected
    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        if message.kind is not Kind.REPLY:
            yield ToClient(message)
        elif call in self._requests and self._requests[call].key == message.key:
            self._forget(call)
            yield ToClient(message)
        # Any other reply is foreign, late or a duplicate, and is dropped.

    @collected
    def alive(self, call: int) -> Iterator[Action]:  # noqa: ARG002 - it sets no deadlines
        yield from ()

    @collected
    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        request = self._forget(call)
        if request is not None:
            unanswered = OutcomeUnknown("the server ended its response without a reply", "look before repeating it")
            yield Fail(request, error or unanswered)

    @collected
    def woke(self, timer: str) -> Iterator[Action]:  # noqa: ARG002 - it sets no timers
        yield from ()

    @collected
    def _request(self, message: Message) -> Iterator[Action]:
        if message.key in self._calls:
            yield Fail(message, OurProtocolError("this id belongs to a request that is still running"))
            return
        call = self._numbers.take()
        self._requests[call] = message
        self._calls[message.key] = call
        yield ToServer(call, message)

    @collected
    def _cancel(self, message: Message) -> Iterator[Action]:
        """End the call of the request that the client cancelled. It is never answered."""
        call = self._calls.get(message.cancelled_key)
        if call is not None:
            self._forget(call)
            yield Hangup(call)

    def _forget(self, call: int) -> Message | None:
        request = self._requests.pop(call, None)
        if request is not None:
            del self._calls[request.key]
        return request
