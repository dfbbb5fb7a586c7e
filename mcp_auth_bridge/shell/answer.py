"""One HTTP answer, read by whoever asked for it."""

from collections.abc import AsyncIterator, Callable, Mapping

from mcp_auth_bridge.errors import LimitExceeded
from mcp_auth_bridge.shell.coding import Decoder
from mcp_auth_bridge.shell.connection import Connection


class Answer:
    """An answer whose body is still on its way. Read it to the end, or `aclose` it: each frees the connection.

    `headers` have lower-case names, values in order of arrival. `decoder` undoes the body's content coding.
    """

    def __init__(
        self,
        status: int,
        headers: Mapping[str, tuple[str, ...]],
        connection: Connection,
        release: Callable[[Connection], None],
        decoder: Decoder | None = None,
    ) -> None:
        self.status = status
        self.headers = headers
        self._peer = connection.peer
        self._connection: Connection | None = connection
        self._release = release
        self._decoder = decoder

    def header(self, name: str) -> str:
        """The first value of the header `name` (lower case), or ""."""
        return self.headers.get(name, ("",))[0]

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they arrive, decoded.

        Raises `OutcomeUnknown` if it is cut, `TheirProtocolError` if badly framed or coded, `LimitExceeded` for a bomb.

        A body without a length ends with the connection (RFC 9112 section 6.3): there a cut cannot be told from the
        end, except over TLS, where only an orderly close is an end.
        """
        try:
            while (connection := self._connection) and (data := await connection.data()):
                if connection.complete:
                    self._end()  # before the last bytes are used: the next request can have the connection already
                if self._decoder is None:
                    yield data
                    continue
                for piece in self._decoder.feed(data):
                    yield piece
            if self._decoder is not None:
                self._decoder.finish()
        finally:
            self._end()

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `LimitExceeded` above `limit` bytes, and as `chunks` does."""
        parts: list[bytes] = []
        room = limit
        async for chunk in self.chunks():
            room -= len(chunk)
            if room < 0:
                self._end()
                raise LimitExceeded(f"{self._peer} sent an answer of more than {limit} bytes")
            parts.append(chunk)
        return b"".join(parts)

    async def aclose(self) -> None:
        """Free the connection; it is closed if the answer has not come to its end."""
        self._end()

    def _end(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._release(connection)
