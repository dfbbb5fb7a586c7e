"""The lines of the MCP client, from the chunks of its stream, in the framing that the client has chosen."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable

from mcp_auth_bridge.relay.base import Malformed
from mcp_auth_bridge.relay.content_length import FIRST, Frames
from mcp_auth_bridge.relay.framing import Lines

LONGEST_LINE = 64 * 1024 * 1024  # bytes


async def client_lines(
    incoming: AsyncIterator[bytes], use_frames: Callable[[], None]
) -> AsyncGenerator[bytes | Malformed, None]:
    """Yield each line of `incoming`, or the reason for which it cannot be read.

    The first chunk decides the framing of the whole stream. `use_frames` is called if it is that of
    `relay/content_length.py`: the answers have to be written in the same.
    """
    framing: Lines | Frames | None = None
    async for chunk in incoming:
        framing = framing or _framing_of(chunk, use_frames)
        for line in framing.feed(chunk):
            yield line
    if framing is None:
        return
    for line in framing.close():
        yield line


def _framing_of(first: bytes, use_frames: Callable[[], None]) -> Lines | Frames:
    if not first.startswith(FIRST):
        return Lines(LONGEST_LINE)
    use_frames()
    return Frames(LONGEST_LINE)
