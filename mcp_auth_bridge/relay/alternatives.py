"""Several relays of which one is in use. A message, the end of a call or a timer goes to the relay that it belongs to.

A relay that is no longer in use stays for the calls that it still has under way.
"""

from collections.abc import Hashable, Sequence

import msgspec

from mcp_auth_bridge.relay.base import (
    REPLY,
    REQUEST,
    Action,
    Fail,
    Hangup,
    Message,
    OpenStream,
    Relay,
    ToClient,
    ToServer,
    Wake,
)
from mcp_auth_bridge.relay.call_numbers import STREAM


class Alternatives:
    """Relays by a number of their own, in the order in which they were added."""

    def __init__(self) -> None:
        # The relays that are in use or have calls under way.
        self.by_number: dict[int, Relay] = {}

        # How many relays were added.
        self._added = 0

        # The number of the relay that made each call under way. Take a call out when it has ended: its relay may make
        # it again.
        self.makers: dict[int, int] = {}

        # The number of the relay that has each of the client's requests, by key.
        self._requests: dict[Hashable, int] = {}

        # The number of the relay that passed on each of the server's requests, by key.
        self._questions: dict[Hashable, int] = {}

    def add(self, relay: Relay) -> int:
        self.by_number[self._added] = relay
        self._added += 1
        return self._added - 1

    def addressee(self, message: Message, used: int) -> int:
        """The number of the relay that gets `message` from the client: `used`, unless it belongs to a request."""
        if message.kind is REQUEST:
            self._requests.setdefault(message.key, used)
        elif message.kind is REPLY:
            return self._questions.pop(message.key, used)
        elif message.method == "notifications/cancelled":
            return self._requests.pop(message.cancelled_key, used)
        return used

    def retire(self, number: int) -> None:
        """Forget a relay that is no longer in use, unless it has calls under way or requests to answer."""
        if number not in self.makers.values() and number not in self._requests.values():
            self.by_number.pop(number, None)
            self._questions = {key: asker for key, asker in self._questions.items() if asker != number}

    def retire_others(self, used: int) -> None:
        """The same for all but the relay that is in use."""
        for number in [number for number in self.by_number if number != used]:
            self.retire(number)

    def timer(self, timer: str, otherwise: int) -> tuple[int, str] | None:
        """The number of the relay that set `timer`, and its own name for it; None if that relay is forgotten.

        A timer without a number was not set by any of them: it is for the relay `otherwise`.
        """
        number, mark, name = timer.partition("/")
        if not mark or not number.isdigit():
            return otherwise, timer
        return (int(number), name) if int(number) in self.by_number else None

    def noted(self, number: int, actions: Sequence[Action]) -> Sequence[Action]:
        """The `actions` of the relay `number`, whose calls and timers are noted as its own."""
        noted = actions
        for action in actions:
            if type(action) is ToServer:
                self.makers[action.call] = number
            elif type(action) is ToClient:
                if action.message.kind is REPLY:
                    self._requests.pop(action.message.key, None)
                elif action.message.kind is REQUEST:
                    self._questions[action.message.key] = number
            elif type(action) is Fail:
                self._requests.pop(action.request.key, None)
            elif type(action) is OpenStream:
                self.makers[STREAM] = number
            elif type(action) is Hangup:
                self.makers.pop(action.call, None)
            elif type(action) is Wake:
                named = msgspec.structs.replace(action, timer=f"{number}/{action.timer}")
                noted = [named if other is action else other for other in noted]
        return noted
