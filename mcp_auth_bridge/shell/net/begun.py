"""A request that has been sent at once, and its response as it arrives: nothing waits for it in a task."""

from typing import TYPE_CHECKING

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.shell.net.connection import Connection
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.net.response_head import Head
from mcp_auth_bridge.shell.net.route import PreparedHead

if TYPE_CHECKING:
    from mcp_auth_bridge.shell.net.pool import Pool


class Begun:
    """A request that `Pool.at_once` has sent. End it with exactly one of `release`, `abort` and `resume`.

    While `waits` is true, look again when `moved` is called. What is unusual is not decided here: `resume` goes the way
    of every other exchange from here on, with its errors. A task that is cancelled before it has called `resume` has to
    call `abort`.
    """

    __slots__ = ("_body", "_connection", "_head", "_is_coded", "_pool", "_prepared")

    def __init__(self, pool: "Pool", prepared: PreparedHead, body: bytes, connection: Connection) -> None:
        # Sent the request.
        self._pool = pool
        # The head of the request.
        self._prepared = prepared
        # Its body.
        self._body = body
        # Where it was sent.
        self._connection = connection
        # The head of the response, None until it has come.
        self._head: Head | None = None
        # Whether its body has a content coding, which only `StreamedResponse` reads.
        self._is_coded = False

    def arrived_head(self) -> Head | None:
        """The head of the response, None until it has come."""
        head = self._head
        if head is None:
            try:
                head = self._connection.arrived_head()
            except BridgeError as error:
                self._connection.failure = error  # `resume` raises it
                return None
            if head is not None:
                self._head = head
                self._is_coded = "content-encoding" in head.fields
                self._pool.note_head(self._connection, head)
        return head

    def whole_body(self) -> bytes | None:
        """The body, if it has come to its end, is small and has no content coding, else None."""
        if (self._head is None and self.arrived_head() is None) or self._is_coded:
            return None
        return self._connection.arrived_body()

    @property
    def body_so_far(self) -> bytes:
        """The beginning of a body without a content coding: all that has come, if that is little; b"" before the head.

        Call `whole_body` before.
        """
        return self._connection.body_ahead

    @property
    def waits(self) -> bool:
        """Whether the response may still be short and free of faults: its head, or its end, is to come soon."""
        return self._connection.is_promising and not self._is_coded

    def release(self) -> None:
        """Give the connection back to the pool: the response was taken, or is of no interest."""
        self._connection.moved = None
        self._pool.release(self._prepared.route, self._connection)

    def abort(self) -> None:
        """End the connection. The server may have seen the request."""
        self._pool.abandon(self._connection)
        self._pool.end_turn()

    async def resume(self) -> StreamedResponse:
        """The response as `Pool.exchange` returns it, with all of its body. Raises as that does."""
        self._connection.moved = None
        return await self._pool.respond(self._prepared, self._body, self._connection, self._head)
