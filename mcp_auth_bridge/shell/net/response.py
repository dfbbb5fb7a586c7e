"""One HTTP answer, read by whoever asked for it."""

from collections.abc import AsyncIterator, Callable, Mapping

import h11

from mcp_auth_bridge.errors import LimitExceeded
from mcp_auth_bridge.relay.byte_buffer import ByteBuffer
from mcp_auth_bridge.shell.net.connection import Connection
from mcp_auth_bridge.shell.net.content_encoding import choose_decoder
from mcp_auth_bridge.shell.net.memory_budget import Share
from mcp_auth_bridge.shell.time_slice import TimeSlice

_INFLATED = 15  # units of work for a decoded piece


class StreamedResponse:
    """An answer whose body is still on its way. Reading it to its end, or `aclose`, frees the connection.

    `headers` have lower-case names, values in order of arrival. `share` is what its messages take of the budget, until
    `aclose`: close it when they have been handed on. Raises `TheirProtocolError` for a content coding it does not know.
    """

    def __init__(
        self, head: h11.Response, connection: Connection, release: Callable[[Connection], None], share: Share
    ) -> None:
        self.status = head.status_code
        self.headers = _fields(head)
        self.share = share
        self._peer = connection.peer
        self._connection: Connection | None = connection
        self._release = release
        self._decoder = choose_decoder(connection.peer, self.headers.get("content-encoding", ()))

    def header(self, name: str) -> str:
        """The first value of the header `name` (lower case), or ""."""
        return self.headers.get(name, ("",))[0]

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they arrive, decoded.

        Raises `OutcomeUnknown` if it is cut, `TheirProtocolError` if badly framed or coded, `LimitExceeded` for a bomb.

        A body without a length ends with the connection (RFC 9112 section 6.3): there a cut cannot be told from the
        end, except over TLS, where only an orderly close is an end.
        """
        turn = TimeSlice()
        try:
            while (connection := self._connection) and (data := await connection.data()):
                if connection.complete:
                    self._end()  # before the last bytes are used: the next request can have the connection already
                if self._decoder is None:
                    yield data
                    continue
                for piece in self._decoder.feed(data):
                    yield piece
                    await turn.spend(_INFLATED)
            if self._decoder is not None:
                self._decoder.finish()
        finally:
            self._end()

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `LimitExceeded` above `limit` bytes, and as `chunks` does.

        Waits while the budget is short; the body is counted until `aclose`.
        """
        body = ByteBuffer()
        async for chunk in self.chunks():
            size = len(body) + len(chunk)
            if size > limit:
                self._end()
                raise LimitExceeded(f"{self._peer} sent an answer of more than {limit} bytes")
            await self.share.hold(size)
            body.add(chunk)
        return body.take()

    async def aclose(self) -> None:
        """Free the connection, which is closed if the answer is not at its end, and what it took of the budget."""
        self._end()
        self.share.release()

    def _end(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._release(connection)


def _fields(head: h11.Response) -> Mapping[str, tuple[str, ...]]:
    fields: dict[str, tuple[str, ...]] = {}
    for raw, value in head.headers:
        name = raw.decode("latin-1")
        fields[name] = (*fields.get(name, ()), value.decode("latin-1"))
    return fields
