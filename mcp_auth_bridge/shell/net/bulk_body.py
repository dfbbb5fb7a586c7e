"""A large body of known length, received into its place: between the kernel and the message no byte of it is copied."""

import io


class BulkBody:
    """The bytes of a body of `length` bytes, the first of which, `begun`, have come. `size` of them are there."""

    def __init__(self, length: int, begun: bytes) -> None:
        # The value of a BytesIO is the object that it was made of, if nothing else holds it. The zeros take no memory:
        # the system provides it page by page, when bytes are received.
        self._whole = io.BytesIO(bytes(length))
        self._view = self._whole.getbuffer()
        self._length = length
        self.size = len(begun)
        self._view[: self.size] = begun

    @property
    def complete(self) -> bool:
        return self.size == self._length

    def room(self, most: int) -> memoryview:
        """Where the next bytes belong, at most `most` of them."""
        return self._view[self.size : self.size + most]

    def take(self) -> bytes:
        """The whole. Call it when no `room` is held any more, or it is a copy."""
        self.close()
        return self._whole.getvalue()

    def close(self) -> None:
        """Take no more bytes. A `BytesIO` that the collector finds with a view of it would complain on stderr."""
        self._view.release()
