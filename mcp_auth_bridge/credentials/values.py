"""Where the value of a header comes from, request after request: read each time, or kept until it is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from mcp_auth_bridge.secret import Secret


class Value(Protocol):
    async def read(self, refused: Secret | None = None) -> Secret:
        """The value for the next request. One that was `refused` is fetched anew, and may be the same again."""


class Reread:
    """Read for each request, because others rotate it, and reading costs next to nothing."""

    def __init__(self, read: Callable[[], Awaitable[Secret]]) -> None:
        self._read = read

    async def read(self, refused: Secret | None = None) -> Secret:  # noqa: ARG002 - the Protocol's
        return await self._read()


class Remembered:
    """Read once, and again when it is refused: an OS keyring may take its time, or ask a person."""

    def __init__(self, read: Callable[[], Awaitable[Secret]]) -> None:
        self._read = read
        self._value: Secret | None = None
        self._single_flight = asyncio.Lock()

    async def read(self, refused: Secret | None = None) -> Secret:
        async with self._single_flight:
            if self._value is None or self._value == refused:
                self._value = await self._read()
            return self._value
