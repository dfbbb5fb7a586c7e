"""Something that takes time, done once for all that ask."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class Once(Generic[T]):
    """Something that takes time, done once. Each caller gets the same result, or waits for it."""

    def __init__(self, gather: Callable[[], Awaitable[T]]) -> None:
        self._gather = gather
        self._lock = anyio.Lock()
        self._results: list[T] = []

    async def __call__(self) -> T:
        async with self._lock:
            if not self._results:
                self._results.append(await self._gather())
        return self._results[0]
