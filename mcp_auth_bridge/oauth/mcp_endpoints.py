"""MCP endpoints that a server lists in its metadata: a custom without a specification, used only for a hint.

Scenario S5: the resource of a web app is its origin, while MCP is spoken at two of its paths.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import msgspec

from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.errors import UrlRefused
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.oauth.metadata import well_known_resource_urls
from mcp_auth_bridge.oauth.trust import Trust, confine
from mcp_auth_bridge.oauth.well_known import Trail, fetch_document
from mcp_auth_bridge.urls import Purpose, Url, gate

_MOST = 8


class _Metadata(msgspec.Struct):
    # Any: a list, or an object by transport.
    listed: Any = msgspec.field(name="mcp_endpoints", default=None)


def fetch_mcp_endpoints(server: Url) -> Flow[tuple[Url, ...]]:
    """Return the endpoints of the origin of `server` that its protected-resource metadata list, at most eight.

    Raises any `BridgeError`.
    """
    return confine(_fetch_endpoints(server), Trust(server=server))


def _fetch_endpoints(server: Url) -> Flow[tuple[Url, ...]]:
    for url in well_known_resource_urls(server):
        response = yield from fetch_document(url, Trail())
        if response is not None:
            metadata = documents.read(response, _Metadata, url, "the protected-resource metadata")
            listed = (_same_origin_url(text, server) for text in _strings(metadata.listed))
            return tuple(dict.fromkeys(endpoint for endpoint in listed if endpoint is not None))[:_MOST]
    return ()


def _strings(value: Any) -> Iterator[str]:
    """All strings in `value`. Any: the server's JSON."""
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _strings(item)


def _same_origin_url(text: str, server: Url) -> Url | None:
    """The URL that `text` names in the origin of `server`, None for anything else."""
    try:
        url = gate(urljoin(str(server), text), Purpose.SERVER, server)
    except (ValueError, UrlRefused):
        return None
    return url if url.origin == server.origin else None
