"""One budget for the bytes of all messages that are under way, so that many large ones at once cost no more than one.

Whoever gathers a message holds a `Share` and says how large it has become. While memory is short the gatherer waits,
which leaves its socket unread and slows the server down. One share at a time, the first that needed more than there
was, goes on without a limit of the budget's, up to the limit of one message: so something always goes on, and the
others follow in the order in which they asked. Each of those others may have as much as is left after it, so that
however many they are, something is left for a smaller one.
"""

import asyncio
from typing import NamedTuple

from mcp_auth_bridge.errors import LimitExceeded

FREE = 64 * 1024
"""Bytes of each message that are not counted: nearly all messages are smaller, and none of those ever waits."""

ROOM = 8 * 1024 * 1024
"""Bytes beyond those for all messages together, apart from the one that goes on. With that one (64 MiB) and one copy of
it (while its pieces are joined, or while it is written) everything stays below 160 MiB.
"""

PATIENCE = 300.0
"""Seconds for which a message waits while nothing else goes on: less than the deadline, so that the error is the true
one.
"""


class Share:
    """The part of the budget that one message takes. `release` it when the message has been handed on."""

    def __init__(self, budget: "MemoryBudget") -> None:
        self._budget = budget
        self.counted = 0  # bytes beyond `FREE`

    async def hold(self, size: int) -> None:
        """The message has `size` bytes now. Waits until there is room. Raises `LimitExceeded` if there never is."""
        beyond = size - FREE
        if beyond > self.counted:
            await self._budget.grow(self, beyond - self.counted)
        elif self.counted and beyond < self.counted:
            self._budget.shrink(self, self.counted - max(beyond, 0))

    def release(self) -> None:
        """Nothing of it is kept any more."""
        if self.counted:
            self._budget.shrink(self, self.counted)


class _Reserved(NamedTuple):
    """Somebody waits: `share` wants `size` bytes more."""

    share: Share
    size: int
    granted: asyncio.Future[None]


class MemoryBudget:
    """`room` is in bytes, `patience` in seconds."""

    def __init__(self, room: int = ROOM, patience: float = PATIENCE) -> None:
        self._room = room
        self._patience = patience
        self._used = 0  # by all shares but the one that goes on
        self._first: Share | None = None  # the one that goes on
        self._waiting: list[_Reserved] = []
        self._moved = 0.0  # when something last grew or shrank, in the loop's seconds

    def share(self) -> Share:
        return Share(self)

    async def grow(self, share: Share, size: int) -> None:
        """Count `size` more bytes for `share`."""
        self._moved = asyncio.get_running_loop().time()
        if not self._granted(share, size):
            await self._in_turn(share, size)

    def shrink(self, share: Share, size: int) -> None:
        """Count `size` fewer bytes for `share`."""
        self._moved = asyncio.get_running_loop().time()
        share.counted -= size
        if share is not self._first:
            self._used -= size
        elif self._fits(share, 0):
            self._first = None
            self._used += share.counted
        self._grant()

    def _grant(self) -> None:
        """Let those go on who can, in the order in which they asked."""
        for place in list(self._waiting):
            if self._granted(place.share, place.size):
                self._waiting.remove(place)
                place.granted.set_result(None)

    def _fits(self, share: Share, size: int) -> bool:
        others = self._used - (0 if share is self._first else share.counted)
        own = share.counted + size
        return own <= self._room - others - own

    def _granted(self, share: Share, size: int) -> bool:
        if share is not self._first:
            if self._fits(share, size):
                self._used += size
            elif self._first is None:
                self._first = share
                self._used -= share.counted
            else:
                return False
        share.counted += size
        return True

    async def _in_turn(self, share: Share, size: int) -> None:
        loop = asyncio.get_running_loop()
        granted: asyncio.Future[None] = loop.create_future()
        place = _Reserved(share, size, granted)
        self._waiting.append(place)
        try:
            while not granted.done():
                rest = self._moved + self._patience - loop.time()
                if rest <= 0:
                    hint = "ask for less at a time, or for one thing after the other"
                    raise LimitExceeded("there is no memory for this answer: others fill it and do not go on", hint)
                await asyncio.wait((granted,), timeout=rest)
        finally:
            if place in self._waiting:
                self._waiting.remove(place)
