"""gzip and deflate with a limit on their growth: some proxies apply them although the request asked for neither."""

import zlib
from collections.abc import Iterator, Sequence

from mcp_auth_bridge.errors import LimitExceeded, TheirProtocolError, quoted

MOST_RATIO = 100
"""Decoded bytes for each encoded one, beyond the first 64 KiB: JSON reaches 20, a bomb 1000."""

_FREE = 64 * 1024  # decoded bytes that are not counted
_PIECE = 64 * 1024  # decoded bytes at a time
_GZIP = zlib.MAX_WBITS | 16
_ZLIB = zlib.MAX_WBITS  # what "deflate" means (RFC 9110 section 8.4.1.2)
_HINT = "the request asked for no encoding: the server's operator has to respect Accept-Encoding"


def choose_decoder(peer: str, fields: Sequence[str]) -> "Decoder | None":
    """The decoder for the `Content-Encoding` in `fields`, None for identity.

    Raises `TheirProtocolError` for an unknown coding and for more than one.
    """
    codings = [name for field in fields for name in (part.strip().lower() for part in field.split(",")) if name]
    match [name for name in codings if name != "identity"]:
        case []:
            return None
        case ["gzip" | "x-gzip" | "deflate" as name]:
            return Decoder(peer, name)
        case names:
            raise TheirProtocolError(f"{peer} sent a response encoded as {quoted(', '.join(names), 40)}", _HINT)


class Decoder:
    """Decodes a body in pieces of at most 64 KiB: `feed` it the bytes as they arrive, and `finish` at the end."""

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
            piece = self._inflate(data)
            rest = self._inflater.unconsumed_tail if self._inflater else b""
            self._room += MOST_RATIO * (len(data) - len(rest)) - len(piece)  # counts used bytes: any read may be large
            if self._room < 0:
                hint = "a response that is compressed so well is refused as a decompression bomb"
                raise LimitExceeded(f"{self._peer} sent {self._name} that grows more than {MOST_RATIO} times", hint)
            if not piece:
                return
            yield piece
            data = rest

    def finish(self) -> None:
        """Raises `TheirProtocolError` if the body ends before the encoded data."""
        if self._inflater is not None and not self._inflater.eof:
            raise self._malformed_error()

    def _inflate(self, data: bytes) -> bytes:
        if self._inflater is None:
            return b""
        if self._inflater.eof:
            if data:
                raise self._malformed_error()
            return b""
        try:
            piece = self._inflater.decompress(data, _PIECE)
        except zlib.error:
            raise self._malformed_error() from None
        if self._inflater.unused_data:
            raise self._malformed_error()
        return piece

    def _malformed_error(self) -> TheirProtocolError:
        return TheirProtocolError(f"{self._peer} sent a response that is not valid {self._name}", _HINT)
