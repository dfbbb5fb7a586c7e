"""The header that a request may lack, from the server's response to a preflight (Fetch, "CORS-preflight request")."""

import asyncio
import re
from collections.abc import Iterable, Mapping

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay.http_semantics import request_headers
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.urls import Url

_PATIENCE = 1.0
"""Seconds for a response that the bridge can do without."""

_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
_OF_AN_ORGANISATION = re.compile(r"org|tenant|account|workspace|team|project|customer|company", re.IGNORECASE)


def preflight_headers(url: Url) -> Mapping[str, str]:
    """The headers of a preflight for a POST with a token to `url`. They hold no secret."""
    return {
        "origin": url.origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }


def accepted_headers(fields: Iterable[str]) -> tuple[str, ...]:
    """The names of headers in the `Access-Control-Allow-Headers` fields of a response to a preflight."""
    names = (name.strip() for name in ",".join(fields).split(","))
    return tuple(name for name in names if _NAME.fullmatch(name))


def missing_header(accepted: Iterable[str], sent: Iterable[str]) -> str:
    """The first of the `accepted` headers that names an organisation or a part of one and that is not `sent`, or ""."""
    known = {name.lower() for name in sent}
    return next((name for name in accepted if name.lower() not in known and _OF_AN_ORGANISATION.search(name)), "")


async def find_missing_header(pool: Pool, url: Url, sent: Iterable[str]) -> str:
    """A header that `url` accepts, that names an organisation or a part of one, and that is not among the `sent`.

    "" if the server names no such header, or does not answer in time. The request holds no secret.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            fields = request_headers("OPTIONS", preflight_headers(url))
            response = await pool.exchange(pool.prepare("OPTIONS", url, fields), b"")
            await response.aclose()
    except (TimeoutError, BridgeError):
        return ""
    return missing_header(accepted_headers(response.headers.get("access-control-allow-headers", ())), sent)


def name_missing_header(error: BridgeError, name: str) -> None:
    """Let the hint of `error`, a refusal, say how to send the header `name`, which is missing."""
    error.facts["missing_header"] = name
    error.hint = (
        f"the server also takes the header {name}, which is not sent: if it needs that, add --header '{name}: …' to the"
        f' command, or headers = {{ "{name}" = "…" }} to the server\'s table; otherwise {error.hint}'
    )
