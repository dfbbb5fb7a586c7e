"""The head of an HTTP/1.1 response, and its chunks, read by llhttp (RFC 9112).

llhttp is Node's parser. It is stricter than RFC 9112 in three ways: a head with bare line feeds, with folded lines, or
with the same length twice is rewritten for it, because RFC 9112 lets a client read these (sections 2.2, 5.2, 6.3), and
CGI scripts behind old servers send them.
"""

from collections.abc import Callable, Mapping
from typing import Self

import msgspec
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

HEAD_LIMIT = 64 * 1024
"""Bytes of a head, and of what is between two chunks or behind the last one."""

HTTP_1 = b"HTTP/1."
"""The beginning of each response (RFC 9112 section 4)."""

_HEAD_OF_CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
_BOTH_FRAMINGS = (b"content-length", b"transfer-encoding")


class Head(msgspec.Struct, frozen=True):
    """The head of a response."""

    status: int
    fields: Mapping[str, tuple[str, ...]]  # the values by lower-case name, in order of arrival, without outer blanks
    persists: bool  # whether the connection stays open after this response (RFC 9112 section 9.3)


class ResponseInvalid(Exception):
    """The bytes are not a response of HTTP/1.1."""


class TwoLengths(ResponseInvalid):
    """The response gives its length in two ways (RFC 9112 section 6.3)."""


class Llhttp:
    """One response in llhttp, which calls the methods `on_…`. No state survives a response."""

    # llhttp asks for these too.
    on_headers_complete = on_message_begin = on_chunk_header = on_chunk_complete = on_status = None
    # Called with the name and the value of each header, and of each trailer.
    on_header: Callable[[bytes, bytes], object]
    # The parser.
    _parser: HttpResponseParser

    def __init__(self) -> None:
        # Whether the body has come to its end.
        self.complete = False
        # Whether bytes came after that end, in the same read.
        self.overrun = False
        # The pieces of the body in the last read.
        self._pieces: list[bytes] = []
        # Whether the body is invalid after the pieces that were read.
        self._broken = False
        # Bytes since the last piece of the body.
        self._idle = 0

    @classmethod
    def in_chunks(cls) -> Self:
        """A response whose head was read before, with chunks to come."""
        response = cls()
        response._feed_head(_HEAD_OF_CHUNKS, _ignore)
        return response

    def head(self, text: bytes) -> Head:
        """Read the whole head. Raises `ResponseInvalid`."""
        if not text.startswith(HTTP_1):
            raise ResponseInvalid
        first: dict[bytes, bytes] = {}
        try:
            self._feed_head(text, first.setdefault)
            fields = _plain_fields(text, first) or self._all_fields(text)
        except HttpParserError:
            fields = self._all_fields(_rewritten(text))
        except HttpParserUpgrade:  # the bridge has not asked for another protocol
            raise ResponseInvalid from None
        options = ",".join(fields["connection"]).lower() if "connection" in fields else ""
        persists = text.startswith(b"HTTP/1.1") and "close" not in map(str.strip, options.split(","))
        return Head(self._parser.get_status_code(), fields, persists)

    def _feed_head(self, text: bytes, on_header: Callable[[bytes, bytes], object]) -> None:
        self.on_header = on_header
        self._parser = HttpResponseParser(self)
        self._parser.feed_data(text)
        self.complete = False  # llhttp counts an empty body as complete; where the body ends is decided elsewhere

    def _all_fields(self, text: bytes) -> dict[str, tuple[str, ...]]:
        """The fields of any head. Raises `ResponseInvalid`."""
        fields: dict[str, tuple[str, ...]] = {}

        def add(raw: bytes, value: bytes) -> None:
            name = raw.decode("latin-1").lower()
            fields[name] = (*fields.get(name, ()), value.strip(b" \t").decode("latin-1"))

        try:
            self._feed_head(text, add)
        except HttpParserError:
            raise ResponseInvalid from None
        return dict(fields)  # trailers are added to the other one

    def body(self, data: bytes) -> list[bytes]:
        """The pieces of a chunked body in `data`. Raises `ResponseInvalid`.

        llhttp does not tell where in `data` the body ended, so the last byte is read by itself: if the body ended
        before it, bytes that belong to no response came after it.
        """
        self._pieces = []
        try:
            if len(data) > 1:
                self._parser.feed_data(data[:-1])
            self.overrun = self.complete
            self._parser.feed_data(data[-1:])
        except HttpParserError:  # after the end, these bytes belong to no response
            self._broken, self.overrun = not self.complete, self.complete
        self._idle = 0 if self._pieces else self._idle + len(data)
        if self._idle > HEAD_LIMIT or (self._broken and not self._pieces):
            raise ResponseInvalid
        return self._pieces

    def rest(self) -> list[bytes]:
        """No pieces. Raises `ResponseInvalid` if the body was invalid after the last ones."""
        if self._broken:
            raise ResponseInvalid
        return []

    def on_body(self, piece: bytes) -> None:
        if not self.complete:
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        self.complete = True


def _ignore(_name: bytes, _value: bytes) -> None:
    """Take a header that is of no use, or a trailer."""


def _plain_fields(head: bytes, first: dict[bytes, bytes]) -> dict[str, tuple[str, ...]] | None:
    """The fields of a head that are `first`; None if one comes twice or has blanks after it, which is rare.

    Nearly every head takes this way, which leaves all fields together to functions written in C.
    """
    if head.count(b"\n") != len(first) + 2 or b" \r" in head or b"\t\r" in head or not first:
        return None
    names = b"\n".join(first).decode("latin-1").lower().split("\n")
    values = b"\n".join(first.values()).decode("latin-1").split("\n")
    fields: dict[str, tuple[str, ...]] = dict(zip(names, zip(values, strict=False), strict=True))
    return fields if len(fields) == len(first) else None


def _rewritten(head: bytes) -> bytes:
    """The head in the spelling that llhttp accepts. Raises `ResponseInvalid`."""
    lines = _lines(head)
    names = [line.partition(b":")[0].lower() for line in lines]
    if all(name in names for name in _BOTH_FRAMINGS):
        raise TwoLengths
    return b"\r\n".join((*lines, b"", b""))


def _lines(head: bytes) -> list[bytes]:
    """The lines of a head without their ends, unfolded, with one length for several equal ones. Raises as `head`."""
    lines: list[bytes] = []
    for line in head.rstrip(b"\r\n").replace(b"\r\n", b"\n").split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            if len(lines) < 2:
                raise ResponseInvalid  # it continues no field
            lines[-1] += b" " + line.strip(b" \t")
        else:
            lines.append(line)
    lengths = {number.strip(b" \t") for line in lines for number in _numbers(line)}
    if len(lengths) > 1:
        raise ResponseInvalid
    others = [line for line in lines if not _numbers(line)]
    return [*others, *(b"content-length: " + length for length in lengths)]


def _numbers(line: bytes) -> list[bytes]:
    """The numbers in a Content-Length field, [] for any other line."""
    name, _, value = line.partition(b":")
    return value.split(b",") if name.lower() == b"content-length" else []
