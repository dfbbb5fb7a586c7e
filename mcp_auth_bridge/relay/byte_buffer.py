"""A buffer for bytes that arrive in pieces: it joins them once, and takes little more memory than their length."""

_SMALL = 4096  # bytes; a Python object for a piece takes 33 more, and its place in a list 8
_GATHERED = 64 * 1024  # bytes of small pieces that are gathered in one part


class ByteBuffer:
    """Takes pieces with `add`, and gives the whole with `take`. Its length is in bytes."""

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
