"""Bytes → server-sent events, at any chunking (WHATWG HTML, "Server-sent events", section 9.2.6)."""

from collections.abc import Iterator

import msgspec

from mcp_auth_bridge.errors import LimitExceeded

_BOM = b"\xef\xbb\xbf"


class Event(msgspec.Struct, frozen=True):
    """One dispatched event: `type` is b"message" by default, `id` the last id seen on the stream so far."""

    data: bytes
    type: bytes = b"message"
    id: bytes = b""


class Parser:
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
        self._line: list[bytes] = []
        self._data: list[bytes] = []
        self._type = b""
        self._id = last_id
        self._start = b""
        self._begun = False
        self._after_cr = False

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that `chunk` completes."""
        chunk = self._continued(chunk)
        for line in chunk.splitlines(keepends=True):
            if line[-1:] not in b"\r\n":
                self._after_cr = False
                self._keep(line)
                continue
            self._after_cr = line[-1:] == b"\r"
            self._keep(line.rstrip(b"\r\n"))
            whole = b"".join(self._line)
            self._line.clear()
            if whole:
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
        self._size += len(part)
        if self._size > self._limit:
            raise LimitExceeded(f"the server sent an event larger than {self._limit} bytes")
        self._line.append(part)

    def _field(self, line: bytes) -> None:
        if line.startswith(b"data: "):  # nearly all of them, and cut only once: it may be the whole of a large message
            self._data.append(line[6:])
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            return
        self._size -= len(line)
        if name == b"event":
            self._type = value
        elif name == b"id" and b"\0" not in value:
            self._id = value
        elif name == b"retry" and value.isdigit():
            self.retry = int(value[:9])

    def _dispatch(self) -> Iterator[Event]:
        if self._data:
            yield Event(b"\n".join(self._data), self._type or b"message", self.last_id)
        self._size = 0
        self._data = []
        self._type = b""
