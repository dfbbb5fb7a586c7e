"""Bytes in any chunks → server-sent events (WHATWG HTML, "Server-sent events", section 9.2.6)."""

import re

import msgspec

from mcp_auth_bridge.errors import LimitExceeded
from mcp_auth_bridge.relay.byte_buffer import ByteBuffer

_DATA = b"data: "
_BOM = b"\xef\xbb\xbf"
_CR, _LF, _NUL = b"\r\n\0"  # as numbers, which `in` finds without a detour

# A whole event as nearly all servers write it. `.` takes a CR, too, because it is much faster than a set of characters:
# one that does not stand at the end of its group ends a line, so the event has to be read line by line.
_PLAIN = re.compile(rb"(?:id: ?(.*)\n)?(?:event: ?message\r?\n)?(?:id: ?(.*)\n)?data: ?(.*)\n\r?\n")


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One dispatched event. `type` is b"message" by default; `id` is the last id on the stream so far."""

    data: bytes
    type: bytes = b"message"
    id: bytes = b""


class EventParser:
    """Takes bytes in any chunks, gives events.

    `limit` is the largest event in bytes; a larger one raises `LimitExceeded`. A stream that continues another one
    begins with its `last_id`. An event that the end of the stream cuts off is discarded, as the specification demands.

    Nearly all events are read whole, by one pattern. All others are read line by line, as are those that chunks cut.
    """

    def __init__(self, limit: int, last_id: bytes = b"") -> None:
        # The server's last `retry`, in milliseconds.
        self.retry: int | None = None

        # The id of the last event that arrived whole, with which the stream can be resumed.
        self.last_id = last_id

        # The largest event, in bytes.
        self._limit = limit

        # The bytes of the event that has begun and not ended.
        self._size = 0

        # The start of a line that has not ended.
        self._line = ByteBuffer()

        # Whether that line began with `_DATA`, which is not in `_line` then.
        self._in_data = False

        # The data of the event so far: one line is kept as it is, more are joined.
        self._data: bytes | ByteBuffer | None = None

        # The type of the event so far.
        self._type = b""

        # The id of the event so far.
        self._id = last_id

        # The first bytes of the stream, until they can be told from a byte order mark.
        self._start = b""

        # Whether those bytes have been told from one.
        self._begun = False

        # Whether the last line ended with CR, so that an LF at the start of the next chunk belongs to it.
        self._after_cr = False

        # Whether nothing of an event has come since the last one.
        self._fresh = True

    @property
    def kept(self) -> int:
        """The bytes of the event that has begun and not ended."""
        return self._size

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that `chunk` completes. Of a chunk above the limit, those before the one that raises are lost."""
        if self._after_cr or not self._begun:
            chunk = self._without_seams(chunk)
        events: list[ServerSentEvent] = []
        at = 0
        while at < len(chunk):
            if self._fresh and len(chunk) <= self._limit:
                at = self._plain_events(chunk, at, events)
            at = self._next_event(chunk, at, events)
        return events

    def _plain_events(self, chunk: bytes, at: int, events: list[ServerSentEvent]) -> int:
        """Read whole plain events from `at` on. The result is the position after them."""
        while (found := _PLAIN.match(chunk, at)) is not None:
            first, second, data = found.groups()
            if _CR in data and _CR in (data := data[:-1]):
                break
            id_ = first if second is None else second
            if id_ is not None:
                id_ = id_.removesuffix(b"\r")
                if _CR in id_ or _NUL in id_ or None not in (first, second):
                    break
                self.last_id = self._id = id_
            events.append(ServerSentEvent(data, b"message", self.last_id))
            at = found.end()
        return at

    def _next_event(self, chunk: bytes, at: int, events: list[ServerSentEvent]) -> int:
        """Read lines from `at` to the end of an event, or of `chunk`. The result is the position after them."""
        while at < len(chunk):
            end = chunk.find(b"\n", at) + 1 or len(chunk)
            piece = chunk[at:end]
            for line in piece.splitlines(keepends=True) if _CR in piece else (piece,):
                self._take(line, events)
            at = end
            if self._fresh:
                break
        return at

    def _take(self, line: bytes, events: list[ServerSentEvent]) -> None:
        """Read `line`, which has no end if the chunk ends within it."""
        self._fresh = False
        if line[-1] not in (_CR, _LF):
            self._after_cr = False
            self._keep(line)
            return
        self._after_cr = line[-1] == _CR
        end = line.rstrip(b"\r\n")
        self._count(end)
        if self._in_data:
            self._in_data = False
            self._line.add(end)
            self._add_data(self._line.take())
        elif whole := self._completed(end):
            self._field(whole)
        else:
            self.last_id = self._id
            self._dispatch(events)

    def _without_seams(self, chunk: bytes) -> bytes:
        """`chunk` without a byte order mark at the start of the stream, and without the LF of a CRLF that was cut."""
        if not self._begun and not self._start and chunk and chunk[0] != _BOM[0]:
            self._begun = True  # nearly all streams
        elif not self._begun:
            self._start += chunk
            if len(self._start) < len(_BOM) and _BOM.startswith(self._start):
                return b""
            self._begun = True
            chunk, self._start = self._start.removeprefix(_BOM), b""
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        return chunk

    def _keep(self, part: bytes) -> None:
        self._count(part)
        if not (self._line or self._in_data) and part.startswith(_DATA):
            self._in_data = True  # its name is cut off now, while the line is short: it may become large
            part = part[len(_DATA) :]
        self._line.add(part)

    def _completed(self, end: bytes) -> bytes:
        """The line that ends with `end`."""
        if not self._line:
            return end
        self._line.add(end)
        return self._line.take()

    def _count(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            raise LimitExceeded(f"the server sent an event larger than {self._limit} bytes")

    def _field(self, line: bytes) -> None:
        if line.startswith(_DATA):  # nearly all lines
            self._add_data(line[len(_DATA) :])
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._add_data(value)
            return
        self._size -= len(line)
        if name == b"event":
            self._type = value
        elif name == b"id" and b"\0" not in value:
            self._id = value
        elif name == b"retry" and value.isdigit():
            self.retry = int(value[:9])

    def _add_data(self, value: bytes) -> None:
        if self._data is None:
            self._data = value
            return
        if isinstance(self._data, bytes):
            first, self._data = self._data, ByteBuffer()
            self._data.add(first)
        self._data.add(b"\n")
        self._data.add(value)

    def _dispatch(self, events: list[ServerSentEvent]) -> None:
        data, type_ = self._data, self._type or b"message"
        self._size, self._data, self._type, self._fresh = 0, None, b"", True
        if data is not None:
            events.append(ServerSentEvent(data if isinstance(data, bytes) else data.take(), type_, self.last_id))
