"""One budget for the bytes of all messages that are being read, so that many large ones cost no more than one.

A task that reads a message holds a `Share` and reports the size so far. While memory is short the task waits, which
leaves its socket unread and slows the server down. One share at a time has precedence: the first that needed more than
there was. The budget does not limit it, only the limit of one message does. So one message always makes progress, and
the others follow in the order in which they asked. A share without precedence may take as much as it leaves free:
however many large messages there are, there is room for a smaller one.
"""

import asyncio
from typing import NamedTuple

from mcp_auth_bridge.errors import LimitExceeded

FREE = 64 * 1024
"""Bytes of each message that are not counted: nearly all messages are smaller, and those never wait."""

ROOM = 8 * 1024 * 1024
"""Counted bytes of all messages together, apart from the one with precedence. With that one (64 MiB) and one copy of it
(while its pieces are joined, or while it is written) the total stays below 160 MiB.
"""

PATIENCE = 300.0
"""Seconds for which a message waits while no other one grows or shrinks: less than the deadline of a call, so that the
error names the true reason.
"""


class Share:
    """One message's part of the budget. `release` it when the message has been handed on."""

    def __init__(self, budget: "MemoryBudget") -> None:
        self._budget = budget
        self.counted = 0  # bytes beyond `FREE`

    async def hold(self, size: int) -> None:
        """Count a message of `size` bytes so far. Waits for room, and raises `LimitExceeded` if none becomes free."""
        beyond = size - FREE
        if beyond > self.counted:
            await self._budget.grow(self, beyond - self.counted)
        elif self.counted and beyond < self.counted:
            self._budget.shrink(self, self.counted - max(beyond, 0))

    def release(self) -> None:
        """Give all of it back."""
        if self.counted:
            self._budget.shrink(self, self.counted)


class _Request(NamedTuple):
    """A task waits until `share` may take `size` bytes more."""

    share: Share
    size: int
    granted: asyncio.Future[None]


class MemoryBudget:
    """The budget. `room` is in bytes, `patience` in seconds."""

    def __init__(self, room: int = ROOM, patience: float = PATIENCE) -> None:
        # Bytes for all shares but `_first`.
        self._room = room
        # Seconds for which a message waits while no share grows or shrinks.
        self._patience = patience
        # Counted bytes of all shares but `_first`.
        self._used = 0
        # The share with precedence.
        self._first: Share | None = None
        # The tasks that wait for room, in the order in which they asked.
        self._waiting: list[_Request] = []
        # When a share last grew or shrank, in the loop's seconds.
        self._moved = 0.0

    def share(self) -> Share:
        return Share(self)

    async def grow(self, share: Share, size: int) -> None:
        """Count `size` more bytes for `share`."""
        self._moved = asyncio.get_running_loop().time()
        if not self._try_grant(share, size):
            await self._wait_in_turn(share, size)

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
        """Grant what can be granted, in the order in which it was asked for."""
        for request in list(self._waiting):
            if self._try_grant(request.share, request.size):
                self._waiting.remove(request)
                request.granted.set_result(None)

    def _fits(self, share: Share, size: int) -> bool:
        others = self._used - (0 if share is self._first else share.counted)
        own = share.counted + size
        return own <= self._room - others - own

    def _try_grant(self, share: Share, size: int) -> bool:
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

    async def _wait_in_turn(self, share: Share, size: int) -> None:
        loop = asyncio.get_running_loop()
        granted: asyncio.Future[None] = loop.create_future()
        request = _Request(share, size, granted)
        self._waiting.append(request)
        try:
            while not granted.done():
                rest = self._moved + self._patience - loop.time()
                if rest <= 0:
                    hint = "ask for less at a time, or make one request after the other"
                    raise LimitExceeded(
                        "there is no memory for this response: others hold it and make no progress", hint
                    )
                await asyncio.wait((granted,), timeout=rest)
        finally:
            if request in self._waiting:
                self._waiting.remove(request)
