"""Several relays of which one is in use: what belongs to a call or a timer finds the relay that made it.

A relay that is no longer in use stays for the calls that it still has under way.
"""

from collections.abc import Iterable, Iterator

import msgspec

from mcp_auth_bridge.relay.base import Action, Hangup, OpenStream, Relay, ToServer, Wake
from mcp_auth_bridge.relay.call_numbers import STREAM


class Alternatives:
    """Relays by a number of their own, in the order in which they were added."""

    def __init__(self) -> None:
        # The relays that are in use or have calls under way.
        self._relays: dict[int, Relay] = {}

        # How many relays were added.
        self._added = 0

        # The number of the relay that made each call under way.
        self._makers: dict[int, int] = {}

    def add(self, relay: Relay) -> int:
        self._relays[self._added] = relay
        self._added += 1
        return self._added - 1

    def __getitem__(self, number: int) -> Relay:
        return self._relays[number]

    def maker(self, call: int, otherwise: int) -> int:
        """The number of the relay that made `call`, `otherwise` if it is not under way."""
        return self._makers.get(call, otherwise)

    def ended(self, call: int) -> None:
        """Forget who made `call`, which has ended. Its relay may make it again."""
        self._makers.pop(call, None)

    def retire(self, number: int) -> None:
        """Forget a relay that is no longer in use, unless it has calls under way."""
        if number not in self._makers.values():
            self._relays.pop(number, None)

    def timer(self, timer: str, otherwise: int) -> tuple[int, str] | None:
        """The number of the relay that set `timer`, and its own name for it; None if that relay is forgotten.

        A timer without a number was not set by any of them: it is for the relay `otherwise`.
        """
        number, mark, name = timer.partition("/")
        if not mark or not number.isdigit():
            return otherwise, timer
        return (int(number), name) if int(number) in self._relays else None

    def noted(self, number: int, actions: Iterable[Action]) -> Iterator[Action]:
        """The `actions` of the relay `number`, whose calls and timers are noted as its own."""
        for action in actions:
            if isinstance(action, ToServer):
                self._makers[action.call] = number
            elif isinstance(action, OpenStream):
                self._makers[STREAM] = number
            elif isinstance(action, Hangup):
                self._makers.pop(action.call, None)
            elif isinstance(action, Wake):
                yield msgspec.structs.replace(action, timer=f"{number}/{action.timer}")
                continue
            yield action
