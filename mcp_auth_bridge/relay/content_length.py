"""The framing of the Language Server Protocol: a header `Content-Length: N`, an empty line, and N bytes of JSON.

MCP does not have it. If a server does not answer in three seconds, Cline's CLI starts it once more and then speaks like
this. It takes answers in the same framing only. It counts their characters where the header counts bytes, so the bridge
writes them in ASCII.
"""

import json
import re

from mcp_auth_bridge.relay.base import Malformed

FIRST = b"C"
"""The first byte of such a stream. No line of JSON begins with it."""

_END_OF_HEADERS = b"\r\n\r\n"
_LONGEST_HEADERS = 1024  # bytes
_LENGTH = rb"^content-length:[ \t]*([0-9]{1,12})[ \t]*\r?$"
_NOT_ASCII = r"[^\x00-\x7f]"


class Frames:
    """Takes bytes in any chunks, gives messages. `limit` is the size of the largest one in bytes.

    A stream with senseless headers cannot be read any further: it yields one `Malformed`, and nothing after it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()  # bytes that were not given yet
        self._size: int | None = None  # the size of the message that comes next, None while its headers are read
        self._broken = False

    def feed(self, chunk: bytes) -> list[bytes | Malformed]:
        """The messages that `chunk` completes."""
        found: list[bytes | Malformed] = []
        if self._broken:
            return found
        self._rest += chunk
        try:
            while self._has_size() and self._size is not None and len(self._rest) >= self._size:
                message = bytes(self._rest[: self._size])
                del self._rest[: self._size]
                self._size = None
                found.append(message)
        except Malformed as malformed:
            self._broken = True
            self._rest.clear()
            found.append(malformed)
        return found

    def close(self) -> list[bytes | Malformed]:
        """Nothing: a message that is incomplete at the end of the stream is lost."""
        return []

    def _has_size(self) -> bool:
        """Whether the size of the next message is known. Raises `Malformed`."""
        if self._size is None and (end := self._rest.find(_END_OF_HEADERS, 0, _LONGEST_HEADERS)) >= 0:
            found = re.search(_LENGTH, self._rest[:end], re.IGNORECASE | re.MULTILINE)
            self._size = int(found[1]) if found else self._limit + 1
            del self._rest[: end + len(_END_OF_HEADERS)]
        if (self._size or 0) > self._limit or (self._size is None and len(self._rest) >= _LONGEST_HEADERS):
            raise Malformed(-32700, f"a message needs a Content-Length of at most {self._limit} bytes")
        return self._size is not None


def framed(raw: bytes) -> bytes:
    """The message `raw` as such a frame, in ASCII."""
    text = raw if raw.isascii() else re.sub(_NOT_ASCII, _escaped, raw.decode()).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(text), text)


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]
