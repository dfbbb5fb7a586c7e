"""Bytes that arrive in pieces. They are joined once, and take little more memory than they are long."""

_SMALL = 4096  # bytes; a bytes object of Python's takes 33 more, and a place in a list 8
_GATHERED = 64 * 1024  # bytes of small pieces that are joined at once


class ByteBuffer:
    """`add` each piece, `take` the whole. The length is in bytes."""

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
        """The bytes of all pieces. The buffer is empty afterwards."""
        whole = b"".join((*self._parts, self._small))
        self.clear()
        return whole

    def clear(self) -> None:
        self._parts.clear()
        self._small.clear()
        self._size = 0
