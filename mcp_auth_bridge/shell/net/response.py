"""One HTTP response with a body that is still being received."""

import asyncio
from collections.abc import AsyncIterator, Callable

from mcp_auth_bridge.errors import LimitExceeded
from mcp_auth_bridge.relay.byte_buffer import ByteBuffer
from mcp_auth_bridge.shell.net.connection import Connection
from mcp_auth_bridge.shell.net.content_encoding import choose_decoder
from mcp_auth_bridge.shell.net.memory_budget import Share
from mcp_auth_bridge.shell.net.response_head import Head
from mcp_auth_bridge.shell.time_slice import TimeSlice

_LARGE = 64 * 1024  # bytes of a body to come that is worth a place of its own
_DECODED = 15  # units of work for a decoded piece


class StreamedResponse:
    """Status, headers and body of a response. Reading the body to its end, or `aclose`, frees the connection.

    Close it when its messages have been handed on. Raises `TheirProtocolError` for an unknown content coding.
    """

    def __init__(self, head: Head, connection: Connection, release: Callable[[Connection], None], share: Share) -> None:
        # The HTTP status.
        self.status = head.status
        # The headers by lower-case name, with their values in order of arrival.
        self.headers = head.fields
        # Called when bytes of the body have come.
        self.heard: Callable[[], None] = _do_nothing
        # The part of the budget that its messages take, until `aclose`.
        self.share = share
        # The server's name in messages.
        self._peer = connection.peer
        # The connection, None once the body has been received.
        self._connection: Connection | None = connection
        # Gives the connection back to the pool.
        self._release = release
        # Decodes the body; None if it has no content coding.
        self._decoder = choose_decoder(connection.peer, head.fields.get("content-encoding", ()))

    def header(self, name: str) -> str:
        """The first value of the header `name` (lower case), or ""."""
        return self.headers.get(name, ("",))[0]

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they arrive, decoded.

        Raises `OutcomeUnknown` if the body is cut, `TheirProtocolError` if it is badly framed or coded,
        `LimitExceeded` for a bomb.

        A body without a length ends with the connection (RFC 9112 section 6.3): there a cut cannot be told from the
        end, except over TLS, where only an orderly close is an end.
        """
        time_slice = TimeSlice()
        try:
            while (connection := self._connection) and (data := await connection.read_data()):
                self.heard()
                if connection.complete:
                    self._end()  # before the last bytes are used, so that the next request can have the connection
                if self._decoder is None:
                    yield data
                    continue
                for piece in self._decoder.feed(data):
                    yield piece
                    await time_slice.spend(_DECODED)
            if self._decoder is not None:
                self._decoder.finish()
        finally:
            self._end()

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `LimitExceeded` above `limit` bytes, and as `chunks` does.

        Waits while the budget is short; the body is counted until `aclose`.
        """
        connection = self._connection
        if connection is not None and self._decoder is None and _LARGE <= connection.length <= limit:
            return await self._read_bulk(connection)
        body = ByteBuffer()
        async for chunk in self.chunks():
            size = len(body) + len(chunk)
            if size > limit:
                self._end()
                raise LimitExceeded(f"{self._peer} sent a response of more than {limit} bytes")
            await self.share.hold(size)
            body.add(chunk)
        return body.take()

    async def _read_bulk(self, connection: Connection) -> bytes:
        """The whole body, of which the length is known. Raises as `read`."""
        bulk = connection.begin_bulk()
        try:
            size = bulk.size
            await self.share.hold(size)
            while not connection.complete:
                size = await connection.fill(bulk, size)
                self.heard()
                await self.share.hold(size)
            return bulk.take()
        finally:
            self._end()
            bulk.close()

    def give_way(self) -> None:
        """Let the pool cut the body short if another request needs its turn: nothing important is to come.

        If the server is still sending when the connection ends, that is a reset, which it notices with its next write.
        """
        if self._connection is not None and self._connection.spare_since is None:
            self._connection.spare_since = asyncio.get_running_loop().time()

    async def aclose(self) -> None:
        """Free the share of the budget and the connection, which is closed if the body is not at its end."""
        self._end()
        self.share.release()

    def _end(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._release(connection)


def _do_nothing() -> None:
    pass
