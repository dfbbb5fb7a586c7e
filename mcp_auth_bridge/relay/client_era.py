"""Recognises the era of the client by its messages, and hands them to the relay of that era.

`initialize` opens a legacy session; a request that names a version in its `_meta` is modern, and so is
`server/discover`. A dual-era client may probe with `server/discover`, lose patience and send `initialize`. If that is
refused, it may probe once more. The newest opening counts, and `initialize` ends the probes (specification 2026-07-28,
basic/transports/stdio).
"""

from collections.abc import Hashable, Iterator, Sequence

from mcp_auth_bridge.errors import BridgeError, MethodUnknown
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.alternatives import Alternatives
from mcp_auth_bridge.relay.base import REPLY, REQUEST, Action, Fail, Message, Relay, ToClient, collected
from mcp_auth_bridge.relay.era import DISCOVER
from mcp_auth_bridge.relay.mcp_headers import version_of


class ClientEra:
    """`legacy` and `modern` are the relays for clients of the two eras."""

    def __init__(self, legacy: Relay, modern: Relay) -> None:
        self._relays = Alternatives()
        self._legacy, self._modern = self._relays.add(legacy), self._relays.add(modern)

        # The number of the relay in use, None before the client has shown its era.
        self._used: int | None = None

        # The client's probes without a reply, by key.
        self._probes: dict[Hashable, Message] = {}

    @collected
    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is REQUEST:
            yield from self._recognise(message)
        elif self._probes and message.method == "notifications/cancelled":
            self._probes.pop(message.cancelled_key, None)
        confirms = message.method == "notifications/initialized"  # which only a session knows
        number = self._relays.addressee(message, self._legacy if confirms else self._in_use)
        yield from self._review(number, self._relays[number].from_client(message))

    @collected
    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        number = self._relays.maker(call, self._in_use)
        yield from self._review(number, self._relays[number].from_server(call, message))

    @collected
    def alive(self, call: int) -> Iterator[Action]:
        number = self._relays.maker(call, self._in_use)
        yield from self._review(number, self._relays[number].alive(call))

    @collected
    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        number = self._relays.maker(call, self._in_use)
        self._relays.ended(call)
        yield from self._review(number, self._relays[number].ended(call, error))

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        found = self._relays.timer(timer, self._in_use)
        if found is not None:
            number, name = found
            yield from self._review(number, self._relays[number].woke(name))

    @property
    def _in_use(self) -> int:
        return self._legacy if self._used is None else self._used

    @collected
    def _recognise(self, request: Message) -> Iterator[Action]:
        if request.method == "initialize":
            self._used = self._legacy
            yield from self._end_probes()
        elif request.method == DISCOVER:
            self._used = self._modern
            self._probes[request.key] = request
        elif self._used is None and version_of(request):
            self._used = self._modern

    @collected
    def _end_probes(self) -> Iterator[Action]:
        probes, self._probes = self._probes, {}
        for probe in probes.values():
            cancelled = replies.notification("notifications/cancelled", {"requestId": probe.key})
            number = self._relays.addressee(cancelled, self._modern)
            yield from self._review(number, self._relays[number].from_client(cancelled))
            yield Fail(probe, MethodUnknown("the session starts with initialize"))

    @collected
    def _review(self, number: int, actions: Sequence[Action]) -> Iterator[Action]:
        for action in self._relays.noted(number, actions):
            if self._probes:
                if isinstance(action, ToClient) and action.message.kind is REPLY:
                    self._probes.pop(action.message.key, None)
                elif isinstance(action, Fail):
                    self._probes.pop(action.request.key, None)
            yield action
