"""The remainder of a response whose outcome is known: how long the bridge goes on reading it.

MCP allows a server to leave a stream open after its last message: to end it is a SHOULD ("Sending Messages to the
Server"). A bridge that waited for that end would lose its connections one by one (turbomcp #21).
"""

import asyncio

from mcp_auth_bridge.relay.sse import ServerSentEvent
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.transports.messages import LARGEST, EventReader

GRACE = 0.5
"""Seconds for messages after the reply, for example a last line of the log: they were sent with it or shortly after, so
they are no further behind than a slow network makes them.
"""

LINGER = 30.0
"""Seconds for messages in a stream that answers a notification or a reply. The server may ask something in return, for
example for the roots, or say nothing and leave the stream open (phantom_mcp #24).
"""


async def next_until(events: EventReader, deadline: float | None) -> ServerSentEvent | None:
    """The next event; None at the end of `events`, and at the `deadline` in the loop's seconds, if there is one."""
    if deadline is None:
        return await events.next()
    try:
        async with asyncio.timeout_at(deadline):
            return await events.next()
    except TimeoutError:
        return None


async def read_acceptance(response: StreamedResponse) -> bytes:
    """The body of a response that accepts a message, nearly always empty; b"" if it does not end within `GRACE`.

    Frees the connection.
    """
    try:
        async with asyncio.timeout(GRACE):
            return await response.read(LARGEST)
    except TimeoutError:
        return b""
    finally:
        await response.aclose()
