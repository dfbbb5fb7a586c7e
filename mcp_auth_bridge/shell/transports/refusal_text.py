"""The text of a refusal by the MCP server: its body, if that is short and comes soon."""

import asyncio
from collections.abc import Mapping

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.http_syntax import media_type
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.net.response import StreamedResponse

_FOR_PEOPLE = ("", "application/json", "application/problem+json", "text/plain", "text/html")
"""Media types; "": a response that does not name one."""

_LONGEST_PAGE = 64 * 1024

PATIENCE = 1.0
"""Seconds for the body of a refusal: its head holds all that is needed."""


async def read_words(response: StreamedResponse) -> str:
    """The body of a refusal as text, or the title of a page; "" if it is long, slow, or of another media type.

    Frees the connection.
    """
    from mcp_auth_bridge.oauth.error_text import LONGEST  # most servers refuse nothing

    kind = media_type(response.header("content-type"))
    try:
        if kind not in _FOR_PEOPLE:
            return ""
        async with asyncio.timeout(PATIENCE):
            return words_in(await response.read(_LONGEST_PAGE if kind == "text/html" else LONGEST))
    except (TimeoutError, BridgeError):
        return ""
    finally:
        await response.aclose()


def words_in(body: bytes) -> str:
    """The `body` of a refusal as text, or the title of a page. Express sends plain text as text/html."""
    from mcp_auth_bridge.oauth.error_text import sentence  # as above

    return sentence("text/html", body) if body.lstrip()[:1] == b"<" else body.decode(errors="replace")


def quote(error: BridgeError, said: str, sent: Mapping[str, str]) -> BridgeError:
    """`error`, to the end of which the text that the server `said` is added without any of the `sent` credentials."""
    from mcp_auth_bridge.oauth.error_text import saying, sentence  # as above

    text = sentence("text/plain", said.encode())
    error.add(saying(text, map(Secret, sent.values())))
    return error
