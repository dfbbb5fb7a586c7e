"""Content codings that nobody asked for, and that some proxies apply all the same: gzip and deflate, with a leash."""

import zlib
from collections.abc import Iterator, Sequence

from mcp_auth_bridge.errors import LimitExceeded, TheirProtocolError, quoted

MOST_RATIO = 100
"""Decoded bytes for each encoded one, beyond the first 64 KiB: JSON reaches 20, a bomb 1000."""

_FREE = 64 * 1024
_PIECE = 64 * 1024
_GZIP = zlib.MAX_WBITS | 16
_ZLIB = zlib.MAX_WBITS  # what "deflate" means (RFC 9110 section 8.4.1.2)
_HINT = "it was asked for identity: its operator has to respect Accept-Encoding"


def choose_decoder(peer: str, fields: Sequence[str]) -> "Decoder | None":
    """What undoes the `Content-Encoding` in `fields`, None for identity.

    Raises `TheirProtocolError` for a coding that is not known here and for more than one.
    """
    codings = [name for field in fields for name in (part.strip().lower() for part in field.split(",")) if name]
    match [name for name in codings if name != "identity"]:
        case []:
            return None
        case ["gzip" | "x-gzip" | "deflate" as name]:
            return Decoder(peer, name)
        case names:
            raise TheirProtocolError(f"{peer} sent an answer encoded as {quoted(', '.join(names), 40)}", _HINT)


class Decoder:
    """Feed it what arrived, take what it means, in pieces of at most 64 KiB; `finish` at the end."""

    def __init__(self, peer: str, name: str) -> None:
        self._peer = peer
        self._name = name
        self._inflater: zlib._Decompress | None = None
        self._room = _FREE

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises `TheirProtocolError` for bytes that are not so encoded, `LimitExceeded` for a bomb."""
        if self._inflater is None and data:
            self._inflater = zlib.decompressobj(_ZLIB if self._name == "deflate" else _GZIP)
        while True:
            piece = self._next(data)
            rest = self._inflater.unconsumed_tail if self._inflater else b""
            self._room += MOST_RATIO * (len(data) - len(rest)) - len(piece)  # by what is used: no read is too large
            if self._room < 0:
                hint = "an answer that is compressed so well is refused as a decompression bomb"
                raise LimitExceeded(f"{self._peer} sent {self._name} that grows more than {MOST_RATIO} times", hint)
            if not piece:
                return
            yield piece
            data = rest

    def finish(self) -> None:
        """Raises `TheirProtocolError` if the end of the answer is not the end of what was encoded."""
        if self._inflater is not None and not self._inflater.eof:
            raise self._broken()

    def _next(self, data: bytes) -> bytes:
        if self._inflater is None:
            return b""
        if self._inflater.eof:
            if data:
                raise self._broken()
            return b""
        try:
            piece = self._inflater.decompress(data, _PIECE)
        except zlib.error:
            raise self._broken() from None
        if self._inflater.unused_data:
            raise self._broken()
        return piece

    def _broken(self) -> TheirProtocolError:
        return TheirProtocolError(f"{self._peer} sent an answer that is not the {self._name} it is said to be", _HINT)
