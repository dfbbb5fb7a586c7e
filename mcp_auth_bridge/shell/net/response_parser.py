"""HTTP/1.1 responses from bytes (RFC 9112): llhttp reads heads and chunks, and the framing is decided here.

In three ways llhttp is laxer than RFC 9112, and these are decided here: which transfer codings count, where a message
ends, and what a switch of protocols means.
"""

import re
from typing import TypeAlias

from mcp_auth_bridge.shell.net.plain_chunks import plain_chunks
from mcp_auth_bridge.shell.net.response_head import HEAD_LIMIT, Head, Llhttp, ResponseInvalid

_LONGEST, _SHORTEST = 16 * 1024, 256  # bytes of a chunked body at a stretch
_DENSE = 64  # line ends in a stretch; a longer one than the shortest has no more
_SPARSE = 16  # line ends in a stretch that may grow

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")  # llhttp refuses a bare LF; a search for CR LF alone would wait for ever
_WITHOUT_BODY = (204, 304)

_Framing: TypeAlias = tuple[bool, bool, int | None, bool]


class HeadTooLarge(ResponseInvalid):
    """The head has more than `HEAD_LIMIT` bytes."""


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
        # Whether the body has chunks.
        self._is_chunked = False
        # Reads these; None while it need not.
        self._chunks: Llhttp | None = None
        # The bytes that it reads at a stretch.
        self._stretch = _LONGEST
        # The last final head. Most servers repeat it until their `Date` is another one.
        self._last: Head | None = None
        # Its bytes.
        self._last_text = b""
        # The method of the request that it answered.
        self._last_method = ""
        # What it says of the body and the connection.
        self._last_framing: _Framing = (False, False, None, False)

    def receive(self, data: bytes) -> None:
        self.received = self.received + data if self.received else data

    def receive_end(self) -> None:
        """Note that the server has ended the connection in an orderly way."""
        self._ended = True

    def begin(self) -> None:
        """Expect the head of another response."""
        self.complete, self.to_come, self._is_chunked, self._chunks = False, None, False, None

    def is_reusable(self) -> bool:
        """Whether the connection may carry another exchange: the response is complete, and nothing comes after it."""
        overrun = self._chunks is not None and self._chunks.overrun
        return self.complete and self._persists and not self.received and not overrun

    def head(self, method: str) -> Head | None:
        """The head of the response to a request with `method`, None if it has not come whole. Interim ones count too.

        Raises `ResponseInvalid`.
        """
        if self._last is not None and method == self._last_method and self.received.startswith(self._last_text):
            self.received = self.received[len(self._last_text) :]
            self._persists, self.complete, self.to_come, self._is_chunked = self._last_framing
            return self._last
        end = _end_of_head(self.received)
        if (end or len(self.received)) > HEAD_LIMIT:
            raise HeadTooLarge
        if not end:
            return None
        text = self.received[:end]
        head = Llhttp().head(text)
        self.received = self.received[end:]
        if head.status >= 200:
            self._frame(head, method)
            self._last, self._last_text, self._last_method = head, text, method
            self._last_framing = self._persists, self.complete, self.to_come, self._is_chunked
        return head

    def body(self) -> list[bytes]:
        """The pieces of the body that have come; [] if there are none at the moment, or no more (`complete`).

        Raises `ResponseInvalid` once all pieces before the fault were returned.
        """
        if self._is_chunked:
            return self._chunked_body()
        data, self.received = self.received, b""
        if self.to_come is None:
            self.complete = self._ended
        else:
            if len(data) > self.to_come:
                data, self.received = data[: self.to_come], data[self.to_come :]
            self.to_come -= len(data)
            self.complete = not self.to_come
        return [data] if data else []

    def skip(self, size: int) -> None:
        """Note that `size` bytes of a body with a length were received elsewhere."""
        self.to_come = (self.to_come or 0) - size
        self.complete = not self.to_come

    def _frame(self, head: Head, method: str) -> None:
        """Decide where the body ends (RFC 9112 section 6.3)."""
        self._persists = head.persists
        codings = head.fields.get("transfer-encoding")
        lengths = head.fields.get("content-length")
        if method == "HEAD" or head.status in _WITHOUT_BODY or (method == "CONNECT" and head.status < 300):
            self.complete = True
        elif codings is not None:
            if [coding.lower() for coding in codings] != ["chunked"]:
                raise ResponseInvalid  # the bridge asks for no other one (RFC 9112 section 6.1)
            self._is_chunked = True
        elif lengths is not None:
            self.to_come = int(lengths[0])  # llhttp has checked that it is one number
            self.complete = not self.to_come
        else:
            self._persists = False

    def _chunked_body(self) -> list[bytes]:
        chunks = self._chunks
        if chunks is None:
            if not self.received:
                return []
            if whole := plain_chunks(self.received):
                self.received, self.complete = b"", True
                return whole
            chunks = self._chunks = Llhttp.in_chunks()
        pieces = chunks.rest()
        while self.received and not pieces and not chunks.complete:
            size = self._next_stretch()
            data, self.received = self.received[:size], self.received[size:]
            pieces = chunks.body(data)
        self.complete = chunks.complete
        return pieces

    def _next_stretch(self) -> int:
        """The bytes to read now: a body may have a chunk for each byte, and the others wait meanwhile.

        It is found by the last one, because a count of line ends is a good part of the work.
        """
        size = self._stretch
        ends = self.received.count(b"\r\n", 0, size)
        if ends <= _SPARSE and size < _LONGEST:
            size *= 2
            ends = self.received.count(b"\r\n", 0, size)
        while ends > _DENSE and size > _SHORTEST:
            size //= 2
            ends = self.received.count(b"\r\n", 0, size)
        self._stretch = size
        return size


def _end_of_head(received: bytes) -> int:
    """The bytes of the head, with the empty line; 0 if it has not come whole."""
    end = received.find(b"\r\n\r\n")
    if end >= 0 and received.count(b"\n", 0, end) == received.count(b"\r\n", 0, end):
        return end + 4
    found = _END_OF_HEAD.search(received)  # six times as slow
    return found.end() if found else 0
