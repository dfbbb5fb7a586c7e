"""The signs of life of a call, thinned out: a stream may bring thousands in a second, and deadlines are much longer."""

import asyncio
import math
from collections.abc import Callable

from mcp_auth_bridge.relay.base import REQUEST, Message

PAUSE = 0.1
"""Seconds between two signs that are passed on; deadlines count in larger steps."""


def first_due(message: Message, now: float) -> float:
    """When a call that sends `message` at the time `now` passes on its first sign of life."""
    # A request that was sent just now needs none: nearly all are answered before one is due.
    return now + PAUSE if message.kind is REQUEST else -math.inf


class Heartbeat:
    """Thins out the signs of life of the call that sends `message` now. `tell` is called for those that are left."""

    def __init__(self, message: Message, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._time = asyncio.get_running_loop().time
        self._due = first_due(message, self._time())

    def beat(self) -> None:
        """The call has given a sign of life."""
        now = self._time()
        if now >= self._due:
            self._due = now + PAUSE
            self._tell()
