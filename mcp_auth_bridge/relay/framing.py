"""Lines of the stdio transport: bytes → one message a line, and back (MCP "stdio").

A line ends at LF and nowhere else: U+2028 and its like are characters of JSON strings.
"""

from collections.abc import Iterator

from mcp_auth_bridge.relay.base import Malformed

# Legal in JSON strings and nowhere else in JSON, and line ends to some readers (Node's readline, Python's splitlines).
_ESCAPED = {b"\xc2\x85": rb"\u0085", b"\xe2\x80\xa8": rb"\u2028", b"\xe2\x80\xa9": rb"\u2029"}


class Lines:
    """Feed it bytes at any chunking, take lines. `limit` is the longest line in bytes without its end."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._skipping = False

    def feed(self, chunk: bytes) -> Iterator[bytes | Malformed]:
        """The lines that `chunk` completes; one that is too long comes as `Malformed`, once."""
        *complete, rest = chunk.split(b"\n")
        for part in complete:
            yield from self._add(part)
            yield from self._end()
        yield from self._add(rest)

    def close(self) -> Iterator[bytes | Malformed]:
        """The last line, if the stream ended without a line end."""
        yield from self._end()

    def _add(self, part: bytes) -> Iterator[Malformed]:
        self._size += len(part)
        if self._skipping or not part:
            return
        if self._size > self._limit:
            self._skipping = True
            self._parts.clear()
            yield Malformed(-32600, f"the message is larger than {self._limit} bytes")
            return
        self._parts.append(part)

    def _end(self) -> Iterator[bytes]:
        line = b"".join(self._parts)
        self._parts.clear()
        self._size, self._skipping = 0, False
        line = line.removesuffix(b"\r")
        if line.strip():
            yield line


def one_line(raw: bytes) -> bytes:
    """`raw` JSON as one line with its end. Line ends between its tokens become spaces, which changes no value."""
    if b"\n" in raw or b"\r" in raw:
        raw = raw.replace(b"\r", b" ").replace(b"\n", b" ")
    if not raw.isascii():
        for character, escape in _ESCAPED.items():
            raw = raw.replace(character, escape)
    return raw + b"\n"
