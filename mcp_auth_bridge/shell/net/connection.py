"""One HTTP/1.1 connection: h11 between an asyncio transport and whoever awaits an answer, one exchange at a time.

Bytes are parsed when they are asked for. What nobody asks for stays unparsed, and above a high-water mark in the
kernel, so a slow reader slows the server down.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast

import h11

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.shell.net import connection_state as states
from mcp_auth_bridge.shell.net import response_errors
from mcp_auth_bridge.shell.net.connection_state import after
from mcp_auth_bridge.shell.net.socket_state import is_orderly_end, is_readable
from mcp_auth_bridge.shell.time_slice import TimeSlice

HEAD_LIMIT = 64 * 1024  # bytes of an answer's header block, also of a chunk header or the trailers
INTERIM_LIMIT = 10  # 1xx answers before the one that counts
READ_SIZE = 256 * 1024  # bytes; large reads, because h11's work is per read and not per byte

_AT_ONCE = 50  # events of h11 at a stretch; a chunk of an answer is one, however small
_EVENT = 2  # units of work
_UNREAD_LIMIT = 256 * 1024
_UNWANTED_LIMIT = 64 * 1024  # the same while nobody waits for it: many answers may wait for their turn at once
_PIECE = 256 * 1024
_BOTH_FRAMINGS = {b"content-length", b"transfer-encoding"}
_BODY_OVER = (h11.DONE, h11.MUST_CLOSE)


class Connection(asyncio.BufferedProtocol):
    """`peer` is a name for messages. `buffer` may be shared: its contents are taken before anybody else can write.

    `lost` is called once, when the transport is gone.
    """

    transport: asyncio.Transport

    def __init__(self, peer: str, buffer: memoryview, lost: Callable[["Connection"], None]) -> None:
        self.peer = peer
        self.idle_since = 0.0  # in the loop's seconds; the pool's
        self._buffer = buffer
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
        self._waiter: asyncio.Future[None] | None = None
        self._unsent = memoryview(b"")
        self._unread = 0
        self._turn = TimeSlice()
        self._exchange = states.IDLE
        self._peer_state = states.OPEN
        self._reading = states.READING
        self._writing = states.WRITING

    @property
    def usable(self) -> bool:
        """Whether a request can be sent now, as far as the loop has seen."""
        return (
            self._exchange is states.IDLE
            and self._peer_state is states.OPEN
            and not self._unread
            and not self.transport.is_closing()
        )

    @property
    def stirring(self) -> bool:
        """Whether the kernel holds what the loop has not seen: an idle connection's end, or bytes for nobody."""
        return is_readable(self.transport.get_extra_info("socket"))

    @property
    def complete(self) -> bool:
        """Whether the answer has been read to its end."""
        return self._h11.their_state in _BODY_OVER

    def write(self, request: h11.Request, body: bytes) -> None:
        """Hand the request to the transport: from here on the peer may have seen it."""
        self._exchange = after(self._exchange, states.SENT)
        head = self._h11.send(request) or b""
        if body:
            self._h11.send_with_data_passthrough(h11.Data(data=body))
        self._h11.send_with_data_passthrough(h11.EndOfMessage())
        if len(body) <= _PIECE:
            self.transport.write(head + body)
        else:
            self._unsent = memoryview(body)
            self.transport.write(head)
            self._pump()

    async def head(self) -> h11.Response:
        """The answer's head. Raises `OutcomeUnknown`, `TheirProtocolError`, `LimitExceeded`."""
        for _ in range(INTERIM_LIMIT + 1):
            event = await self._event()
            if isinstance(event, h11.Response):
                self._exchange = after(self._exchange, states.HEAD_READ)
                if sum(len(name) + len(value) + 4 for name, value in event.headers) > HEAD_LIMIT:
                    raise response_errors.large_head_error(self.peer, HEAD_LIMIT)
                if {name for name, _ in event.headers} >= _BOTH_FRAMINGS:
                    raise response_errors.two_lengths_error(self.peer)
                return event
        raise response_errors.interim_error(self.peer, INTERIM_LIMIT)

    async def data(self) -> bytes:
        """The next bytes of the body, all that have arrived if they are not very many pieces; b"" at its end.

        Raises as `head` does.
        """
        parts: list[bytes] = []
        while not self.complete and len(parts) < _AT_ONCE:
            event = self._parse() if parts else await self._event()
            if event is None:
                break
            if isinstance(event, h11.Data):
                parts.append(event.data)
        await self._turn.spend(_EVENT * len(parts))
        return b"".join(parts)

    def recycle(self) -> bool:
        """Make ready for the next exchange; False where that is impossible and the connection is to be aborted."""
        # An answer that is here to its end leaves a good connection, also if nobody wanted it.
        for _ in range(_AT_ONCE):
            if not isinstance(self._parse(), h11.Data):
                break
        ended = self._peer_state is not states.OPEN or self.transport.is_closing()
        if ended or self._unsent or self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        if self._h11.trailing_data[0]:  # bytes beyond the answer: whose would they be?
            return False
        self._h11.start_next_cycle()
        self._exchange = after(self._exchange, states.RECYCLED)
        self._listen()  # also when idle: the end of the connection is to be seen when it comes
        return True

    def abort(self) -> None:
        self.transport.abort()

    # What the awaiting side needs

    def _parse(self) -> h11.Event | None:
        """The next event; None if there is none in what has arrived."""
        try:
            event: Any = self._h11.next_event()  # Any: an identity does not tell mypy a sentinel from an event
        except h11.RemoteProtocolError:
            return None  # their_state is ERROR now, for `_event` to see when all before it has been used
        parsed: h11.Event | None = None if event is h11.NEED_DATA or event is h11.PAUSED else event
        return parsed

    async def _event(self) -> h11.Event:
        while (event := self._parse()) is None:
            if self._h11.their_state is h11.ERROR:
                raise self._cut() if self._peer_state is states.END_SEEN else self._malformed()
            if self._peer_state is states.OPEN:
                await self._more()
            elif self._peer_state is states.ENDED:
                self._peer_state = after(self._peer_state, states.EOF_PARSED)
                self._h11.receive_data(b"")
            else:
                raise self._cut()
        return event

    async def _more(self) -> None:
        self._listen()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _listen(self) -> None:
        self._unread = 0
        if self._reading is states.HELD:
            self._reading = after(self._reading, states.READING_RESUMED)
            self.transport.resume_reading()

    def _cut(self) -> BridgeError:
        if self._spoke_tls():
            return response_errors.spoke_tls_error(self.peer)
        if self._peer_state is states.CERTIFICATE_MISSING:
            return response_errors.missing_certificate_error(self.peer)
        return response_errors.cut_error(self.peer, begun=self._exchange is states.IN_BODY)

    def _malformed(self) -> BridgeError:
        return (
            response_errors.spoke_tls_error(self.peer)
            if self._spoke_tls()
            else response_errors.malformed_error(self.peer)
        )

    def _spoke_tls(self) -> bool:
        return self._h11.trailing_data[0].startswith(b"\x15\x03")  # a TLS alert record

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the signature is asyncio's
        return self._buffer if self._waiter is not None else self._buffer[:_UNWANTED_LIMIT]

    def buffer_updated(self, nbytes: int) -> None:
        self._unread += nbytes
        if self._exchange is states.IDLE:  # an answer to nothing
            self.abort()
            return
        self._h11.receive_data(bytes(self._buffer[:nbytes]))
        limit = _UNREAD_LIMIT if self._waiter is not None else _UNWANTED_LIMIT
        if self._unread > limit and self._reading is states.READING:
            self._reading = after(self._reading, states.READING_PAUSED)
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        # Over TLS anybody on the way can send a FIN; only close_notify is the peer's own word (RFC 9112 section 9.8).
        # Without it `connection_lost` follows, which ends no answer.
        if is_orderly_end(self.transport.get_extra_info("ssl_object")):
            self._peer_state = after(self._peer_state, states.EOF)
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        # TLS 1.3 refuses a missing certificate after the client's side of the handshake: nothing that it sent was read.
        unproven = isinstance(exc, ssl.SSLError) and exc.reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
        event = states.CERTIFICATE_REQUIRED if unproven else states.CONNECTION_LOST
        self._peer_state = after(self._peer_state, event)
        self._wake()
        self._lost(self)

    def pause_writing(self) -> None:
        self._writing = after(self._writing, states.WRITING_PAUSED)

    def resume_writing(self) -> None:
        self._writing = after(self._writing, states.WRITING_RESUMED)
        self._pump()

    def _pump(self) -> None:
        # In callbacks and not in a task: an answer that comes early is read while the request still leaves.
        while self._unsent and self._writing is states.WRITING:
            piece, self._unsent = self._unsent[:_PIECE], self._unsent[_PIECE:]
            self.transport.write(piece)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
