"""One HTTP/1.1 connection: a parser between an asyncio transport and the task that awaits a response.

There is one exchange at a time. Bytes are parsed when that task asks for them. Until then they stay unparsed, and above
a high-water mark in the kernel, so a slow reader slows the server down.
"""

import asyncio
import math
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.shell.net import connection_state as states
from mcp_auth_bridge.shell.net import response_errors
from mcp_auth_bridge.shell.net.bulk_body import BulkBody
from mcp_auth_bridge.shell.net.connection_lifetime import Lifetime
from mcp_auth_bridge.shell.net.connection_state import TRANSITIONS, after
from mcp_auth_bridge.shell.net.other_protocols import is_http_2, is_tls_alert, other_protocol_error
from mcp_auth_bridge.shell.net.request_head import RequestHead
from mcp_auth_bridge.shell.net.response_head import Head, ResponseInvalid, TwoLengths
from mcp_auth_bridge.shell.net.response_parser import ResponseParser
from mcp_auth_bridge.shell.net.socket_state import Receipt, is_orderly_end, readable_check, reset_at_end
from mcp_auth_bridge.shell.time_slice import TimeSlice

INTERIM_LIMIT = 10  # 1xx responses before the final one
READ_SIZE = 256 * 1024  # bytes; large reads, because much of the work is per read and not per byte

_EVENT = 2  # units of work for a piece of a body
_SMALL = 64 * 1024  # bytes of a body that is taken without a task
_FEW = 50  # pieces of such a body
_AT_ONCE = 50  # stretches of a body that are parsed to see whether it has come whole
_UNREAD_LIMIT = 256 * 1024  # bytes
_UNWANTED_LIMIT = 64 * 1024  # bytes, while no task waits for them: many responses may wait for their turn at once
_PIECE = 256 * 1024  # bytes of a request handed to the transport at a time


class Connection(asyncio.BufferedProtocol):
    """One connection. `peer` is the server's name in messages. `lost` is called once, when the transport is gone.

    `buffer` may be shared: its contents are taken before another connection can write to it.
    """

    # Set by `connection_made`, which asyncio calls first, as are the next four.
    transport: asyncio.Transport
    # The socket below it, which an SSL transport forgets when it has ended.
    _socket: socket.socket
    # Whether the kernel holds something that the loop has not seen: the connection's end, or unasked-for bytes.
    is_stirring: Callable[[], Sequence[object]]
    # Tells whether the peer has received a part of the request.
    _receipt: Receipt
    # Whether the bytes on the wire are those of HTTP: there is no TLS.
    _is_plain: bool

    def __init__(self, peer: str, buffer: memoryview, lost: Callable[["Connection"], None]) -> None:
        # The server's name in messages.
        self.peer = peer
        # When the last bytes came, in the loop's seconds.
        self.heard_at = 0.0
        # When the request was handed to the transport, in the loop's seconds.
        self.sent_at = 0.0
        # Called at each progress: bytes, the end, the loss. None while no task waits for any.
        self.moved: Callable[[], None] | None = None
        # Why the wait for a head is over, if that is not seen in the bytes.
        self.failure: BridgeError | None = None
        # The server's limits on its lifetime. The pool sets it.
        self.lifetime = Lifetime(math.inf)
        # Since when another exchange may have the place of this one, in the loop's seconds; None if none may.
        self.spare_since: float | None = None
        # The transport writes received bytes here.
        self._buffer = buffer
        # Called with this connection when the transport is gone.
        self._lost = lost
        # The loop in which the connection lives.
        self._loop = asyncio.get_running_loop()
        # The parser of the responses.
        self._parser = ResponseParser()
        # Whether the bytes of the server are not HTTP/1.1.
        self._malformed = False
        # The method of the request.
        self._method = ""
        # The interim responses to the request so far.
        self._interim = 0
        # Pieces of the body that were parsed before a task asked for them.
        self._ahead: list[bytes] = []
        # The part of a large request that the transport has not been given.
        self._unsent = memoryview(b"")
        # Takes a large body in place of the parser; None while there is none.
        self._bulk: BulkBody | None = None
        # Bytes received since a task last waited for some.
        self._unread = 0
        # Lets other tasks run while a body of many pieces is read.
        self._slice = TimeSlice()
        # How far the exchange is; this and the next three are states of `connection_state`.
        self._exchange = states.IDLE
        # Whether more can come from the server.
        self._peer_state = states.OPEN
        # Whether the transport reads.
        self._reading = states.READING
        # Whether the transport takes more bytes.
        self._writing = states.WRITING

    def is_usable(self) -> bool:
        """Whether a request can be sent now, as far as the loop has seen."""
        return (
            self._exchange is states.IDLE
            and self._peer_state is states.OPEN
            and not self._unread
            and not self.transport.is_closing()
        )

    def idle_seconds(self) -> float:
        """The time since the last bytes came."""
        return self._loop.time() - self.heard_at

    @property
    def complete(self) -> bool:
        """Whether the response has been read to its end."""
        return self._parser.complete

    @property
    def crossed(self) -> bool:
        """Whether the peer ended the connection before it had received a byte of the request."""
        return self._peer_state is states.CROSSED

    def write(self, request: RequestHead, body: bytes) -> None:
        """Hand the request to the transport: from here on the peer may have seen it."""
        self._exchange = TRANSITIONS[self._exchange][states.SENT]
        self._receipt.expect()
        self._method = request.method
        self._interim = 0
        self.sent_at = self._loop.time()
        if len(body) <= _PIECE:
            self.transport.write(request.raw + body)
        else:
            self._unsent = memoryview(body)
            self.transport.write(request.raw)
            self._pump()

    async def read_head(self) -> Head:
        """The final response's head. Raises `OutcomeUnknown`, `TheirProtocolError`, `LimitExceeded`."""
        while (head := self.arrived_head()) is None:
            await self._wait_for_more()
        return head

    def arrived_head(self) -> Head | None:
        """The final response's head if it has come whole, else None. Raises as `read_head`."""
        if self.failure is not None:
            raise self.failure
        try:
            while (head := self._parser.head(self._method)) is not None:
                if head.status >= 200:
                    self._exchange = TRANSITIONS[self._exchange][states.HEAD_READ]
                    return head
                self._interim += 1
                if self._interim > INTERIM_LIMIT:
                    raise response_errors.interim_error(self.peer, INTERIM_LIMIT)
        except TwoLengths:
            raise response_errors.two_lengths_error(self.peer) from None
        except ResponseInvalid:
            self._malformed = True
            raise self._error() from None
        return None

    async def read_data(self) -> bytes:
        """The next bytes of the body, all that have arrived if they are not very many pieces; b"" at its end.

        Raises as `read_head` does.
        """
        pieces, self._ahead = self._ahead, []
        while not pieces and not self.complete and not (pieces := self._parsed_body()):
            if not self.complete:
                await self._wait_for_more()
        if not self._slice.try_spend(_EVENT * len(pieces)):
            await self._slice.spend(_EVENT * len(pieces))
        return b"".join(pieces)

    def arrived_body(self) -> bytes | None:
        """The body if it has come whole and is small, else None. All of it stays for `read_data`."""
        while not self._parser.complete:
            if not self._is_small() or not (pieces := self._parsed_body()):
                return None
            self._ahead += pieces
        return self._ahead[0] if len(self._ahead) == 1 else b"".join(self._ahead)

    @property
    def length(self) -> int:
        """Bytes to come of a body with a length; 0 for any other, and at its end."""
        return self._parser.to_come or 0

    def begin_bulk(self) -> BulkBody:
        """Receive the rest of a body with a length into its place."""
        length = self.length + sum(map(len, self._ahead))
        self._bulk = BulkBody(length, b"".join((*self._ahead, *self._parser.body())))
        self._ahead = []
        return self._bulk

    async def fill(self, bulk: BulkBody, seen: int) -> int:
        """Wait until more than `seen` bytes of `bulk` are there, and return how many. Raises as `read_head`."""
        while bulk.size == seen and not self.complete:
            await self._wait_for_more()
        return bulk.size

    @property
    def body_ahead(self) -> bytes:
        """The part of the body that `arrived_body` has parsed."""
        return b"".join(self._ahead)

    def _is_small(self) -> bool:
        """Whether what has come of the body is little, and few pieces."""
        if (self._parser.to_come or 0) > _SMALL:
            return False
        return not self._ahead or (len(self._ahead) <= _FEW and sum(map(len, self._ahead)) <= _SMALL)

    @property
    def is_promising(self) -> bool:
        """Whether the response is not complete, may still become a small one, and shows no fault so far."""
        is_open = self._peer_state is states.OPEN and self.failure is None and not self._malformed
        return is_open and not self._parser.complete and self._is_small() and not self._is_http_2()

    def fail(self, error: BridgeError) -> None:
        """Let the wait for a head end with `error`."""
        self.failure = error
        self._wake()

    def recycle(self) -> bool:
        """Make ready for the next exchange; False where that is impossible and the connection is to be aborted."""
        if not self._parser.complete and self._exchange is states.IN_BODY:
            self._parse_rest()
        ended = self._peer_state is not states.OPEN or self.transport.is_closing()
        if ended or self._unsent or not self._parser.is_reusable():
            return False
        self._parser.begin()
        self._ahead = []
        self._bulk = None
        self.spare_since = None
        self._exchange = TRANSITIONS[self._exchange][states.RECYCLED]
        self._resume_reading()  # also when idle, so that the end of the connection is seen when it comes
        return True

    def abort(self) -> None:
        self._receipt.forget()  # an end of our own proves nothing
        if self.spare_since is not None and not self.complete:
            reset_at_end(self._socket)
        self.transport.abort()

    # The side of the task that awaits the response

    def _parse_rest(self) -> None:
        """Parse what has come of the body: a response that has arrived leaves a good connection, read or not."""
        for _ in range(_AT_ONCE):
            if not self._parsed_body() or self._parser.complete:
                break

    def _parsed_body(self) -> list[bytes]:
        try:
            return self._parser.body()
        except ResponseInvalid:
            self._malformed = True
            return []

    async def _wait_for_more(self) -> None:
        """Wait for bytes, or for the end. Raises the error of a response that cannot come any more."""
        if self._malformed or self._is_http_2():
            raise self._error()
        if self._peer_state is states.OPEN:
            await self._wait()
        elif self._peer_state is states.ENDED:
            self._peer_state = after(self._peer_state, states.EOF_PARSED)
            self._parser.receive_end()
        else:
            raise self._error()

    async def _wait(self) -> None:
        self._resume_reading()
        waiter = self._loop.create_future()
        self.moved = partial(_wake, waiter)
        try:
            await waiter
        finally:
            self.moved = None

    def _resume_reading(self) -> None:
        self._unread = 0
        if self._reading is states.HELD:
            self._reading = after(self._reading, states.READING_RESUMED)
            self.transport.resume_reading()

    def _error(self) -> BridgeError:
        """Why nothing more can be parsed."""
        unread = self._parser.received
        if is_tls_alert(unread):
            return response_errors.spoke_tls_error(self.peer)
        if self._exchange is states.AWAITING_HEAD and (other := other_protocol_error(self.peer, unread)) is not None:
            return other
        if self._malformed:
            return response_errors.malformed_error(self.peer, is_http=True)
        if self.crossed:
            return response_errors.crossed_error(self.peer)
        if self._peer_state is states.CERTIFICATE_MISSING:
            return response_errors.missing_certificate_error(self.peer)
        return response_errors.cut_error(self.peer, begun=self._exchange is states.IN_BODY)

    def _is_http_2(self) -> bool:
        return self._exchange is states.AWAITING_HEAD and is_http_2(self._parser.received)

    # The side of the transport, which calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._socket = transport.get_extra_info("socket")
        self.is_stirring = readable_check(self._socket)
        self._receipt = Receipt(self._socket)
        self._is_plain = transport.get_extra_info("ssl_object") is None

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the signature is asyncio's
        wanted = self.moved is not None
        if self._bulk is not None and not self._bulk.complete:
            return self._bulk.room(READ_SIZE if wanted else _UNWANTED_LIMIT)
        return self._buffer if wanted else self._buffer[:_UNWANTED_LIMIT]

    def buffer_updated(self, nbytes: int) -> None:
        self._unread += nbytes
        self.heard_at = self._loop.time()
        if self._exchange is states.IDLE:  # a response to no request
            self.abort()
            return
        if self._bulk is not None and not self._bulk.complete:
            self._bulk.size += nbytes
            self._parser.skip(nbytes)
        else:
            self._parser.receive(bytes(self._buffer[:nbytes]))
        limit = _UNREAD_LIMIT if self.moved is not None else _UNWANTED_LIMIT
        if self._unread > limit and self._reading is states.READING:
            self._reading = after(self._reading, states.READING_PAUSED)
            self.transport.pause_reading()
        if self.moved is not None:
            self.moved()

    def eof_received(self) -> None:
        # Over TLS any machine on the way can send a FIN; only close_notify is the peer's (RFC 9112 section 9.8).
        # Without it `connection_lost` follows, which ends no body.
        if is_orderly_end(self.transport.get_extra_info("ssl_object")):
            self._peer_state = after(self._peer_state, states.END_CROSSED if self._has_crossed() else states.EOF)
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        # TLS 1.3 refuses a missing certificate after the client's part of the handshake, before any request is read.
        unproven = getattr(exc, "reason", None) == "TLSV13_ALERT_CERTIFICATE_REQUIRED"  # of an ssl.SSLError
        event = states.CERTIFICATE_REQUIRED if unproven else states.CONNECTION_LOST
        # EPIPE: the end came before the request was written, then a reset. A reset alone proves nothing, because a peer
        # need not acknowledge what it has read.
        if isinstance(exc, BrokenPipeError) and self._is_plain and self._has_crossed():
            event = states.END_CROSSED
        self._peer_state = after(self._peer_state, event)
        self._wake()
        self._lost(self)

    def _has_crossed(self) -> bool:
        """Whether the end that has come was sent before the peer had received a byte of the request."""
        awaiting = self._exchange is states.AWAITING_HEAD and self._peer_state is states.OPEN
        return awaiting and self._receipt.is_missing()

    def pause_writing(self) -> None:
        self._writing = after(self._writing, states.WRITING_PAUSED)

    def resume_writing(self) -> None:
        self._writing = after(self._writing, states.WRITING_RESUMED)
        self._pump()

    def _pump(self) -> None:
        # In callbacks and not in a task: a response that comes early is read while the request is still being sent.
        while self._unsent and self._writing is states.WRITING:
            piece, self._unsent = self._unsent[:_PIECE], self._unsent[_PIECE:]
            self.transport.write(piece)

    def _wake(self) -> None:
        if self.moved is not None:
            self.moved()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
