"""A short body that has come whole, in chunks without extensions and without trailers (RFC 9112 section 7.1).

Servers that answer with a stream send nearly every reply so. All other bodies are llhttp's, from their first byte on:
this module refuses what it does not know, and takes nothing that llhttp would read in another way.
"""

import re

_MOST = 16  # chunks
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,6})\r\n")
_END = b"\r\n0\r\n\r\n"


def plain_chunks(received: bytes) -> list[bytes] | None:
    """The data of the chunks in `received`; None if that is anything else than such a body and nothing after it."""
    if not received.endswith(_END):
        return None
    pieces: list[bytes] = []
    at = 0
    while len(pieces) < _MOST and (line := _SIZE.match(received, at)) is not None:
        start = line.end()
        at = start + int(line[1], 16)
        if received[at : at + 2] != b"\r\n":
            return None
        if at == start:
            return pieces if at + 2 == len(received) else None
        pieces.append(received[start:at])
        at += 2
    return None
