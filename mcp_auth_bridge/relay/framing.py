"""The lines of the stdio transport: bytes → one message per line, and back (MCP "Transports", "stdio").

A line ends at LF and nowhere else: U+2028 and the like are characters of JSON strings.
"""

from mcp_auth_bridge.relay.base import Malformed
from mcp_auth_bridge.relay.byte_buffer import ByteBuffer

# Legal in JSON strings only, and line ends to some readers (Node's readline, Python's splitlines).
_ESCAPED = {b"\xc2\x85": rb"\u0085", b"\xe2\x80\xa8": rb"\u2028", b"\xe2\x80\xa9": rb"\u2029"}
_CR, _LF = b"\r\n"  # as numbers, which `in` finds without a detour
_SPACES = bytes.maketrans(b"\r\n", b"  ")


class Lines:
    """Takes bytes in any chunks, gives lines. `limit` is the length of the longest line in bytes, without its end."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._line = ByteBuffer()  # the start of a line that has not ended
        self._size = 0  # the length of that line, including the bytes that are skipped
        self._skipping = False

    def feed(self, chunk: bytes) -> list[bytes | Malformed]:
        """The lines that `chunk` completes. For a line that is too long there is one `Malformed`."""
        found: list[bytes | Malformed] = []
        parts = chunk.split(b"\n")
        rest = parts.pop()
        for part in parts:
            if self._size:
                self._add(part, found)
                self._end(found)
            elif len(part) <= self._limit:  # nearly all lines: there is nothing to join
                _add_line(part, found)
            else:
                found.append(self._too_long_error())
        if rest:
            self._add(rest, found)
        return found

    def close(self) -> list[bytes | Malformed]:
        """The last line, if the stream ended without a line end."""
        found: list[bytes | Malformed] = []
        self._end(found)
        return found

    def _add(self, part: bytes, found: list[bytes | Malformed]) -> None:
        self._size += len(part)
        if self._skipping or not part:
            return
        if self._size > self._limit:
            self._skipping = True
            self._line.clear()
            found.append(self._too_long_error())
            return
        self._line.add(part)

    def _end(self, found: list[bytes | Malformed]) -> None:
        line = self._line.take()
        self._size, self._skipping = 0, False
        _add_line(line, found)

    def _too_long_error(self) -> Malformed:
        return Malformed(-32600, f"the message is larger than {self._limit} bytes")


def _add_line(line: bytes, found: list[bytes | Malformed]) -> None:
    """Add `line` to `found` without a CR at its end, unless it is blank."""
    if line and line[-1] == _CR:
        line = line[:-1]
    if line and not line.isspace():
        found.append(line)


def one_line(raw: bytes) -> bytes:
    """`raw` JSON as one line, without its end. Line ends between its tokens become spaces, which changes no value."""
    if _LF in raw or _CR in raw:
        raw = raw.translate(_SPACES)  # makes one copy only: the message may be large
    if not raw.isascii():
        for character, escape in _ESCAPED.items():
            raw = raw.replace(character, escape)
    return raw
