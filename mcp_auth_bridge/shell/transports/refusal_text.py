"""What a refusal of the MCP server's says for people: its body, as far as that is worth waiting for."""

import asyncio
from collections.abc import Mapping

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.http_syntax import media_type
from mcp_auth_bridge.oauth.error_text import LONGEST, saying, sentence
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.net.response import StreamedResponse

_FOR_PEOPLE = ("application/json", "application/problem+json", "text/plain", "text/html")
_LONGEST_PAGE = 64 * 1024

_PATIENCE = 1.0
"""Seconds for the body of a refusal, whose head has said all that is needed."""


async def words(answer: StreamedResponse) -> str:
    """The body of a refusal as text, of a page its title; "" where it is long, slow, or of another kind.

    Frees the connection.
    """
    kind = media_type(answer.header("content-type"))
    try:
        if kind not in _FOR_PEOPLE:
            return ""
        async with asyncio.timeout(_PATIENCE):
            body = await answer.read(_LONGEST_PAGE if kind == "text/html" else LONGEST)
        return sentence(kind, body) if kind == "text/html" else body.decode(errors="replace")
    except (TimeoutError, BridgeError):
        return ""
    finally:
        await answer.aclose()


def quote(error: BridgeError, said: str, sent: Mapping[str, str]) -> BridgeError:
    """`error` with what the server `said` at its end, without what was `sent` as credentials."""
    text = sentence("text/plain", said.encode())
    error.add(saying(text, map(Secret, sent.values())))
    return error
