"""A TCP relay that simulates distance: every byte arrives half a round trip later."""

import asyncio
from collections import deque
from collections.abc import Callable


class Way:
    """One direction of one connection: it delays bytes and the end of the stream by `seconds`, in order."""

    def __init__(self, seconds: float, out: Callable[[bytes], None]) -> None:
        self._seconds = seconds
        self._out = out
        self._loop = asyncio.get_running_loop()
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._not_before = 0.0

    def hold(self, seconds: float) -> None:
        """Send nothing within the next `seconds`."""
        self._not_before = self._loop.time() + seconds

    def put(self, data: bytes) -> None:
        arrival = max(self._loop.time(), self._not_before) + self._seconds
        self._under_way.append((arrival, data))
        if len(self._under_way) == 1:
            self._loop.call_at(arrival, self._arrive)

    def _arrive(self) -> None:
        while self._under_way and self._under_way[0][0] <= self._loop.time():
            self._out(self._under_way.popleft()[1])
        if self._under_way:
            self._loop.call_at(self._under_way[0][0], self._arrive)


class _End(asyncio.Protocol):
    """One of the two sockets of a relayed connection; `b""` stands for the end."""

    transport: asyncio.Transport

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.way: Way

    def towards(self, other: "_End") -> None:
        self.way = Way(self._seconds, other.write)

    def write(self, data: bytes) -> None:
        if data:
            self.transport.write(data)
        else:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.way.put(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.way.put(b"")


class _Accepted(_End):
    """The client's side. The loopback accepts at once, so the client's first bytes wait for the time of a handshake."""

    def __init__(self, seconds: float, port: int) -> None:
        super().__init__(seconds)
        self._port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        behind = _End(self._seconds)
        self.towards(behind)
        behind.towards(self)
        self.way.hold(2 * self._seconds)
        self.transport.pause_reading()
        self._dialling = asyncio.ensure_future(self._dial(behind))

    async def _dial(self, behind: _End) -> None:
        await asyncio.get_running_loop().create_connection(lambda: behind, "127.0.0.1", self._port)
        self.transport.resume_reading()


async def delayed(port: int, round_trip: float) -> int:
    """Yields a port that relays to `port` with a round trip of `round_trip` seconds."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Accepted(round_trip / 2, port), "127.0.0.1", 0)
    return server.sockets[0].getsockname()[1]
