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
from mcp_auth_bridge.relay.base import NOTHING, REPLY, REQUEST, Action, Fail, Message, Relay, ToClient, collected
from mcp_auth_bridge.relay.era import DISCOVER
from mcp_auth_bridge.relay.mcp_headers import version_of

_OPENINGS = ("initialize", DISCOVER)


class ClientEra:
    """`legacy` and `modern` are the relays for clients of the two eras."""

    def __init__(self, legacy: Relay, modern: Relay) -> None:
        self._relays = Alternatives()
        self._legacy, self._modern = self._relays.add(legacy), self._relays.add(modern)

        # The number of the relay in use.
        self._used = self._legacy

        # Whether the client has shown its era.
        self._is_recognised = False

        # The client's probes without a reply, by key.
        self._probes: dict[Hashable, Message] = {}

    def from_client(self, message: Message) -> Sequence[Action]:
        ended = NOTHING
        if message.kind is REQUEST:
            if not self._is_recognised or message.method in _OPENINGS:
                ended = self._recognise(message)
        elif self._probes and message.method == "notifications/cancelled":
            self._probes.pop(message.cancelled_key, None)
        confirms = message.method == "notifications/initialized"  # which only a session knows
        number = self._relays.addressee(message, self._legacy if confirms else self._used)
        actions = self._review(number, self._relays.by_number[number].from_client(message))
        return [*ended, *actions] if ended else actions

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        number = self._relays.makers.get(call, self._used)
        actions = self._relays.by_number[number].from_server(call, message)
        return self._review(number, actions) if actions else actions

    def alive(self, call: int) -> Sequence[Action]:
        number = self._relays.makers.get(call, self._used)
        actions = self._relays.by_number[number].alive(call)
        return self._review(number, actions) if actions else actions

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        number = self._relays.makers.pop(call, self._used)  # it may make the call again
        actions = self._relays.by_number[number].ended(call, error)
        return self._review(number, actions) if actions else actions

    def woke(self, timer: str) -> Sequence[Action]:
        found = self._relays.timer(timer, self._used)
        if found is None:
            return NOTHING
        number, name = found
        return self._review(number, self._relays.by_number[number].woke(name))

    def _recognise(self, request: Message) -> Sequence[Action]:
        if request.method == "initialize":
            self._used, self._is_recognised = self._legacy, True
            return self._end_probes()
        if request.method == DISCOVER:
            self._used, self._is_recognised = self._modern, True
            self._probes[request.key] = request
        elif version_of(request):
            self._used, self._is_recognised = self._modern, True
        return NOTHING

    @collected
    def _end_probes(self) -> Iterator[Action]:
        probes, self._probes = self._probes, {}
        for probe in probes.values():
            cancelled = replies.notification("notifications/cancelled", {"requestId": probe.key})
            number = self._relays.addressee(cancelled, self._modern)
            yield from self._review(number, self._relays.by_number[number].from_client(cancelled))
            yield Fail(probe, MethodUnknown("the session starts with initialize"))

    def _review(self, number: int, actions: Sequence[Action]) -> Sequence[Action]:
        if self._probes:
            for action in actions:
                if type(action) is ToClient and action.message.kind is REPLY:
                    self._probes.pop(action.message.key, None)
                elif type(action) is Fail:
                    self._probes.pop(action.request.key, None)
        return self._relays.noted(number, actions)
