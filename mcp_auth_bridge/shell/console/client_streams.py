"""The two directions of an MCP client: of stdin and stdout, or of a client inside this process."""

from collections.abc import Callable
from typing import Protocol


class ClientReader(Protocol):
    """Reads chunks of the MCP client's stream, as in `shell/console/stdin.py`."""

    def attach(self, take: Callable[[bytes], None]) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class ClientWriter(Protocol):
    """Writes messages to the MCP client, as in `shell/console/stdout.py`."""

    def put(self, raw: bytes) -> None: ...

    def put_soon(self, raw: bytes) -> None: ...

    def is_congested(self) -> bool: ...

    async def drained(self) -> None: ...

    def when_gone(self, tell: Callable[[], None]) -> None: ...

    def use_frames(self) -> None: ...
