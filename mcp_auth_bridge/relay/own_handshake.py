"""The handshake with which the bridge opens a session of its own, as an MCP client without capabilities."""

from collections.abc import Mapping
from typing import Any

from mcp_auth_bridge import __version__
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.http_semantics import LATEST
from mcp_auth_bridge.relay.mcp_headers import MODERN_VERSIONS, VERSION_KEY

_INFO = {"name": "mcp-auth-bridge", "version": __version__}

META: Mapping[str, Any] = {
    VERSION_KEY: MODERN_VERSIONS[-1],
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": _INFO,
}
"""The `_meta` that each request carries since MCP 2026-07-28. Any: JSON."""

DISCOVER = replies.request("server/discover", {"_meta": META})
INITIALIZE = replies.request("initialize", {"protocolVersion": LATEST, "capabilities": {}, "clientInfo": _INFO})
INITIALIZED = replies.notification("notifications/initialized")
