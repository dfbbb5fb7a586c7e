"""One timer for all exchanges that have the same limit: a timer for each would cost more than the rest of a wait."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class DeadlineWatch(Generic[T]):
    """Calls `expire` with each thing that has been watched for `seconds`. Use it inside one event loop."""

    def __init__(self, seconds: float, expire: Callable[[T], None]) -> None:
        self._seconds = seconds
        self._expire = expire
        # The things that are watched, with their deadlines in the loop's seconds, the next one first.
        self._deadlines: dict[T, float] = {}
        # Rings at the deadline that was the next one when it was set; None while it is not set.
        self._timer: asyncio.TimerHandle | None = None

    def add(self, thing: T) -> None:
        """Watch `thing`, which is not watched yet."""
        self._deadlines[thing] = deadline = asyncio.get_running_loop().time() + self._seconds
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._ring)

    def drop(self, thing: T) -> None:
        """Watch `thing` no longer, if it is watched."""
        self._deadlines.pop(thing, None)

    def _ring(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = [thing for thing, deadline in self._deadlines.items() if deadline <= now]
        for thing in due:
            del self._deadlines[thing]
        rest = next(iter(self._deadlines.values()), None)
        self._timer = None if rest is None else loop.call_at(rest, self._ring)
        for thing in due:
            self._expire(thing)
