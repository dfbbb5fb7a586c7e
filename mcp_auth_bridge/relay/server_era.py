"""Speaks with the server in the era that it proves to speak: the client's own, or the other through a translator.

The relay begins with the era that memory hints at, else with the client's. When the server refuses an era
(`EraRefused`), the refused request is handed to the other one, once. If both are refused, the client gets the error of
its own era. A refusal is not an execution, so nothing is done twice. An era is never inferred from a missing login, an
unreachable server or silence: those errors pass unchanged, and the next request tries again.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

from mcp_auth_bridge.errors import BridgeError, EraRefused
from mcp_auth_bridge.relay.alternatives import Alternatives
from mcp_auth_bridge.relay.base import (
    NOTHING,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Hangup,
    Kind,
    Message,
    Relay,
    Remember,
    ToClient,
    ToServer,
    collected,
)
from mcp_auth_bridge.relay.call_numbers import STREAM
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.era import DISCOVER, ERA, Era, remembered_as, remembered_era
from mcp_auth_bridge.relay.legacy_session import REOPEN

_INITIALIZED = "notifications/initialized"
_OPENINGS = ("initialize", DISCOVER)


class ServerEra:
    """`build` makes the relay of each era, for a client of the era `own`. `memory` holds the server's last results."""

    def __init__(self, build: Mapping[Era, Callable[[], Relay]], own: Era, memory: Mapping[str, bytes]) -> None:
        # Makes the relay of each era.
        self._build = build

        # The client's era.
        self._own = own

        # The era that is remembered.
        self._remembered = remembered_era(memory)

        # The era in use.
        self._era = self._remembered or own

        # The relays of the eras, anew after each change.
        self._relays = Alternatives()

        # The number of the relay in use.
        self._used = self._relays.add(build[self._era]())

        # The calls under way that open an era.
        self._openings: set[int] = set()

        # The client's `initialize` and `notifications/initialized`, for the relay of another era.
        self._initialize: Message | None = None
        self._initialized: Message | None = None

        # Whether the client has a reply to its `initialize`.
        self._greeted = False

        # The requests `initialize` that were answered, and were handed to a relay once more: its number and their key.
        self._repeated: set[tuple[int, Hashable]] = set()

        # The requests `initialize` of former relays, by their numbers and keys: the relay in use has them too.
        self._passed_on: set[tuple[int, Hashable]] = set()

        # The requests that were handed to the other era, each with the error from its first era.
        self._refused: dict[Hashable, tuple[Era, EraRefused]] = {}

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST:
            if message.method == "initialize" and (self._initialize is None or self._greeted):
                # Else the relay refuses it.
                self._initialize, self._initialized, self._greeted = message, None, False
        elif message.method == _INITIALIZED:
            self._initialized = message
        elif message.method == "notifications/cancelled":
            self._refused.pop(message.cancelled_key, None)
        return self._hand(message)

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        number = self._relays.makers.get(call, self._used)
        opens = call in self._openings and message.kind is REPLY and number == self._used
        opened = self._opened(message) if opens else NOTHING
        actions = self._relays.by_number[number].from_server(call, message)
        if actions:
            actions = self._review(number, actions)
        return [*opened, *actions] if opened else actions

    def alive(self, call: int) -> Sequence[Action]:
        number = self._relays.makers.get(call, self._used)
        actions = self._relays.by_number[number].alive(call)
        return self._review(number, actions) if actions else actions

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        number = self._relays.makers.pop(call, self._used)  # it may make the call again
        self._openings.discard(call)
        actions = self._relays.by_number[number].ended(call, error)
        if actions:
            actions = self._review(number, actions)
        if len(self._relays.by_number) > 1:
            self._relays.retire_others(self._used)
        return actions

    def woke(self, timer: str) -> Sequence[Action]:
        found = self._relays.timer(timer, self._used)
        if found is None or (found[0] != self._used and found[1] == REOPEN):
            return NOTHING
        number, name = found
        return self._review(number, self._relays.by_number[number].woke(name))

    def _review(self, number: int, actions: Sequence[Action]) -> Sequence[Action]:
        noted = self._relays.noted(number, actions)
        concerns = False
        for action in actions:
            if type(action) is ToServer:
                if action.message.method in _OPENINGS and action.message.kind is REQUEST:
                    self._openings.add(action.call)
            elif type(action) is ToClient:
                if action.message.kind is REPLY:
                    # Else each reply answers a request of the client's: no era has changed, and its session is open.
                    is_open = self._greeted or self._initialize is None
                    concerns |= not is_open or bool(self._refused or self._repeated or self._passed_on)
            elif type(action) is Fail:
                concerns = True
        return self._reviewed(number, noted) if concerns else noted

    @collected
    def _reviewed(self, number: int, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case Fail(request=request) if (number, request.key) in self._passed_on:
                    self._passed_on.discard((number, request.key))
                case ToClient(message=Message(kind=Kind.REPLY) as reply) if (number, reply.key) in self._passed_on:
                    self._passed_on.discard((number, reply.key))
                case Fail(request=request, error=EraRefused() as error):
                    yield from self._refuse(number, request, error)
                case Fail(request=request):
                    self._refused.pop(request.key, None)
                    yield from self._unless_greeted(number, request.key, action)
                case ToClient(message=Message(kind=Kind.REPLY) as reply):
                    self._refused.pop(reply.key, None)
                    yield from self._unless_greeted(number, reply.key, action)
                case _:
                    yield action

    def _unless_greeted(self, number: int, key: Hashable, action: Action) -> Sequence[Action]:
        """`action`, which answers the request `key`; nothing if that is an `initialize` with a reply already."""
        if (number, key) in self._repeated:
            self._repeated.discard((number, key))
            return NOTHING
        self._greeted = self._greeted or (self._initialize is not None and key == self._initialize.key)
        return [action]

    def _opened(self, reply: Message) -> Sequence[Action]:
        """Remember the era in use if `reply`, to a request that opens it, is a result."""
        if result_of(reply) is None or self._remembered is self._era:
            return NOTHING
        self._remembered = self._era
        return [Remember(ERA, remembered_as(self._era))]

    @collected
    def _refuse(self, number: int, request: Message, error: EraRefused) -> Iterator[Action]:
        earlier = self._refused.pop(request.key, None)
        if earlier is not None:
            yield from self._unless_greeted(number, request.key, self._final(request, error, *earlier))
            return
        era = self._era if number == self._used else self._era.other
        self._refused[request.key] = era, error
        if number == self._used:
            yield from self._change(request)
        if request.method != "initialize":
            yield from self._hand(request)

    def _hand(self, message: Message) -> Sequence[Action]:
        """Give `message` to the relay in use, or to the one that has the request to which it belongs."""
        number = self._relays.addressee(message, self._used)
        actions = self._relays.by_number[number].from_client(message)
        return self._review(number, actions) if actions else actions

    @collected
    def _change(self, refused: Message) -> Iterator[Action]:
        """Use the other era from now on. Its relay gets the messages with which the client opened a session."""
        former, self._era = self._used, self._era.other
        self._used = self._relays.add(self._build[self._era]())
        if self._relays.makers.get(STREAM, self._used) == former:
            self._relays.makers.pop(STREAM, None)
            yield Hangup(STREAM)
        self._relays.retire(former)
        if self._initialize is not None:
            is_open = not self._greeted or (former, self._initialize.key) in self._repeated
            if is_open and refused.method != "initialize":
                self._passed_on.add((former, self._initialize.key))
            if self._greeted:
                self._repeated.add((self._used, self._initialize.key))
            self._refused.setdefault(self._initialize.key, self._refused[refused.key])
            for opening in (self._initialize, self._initialized):
                if opening is not None:
                    yield from self._hand(opening)

    def _final(self, request: Message, error: EraRefused, era: Era, earlier: EraRefused) -> Action:
        """The failure of `request`, which both eras have refused: `earlier` in `era`, `error` in the other."""
        refusal = earlier if era is self._own else error
        return Fail(request, refusal.cause)
