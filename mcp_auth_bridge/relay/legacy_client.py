"""A client of the legacy era as a server of MCP 2026-07-28 sees it, and that server as the client sees it.

The client says once, in `initialize`, what a modern client says in the `_meta` of each request (specification
2026-07-28, basic/index, "Request Metadata").
"""

from typing import Any

import msgspec

from mcp_auth_bridge.relay.base import Message
from mcp_auth_bridge.relay.http_semantics import LATEST, SUPPORTED
from mcp_auth_bridge.relay.mcp_headers import MODERN_VERSIONS, VERSION_KEY
from mcp_auth_bridge.relay.modern_requests import CAPABILITIES_KEY, INFO_KEY
from mcp_auth_bridge.relay.own_handshake import META

SERVER_INFO_KEY = "io.modelcontextprotocol/serverInfo"
TASKS_EXTENSION = "io.modelcontextprotocol/tasks"
FIRST_WITH_ELICITATION = "2025-06-18"
FIRST_WITH_URLS_AND_TOOLS = "2025-11-25"
"""The first revision with elicitation by URL, and with tools and context as capabilities of sampling."""

_MODERN_MEMBERS = ("supportedVersions", "resultType", "ttlMs", "cacheScope", "serverInfo")


class LegacyClient(msgspec.Struct, frozen=True):
    """`revision` is the one in which the client is answered; `meta` are the members of `_meta` for its requests.

    Any: JSON.
    """

    revision: str = LATEST
    meta: dict[str, Any] = {}


def introduced(initialize: Message) -> LegacyClient:
    """The client that sent `initialize`."""
    params = initialize.params
    asked = params.get("protocolVersion")
    revision = asked if isinstance(asked, str) and asked in SUPPORTED else LATEST
    info = params.get("clientInfo")
    meta = {
        VERSION_KEY: MODERN_VERSIONS[-1],
        INFO_KEY: info if isinstance(info, dict) else META[INFO_KEY],
        CAPABILITIES_KEY: _capabilities(_object(params.get("capabilities")), revision),
    }
    return LegacyClient(revision, meta)


def _capabilities(declared: dict[str, Any], revision: str) -> dict[str, Any]:
    """The client's capabilities in terms of 2026-07-28, without those that its revision does not have.

    The bridge itself drives the Tasks extension, so it declares that. Any: JSON.
    """
    known = {name: value for name, value in declared.items() if name != "tasks" and isinstance(value, dict)}
    if "roots" in known:
        known["roots"] = {}
    if "sampling" in known and revision < FIRST_WITH_URLS_AND_TOOLS:
        known["sampling"] = {}
    if revision < FIRST_WITH_ELICITATION:
        known.pop("elicitation", None)
    elif "elicitation" in known:
        modes = known["elicitation"] if revision >= FIRST_WITH_URLS_AND_TOOLS else {}
        known["elicitation"] = modes or {"form": {}}  # in 2025-11-25, {} means forms
    known["extensions"] = {**known.get("extensions", {}), TASKS_EXTENSION: {}}
    return known


def initialize_result(discovered: dict[str, Any], revision: str, name: str) -> dict[str, Any]:
    """The `InitializeResult` that says what the `DiscoverResult` `discovered` says. Any: JSON.

    `name` stands for a server that does not name itself.
    """
    meta = _object(discovered.get("_meta"))
    server_info = meta.pop(SERVER_INFO_KEY, None) or discovered.get("serverInfo")
    kept = {key: value for key, value in discovered.items() if key not in (*_MODERN_MEMBERS, "_meta")}
    capabilities = {key: value for key, value in _object(discovered.get("capabilities")).items() if key != "tasks"}
    extensions = _object(capabilities.pop("extensions", None))
    extensions.pop(TASKS_EXTENSION, None)
    if extensions:
        capabilities["extensions"] = extensions
    return {
        **kept,
        **({"_meta": meta} if meta else {}),
        "protocolVersion": revision,
        "capabilities": capabilities,
        "serverInfo": server_info if isinstance(server_info, dict) else {"name": name, "version": "unknown"},
    }


def changes_listened_to(discovered: dict[str, Any]) -> dict[str, bool]:
    """The flags of `subscriptions/listen` for the lists whose changes the server reports. Any: JSON."""
    capabilities = _object(discovered.get("capabilities"))
    return {
        f"{name}ListChanged": True
        for name in ("tools", "prompts", "resources")
        if _object(capabilities.get(name)).get("listChanged") is True
    }


def _object(value: Any) -> dict[str, Any]:
    """A copy of `value` if it is an object, else {}."""
    return dict(value) if isinstance(value, dict) else {}
