"""A limited number of exchanges at the same time: the others wait, and go on in the order in which they asked."""

import asyncio
from collections import deque

from mcp_auth_bridge.shell.net.deadline_watch import DeadlineWatch


class Turns:
    """`limit` turns. One that is given back goes to the first that waits, so while some wait none is free."""

    def __init__(self, limit: int, patience: float) -> None:
        """`patience` is in seconds."""
        self._free = limit
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._watch: DeadlineWatch[asyncio.Future[None]] = DeadlineWatch(patience, _give_up)

    def try_take(self) -> bool:
        """Take a turn if one is free."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Wait for a turn. Raises `TimeoutError` after the patience."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._watch.add(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_back()  # it came together with the cancellation
            raise
        finally:
            self._watch.drop(turn)

    def give_back(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _give_up(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())
