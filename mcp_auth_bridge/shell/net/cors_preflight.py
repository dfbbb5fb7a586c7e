"""The header that a request may lack, from the server's response to a preflight (Fetch, "CORS-preflight request")."""

import asyncio
import re
from collections.abc import Iterable

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay.http_semantics import request_headers
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.urls import Url

_PATIENCE = 1.0
"""Seconds for a response that the bridge can do without."""

_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
_OF_AN_ORGANISATION = re.compile(r"org|tenant|account|workspace|team|project|customer|company", re.IGNORECASE)


async def find_missing_header(pool: Pool, url: Url, sent: Iterable[str]) -> str:
    """A header that `url` accepts, that names an organisation or a part of one, and that is not among the `sent`.

    "" if the server names no such header, or does not answer in time. The request holds no secret.
    """
    asked = {
        "origin": url.origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    try:
        async with asyncio.timeout(_PATIENCE):
            response = await pool.exchange("OPTIONS", url, request_headers("OPTIONS", asked), b"")
            await response.aclose()
    except (TimeoutError, BridgeError):
        return ""
    listed = ",".join(response.headers.get("access-control-allow-headers", ()))
    known = {name.lower() for name in sent}
    names = (name.strip() for name in listed.split(","))
    fit = (name for name in names if _NAME.fullmatch(name) and name.lower() not in known)
    return next((name for name in fit if _OF_AN_ORGANISATION.search(name)), "")


def name_missing_header(error: BridgeError, name: str) -> None:
    """Let the hint of `error`, a refusal, say how to send the header `name`, which is missing."""
    error.facts["missing_header"] = name
    error.hint = (
        f"the server also takes the header {name}, which is not sent: if it needs that, add --header '{name}: …' to the"
        f' command, or headers = {{ "{name}" = "…" }} to the server\'s table; otherwise {error.hint}'
    )
