"""The lines of the MCP client, from the chunks of its stream, in the framing that the client has chosen."""

from collections.abc import Callable, Iterable

from mcp_auth_bridge.relay.base import Malformed
from mcp_auth_bridge.relay.content_length import FIRST, Frames
from mcp_auth_bridge.relay.framing import Lines

LONGEST_LINE = 64 * 1024 * 1024  # bytes


class ClientLines:
    """Takes chunks, gives lines. The first chunk decides the framing of the whole stream.

    `use_frames` is called if it is that of `relay/content_length.py`: the answers have to be written in the same.
    """

    def __init__(self, use_frames: Callable[[], None]) -> None:
        self._use_frames = use_frames
        self._framing: Lines | Frames | None = None

    def feed(self, chunk: bytes) -> Iterable[bytes | Malformed]:
        """The lines that `chunk` completes, or the reasons for which they cannot be read. b"" ends the stream.

        They are found one by one while the result is iterated, which has to be finished before the next chunk.
        """
        if self._framing is None:
            self._framing = self._framing_of(chunk)
        return self._framing.feed(chunk) if chunk else self._framing.close()

    def _framing_of(self, first: bytes) -> Lines | Frames:
        if not first.startswith(FIRST):
            return Lines(LONGEST_LINE)
        self._use_frames()
        return Frames(LONGEST_LINE)
