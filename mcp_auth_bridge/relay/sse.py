"""Bytes → server-sent events, at any chunking (WHATWG HTML, "Server-sent events", section 9.2.6)."""

from collections.abc import Iterator

import msgspec

from mcp_auth_bridge.errors import LimitExceeded
from mcp_auth_bridge.relay.byte_buffer import ByteBuffer

_DATA = b"data: "
_BOM = b"\xef\xbb\xbf"


class ServerSentEvent(msgspec.Struct, frozen=True):
    """One dispatched event: `type` is b"message" by default, `id` the last id seen on the stream so far."""

    data: bytes
    type: bytes = b"message"
    id: bytes = b""


class EventParser:
    """Feed it chunks, take events. `retry` is the server's last wish in milliseconds.

    `last_id` is what resuming needs: the id of the last event that came whole. `limit` is the largest event in bytes; a
    larger one raises `LimitExceeded`. An event that the end of the stream cuts off is discarded, as the specification
    demands. A stream that continues another one begins with its `last_id`.
    """

    def __init__(self, limit: int, last_id: bytes = b"") -> None:
        self.retry: int | None = None
        self.last_id = last_id
        self._limit = limit
        self._size = 0
        self._line = ByteBuffer()  # the start of a line that has not ended
        self._in_data = False  # whether that line began with `_DATA`, which is not in `_line`
        self._data: bytes | ByteBuffer | None = (
            None  # of the event so far; one line is kept as it is, more are gathered
        )
        self._type = b""
        self._id = last_id
        self._start = b""
        self._begun = False
        self._after_cr = False

    @property
    def kept(self) -> int:
        """The bytes of the event that has begun and not ended."""
        return self._size

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """The events that `chunk` completes."""
        chunk = self._continued(chunk)
        for line in chunk.splitlines(keepends=True):
            if line[-1:] not in b"\r\n":
                self._after_cr = False
                self._keep(line)
                continue
            self._after_cr = line[-1:] == b"\r"
            end = line.rstrip(b"\r\n")
            self._count(end)
            if self._in_data:
                self._in_data = False
                self._line.add(end)
                self._more(self._line.take())
            elif whole := self._whole(end):
                self._field(whole)
            else:
                self.last_id = self._id
                yield from self._dispatch()

    def _continued(self, chunk: bytes) -> bytes:
        """`chunk` without a byte order mark at the start of the stream, and without the LF of a CRLF that was split."""
        if not self._begun:
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
            self._in_data = True  # its name is cut off while it is short: the line may become large
            part = part[len(_DATA) :]
        self._line.add(part)

    def _whole(self, end: bytes) -> bytes:
        """The line of which `end` is the end."""
        if not self._line:
            return end
        self._line.add(end)
        return self._line.take()

    def _count(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._limit:
            raise LimitExceeded(f"the server sent an event larger than {self._limit} bytes")

    def _field(self, line: bytes) -> None:
        if line.startswith(_DATA):  # nearly all of them
            self._more(line[len(_DATA) :])
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._more(value)
            return
        self._size -= len(line)
        if name == b"event":
            self._type = value
        elif name == b"id" and b"\0" not in value:
            self._id = value
        elif name == b"retry" and value.isdigit():
            self.retry = int(value[:9])

    def _more(self, value: bytes) -> None:
        if self._data is None:
            self._data = value
            return
        if isinstance(self._data, bytes):
            first, self._data = self._data, ByteBuffer()
            self._data.add(first)
        self._data.add(b"\n")
        self._data.add(value)

    def _dispatch(self) -> Iterator[ServerSentEvent]:
        data, type_ = self._data, self._type or b"message"
        self._size, self._data, self._type = 0, None, b""
        if data is not None:
            event = ServerSentEvent(data if isinstance(data, bytes) else data.take(), type_, self.last_id)
            del data
            yield event
