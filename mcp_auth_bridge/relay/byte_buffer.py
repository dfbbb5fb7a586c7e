"""Bytes that come in pieces: joined once, and hardly larger than they are, however small the pieces."""

_SMALL = 4096  # bytes; an object of Python's costs 33 more, and a place in a list 8
_GATHERED = 64 * 1024


class ByteBuffer:
    """`add` what comes, `take` the whole of it. Its length is in bytes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._small = bytearray()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, piece: bytes) -> None:
        self._size += len(piece)
        if len(piece) < _SMALL:
            self._small += piece
            if len(self._small) < _GATHERED:
                return
            piece = b""
        if self._small:
            self._parts.append(bytes(self._small))
            self._small.clear()
        self._parts.append(piece)

    def take(self) -> bytes:
        """All of it; nothing is left."""
        whole = b"".join((*self._parts, self._small))
        self.clear()
        return whole

    def clear(self) -> None:
        self._parts.clear()
        self._small.clear()
        self._size = 0
