"""The signs of life of a call, thinned out: a stream may bring thousands in a second, and deadlines are much longer."""

import math
from typing import Self

from mcp_auth_bridge.relay.base import Kind, Message

_PAUSE = 0.1  # seconds; deadlines count in larger steps


class Heartbeat:
    """Thins out the signs of life of one call to one in a tenth of a second. None is due before the time `first`."""

    def __init__(self, first: float = -math.inf) -> None:
        self._next = first

    @classmethod
    def of(cls, message: Message, now: float) -> Self:
        """The heartbeat of a call that sends `message` at the time `now`, in seconds of a monotonic clock."""
        # A request that was sent just now needs no sign of life: nearly all are answered before one is due.
        return cls(now + _PAUSE) if message.kind is Kind.REQUEST else cls()

    def is_due(self, now: float) -> bool:
        """`now` is in seconds of a monotonic clock."""
        due = now >= self._next
        if due:
            self._next = now + _PAUSE
        return due
