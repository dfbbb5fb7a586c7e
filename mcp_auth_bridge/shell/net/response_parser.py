"""HTTP/1.1 responses from bytes (RFC 9112): llhttp reads heads and chunks, and the framing is decided here.

llhttp is Node's parser. In three ways it is laxer than RFC 9112, and these are decided here: which transfer codings
count, where a message ends, and what a switch of protocols means. In three ways it is stricter: a head with bare line
feeds, with folded lines, or with the same length twice is rewritten for it, because RFC 9112 lets a client read these
(sections 2.2, 5.2, 6.3), and CGI scripts behind old servers send them.
"""

import re

import msgspec
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

HEAD_LIMIT = 64 * 1024
"""Bytes of a head, and of what is between two chunks or behind the last one."""

HTTP_1 = b"HTTP/1."
"""The beginning of each response (RFC 9112 section 4)."""

_SLICE = 16 * 1024  # bytes of a chunked body at a stretch
_DENSE = 64  # line ends in a slice; one with more may hold a chunk for each byte
_SMALL_SLICE = 256  # bytes of such a body at a stretch

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")  # llhttp refuses a bare LF; a search for CR LF alone would wait for ever
_LINE_END = re.compile(rb"\r?\n")
_BOTH_FRAMINGS = (b"content-length", b"transfer-encoding")
_WITHOUT_BODY = (204, 304)


class Head(msgspec.Struct, frozen=True):
    """The head of a response. The names of its `headers` are in lower case, the values have no blanks around them."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]

    def values(self, name: bytes) -> list[bytes]:
        """The values of the header `name` (lower case), in order of arrival."""
        return [value for each, value in self.headers if each == name]


class ResponseInvalid(Exception):
    """The bytes are not a response of HTTP/1.1."""


class HeadTooLarge(ResponseInvalid):
    """The head has more than `HEAD_LIMIT` bytes."""


class TwoLengths(ResponseInvalid):
    """The response gives its length in two ways (RFC 9112 section 6.3)."""


class ResponseParser:
    """Parses the responses on one connection, one after the other: a head, the pieces of its body, the next head.

    Each method parses only what it returns, so that bytes stay bytes until they are wanted.
    """

    def __init__(self) -> None:
        # The bytes that have been received and not parsed.
        self.received = b""
        # Whether the server can send nothing more.
        self._ended = False
        # Whether the response has been parsed to its end.
        self.complete = False
        # Whether the connection may carry another exchange, as far as the head says.
        self._persists = False
        # Bytes to come of a body with a length; None while there is none.
        self.to_come: int | None = None
        # Reads the chunks of the body; None if it has none.
        self._chunks: _Llhttp | None = None

    def receive(self, data: bytes) -> None:
        self.received = self.received + data if self.received else data

    def receive_end(self) -> None:
        """Note that the server has ended the connection in an orderly way."""
        self._ended = True

    def begin(self) -> None:
        """Expect the head of another response."""
        self.complete, self.to_come, self._chunks = False, None, None

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another exchange: the response is complete, and nothing comes after it."""
        overrun = self._chunks is not None and self._chunks.overrun
        return self.complete and self._persists and not self.received and not overrun

    def head(self, method: str) -> Head | None:
        """The head of the response to a request with `method`, None if it has not come whole. Interim ones count too.

        Raises `ResponseInvalid`.
        """
        found = _END_OF_HEAD.search(self.received)
        if (found.end() if found else len(self.received)) > HEAD_LIMIT:
            raise HeadTooLarge
        if found is None:
            return None
        reading = _Llhttp()
        head = reading.head(self.received[: found.end()])
        self.received = self.received[found.end() :]
        if head.status >= 200:
            self._frame(head, method, reading)
        return head

    def body(self) -> list[bytes]:
        """The pieces of the body that have come; [] if there are none at the moment, or no more (`complete`).

        Raises `ResponseInvalid` once all pieces before the fault were returned.
        """
        if self._chunks is not None:
            return self._chunked_body(self._chunks)
        data, self.received = self.received, b""
        if self.to_come is None:
            self.complete = self._ended
        else:
            if len(data) > self.to_come:
                data, self.received = data[: self.to_come], data[self.to_come :]
            self.to_come -= len(data)
            self.complete = not self.to_come
        return [data] if data else []

    def _frame(self, head: Head, method: str, reading: "_Llhttp") -> None:
        """Decide where the body ends (RFC 9112 section 6.3)."""
        self._persists = reading.persists(head)
        codings = head.values(b"transfer-encoding")
        lengths = head.values(b"content-length")
        if method == "HEAD" or head.status in _WITHOUT_BODY or (method == "CONNECT" and head.status < 300):
            self.complete = True
        elif codings:
            if [coding.lower() for coding in codings] != [b"chunked"]:
                raise ResponseInvalid  # the bridge asks for no other one (RFC 9112 section 6.1)
            self._chunks = reading
        elif lengths:
            self.to_come = int(lengths[0])  # llhttp has checked that it is one number
            self.complete = not self.to_come
        else:
            self._persists = False

    def _chunked_body(self, chunks: "_Llhttp") -> list[bytes]:
        pieces = chunks.rest()
        while self.received and not pieces and not chunks.complete:
            size = _SLICE if self.received.count(b"\r\n", 0, _SLICE) <= _DENSE else _SMALL_SLICE
            data, self.received = self.received[:size], self.received[size:]
            pieces = chunks.body(data)
        self.complete = chunks.complete
        return pieces


class _Llhttp:
    """One response in llhttp, which calls the methods `on_…`. No state survives a response."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._fields: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        # Whether the head has been read.
        self._in_body = False
        # Whether the body has come to its end.
        self.complete = False
        # Whether bytes came after that end, in the same read.
        self.overrun = False
        # Whether the body is invalid after the pieces that were read.
        self._broken = False
        # Bytes since the last piece of the body.
        self._idle = 0

    def head(self, text: bytes) -> Head:
        """Read the whole head. Raises `ResponseInvalid`."""
        if not text.startswith(HTTP_1):
            raise ResponseInvalid
        try:
            self._parser.feed_data(text)
        except HttpParserError:
            self._feed_rewritten(text)
        except HttpParserUpgrade:  # the bridge has not asked for another protocol
            raise ResponseInvalid from None
        self._in_body = True
        self.complete = False  # llhttp counts an empty body as complete; where the body ends is decided elsewhere
        return Head(self._parser.get_status_code(), tuple(self._fields))

    def _feed_rewritten(self, text: bytes) -> None:
        """Feed the head once more, in the spelling that llhttp accepts. Raises `ResponseInvalid`."""
        lines = _lines(text)
        names = [line.partition(b":")[0].lower() for line in lines]
        if all(name in names for name in _BOTH_FRAMINGS):
            raise TwoLengths
        self._parser, self._fields = HttpResponseParser(self), []
        try:
            self._parser.feed_data(b"\r\n".join((*lines, b"", b"")))
        except HttpParserError:
            raise ResponseInvalid from None

    def persists(self, head: Head) -> bool:
        """Whether the connection stays open after this response (RFC 9112 section 9.3)."""
        options = b",".join(head.values(b"connection")).lower().split(b",")
        return self._parser.get_http_version() == "1.1" and b"close" not in map(bytes.strip, options)

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
        except HttpParserError:
            self._broken = not self.complete
        self._idle = 0 if self._pieces else self._idle + len(data)
        if self._idle > HEAD_LIMIT or (self._broken and not self._pieces):
            raise ResponseInvalid
        return self._pieces

    def rest(self) -> list[bytes]:
        """No pieces. Raises `ResponseInvalid` if the body was invalid after the last ones."""
        if self._broken:
            raise ResponseInvalid
        return []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_body:  # trailers are of no use to MCP
            self._fields.append((name.lower(), value.strip(b" \t")))

    def on_body(self, piece: bytes) -> None:
        if not self.complete:
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        self.complete = True


def _lines(head: bytes) -> list[bytes]:
    """The lines of a head without their ends, unfolded, with one length for several equal ones. Raises as `head`."""
    lines: list[bytes] = []
    for line in _LINE_END.split(head.rstrip(b"\r\n")):
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
