"""The results of `initialize` and `server/discover` in the server's place: from memory, else minimal.

Both say the same about a server, so that each can be made from the other's memory. They always promise `listChanged`,
because the lists may change once the server answers. Any: memory and a client's request hold any JSON.
"""

from collections.abc import Mapping
from typing import Any

from mcp_auth_bridge import __version__
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.http_semantics import LATEST, SUPPORTED
from mcp_auth_bridge.relay.list_results import CAPABILITIES, COMPLETE
from mcp_auth_bridge.relay.mcp_headers import MODERN_VERSIONS
from mcp_auth_bridge.relay.rewriting import as_json

INITIALIZE = "initialize"
DISCOVER = "server/discover"

_SERVER_INFO = "io.modelcontextprotocol/serverInfo"
_OF_ONE_METHOD = ("protocolVersion", "serverInfo", "supportedVersions", "resultType", "ttlMs", "cacheScope", "_meta")
_LEGACY_ONLY = ("tasks",)
"""Capabilities that are an extension since 2026-07-28."""


def initialize_result(name: str, memory: Mapping[str, bytes], requested: Any) -> dict[str, Any]:
    """An `InitializeResult` of the server `name` for a client that has `requested` a revision."""
    known = _remembered(memory, INITIALIZE, DISCOVER)
    meta = _meta(known)
    return {
        **_common(known),
        "protocolVersion": _negotiated(requested, known.get("protocolVersion")),
        "serverInfo": _server_info(known, name),
        **({"_meta": meta} if meta else {}),
    }


def discover_result(name: str, memory: Mapping[str, bytes]) -> dict[str, Any]:
    """A `DiscoverResult` of the server `name`."""
    known = _remembered(memory, DISCOVER, INITIALIZE)
    result = _common(known)
    for capability in _LEGACY_ONLY:
        result["capabilities"].pop(capability, None)
    meta = {**_meta(known), _SERVER_INFO: _server_info(known, name)}
    return {**COMPLETE, **result, "supportedVersions": list(MODERN_VERSIONS), "_meta": meta}


def lists_in(result: bytes | None) -> frozenset[str]:
    """The capabilities with lists that the raw `result` of either method declares."""
    return frozenset(_object(replies.members(result).get("capabilities"))).intersection(CAPABILITIES)


def proves_server(method: str, result: bytes | None) -> bool:
    """Whether the raw `result` of `method` is the server's own description, and not just any value."""
    known = replies.members(result)
    if method == INITIALIZE:
        return bool(known)
    versions = known.get("supportedVersions")
    return isinstance(versions, list) and any(version in MODERN_VERSIONS for version in versions)


def worth_remembering(result: bytes, requested: Any, remembered: bytes | None) -> bytes:
    """`result` of `initialize`, with the newest revision that the server is known to speak.

    A client that asks for an earlier one gets that. To the next client it must not look like the server's newest.
    """
    known, earlier = replies.members(result), replies.members(remembered).get("protocolVersion")
    granted = known.get("protocolVersion")
    if granted == requested and earlier in SUPPORTED and granted in SUPPORTED and earlier > granted:
        return as_json({**known, "protocolVersion": earlier})
    return result


def _negotiated(requested: Any, remembered: Any) -> str:
    """The revision that the server would answer with (MCP "Version Negotiation"): not newer than its newest."""
    asked = requested if requested in SUPPORTED else LATEST
    return min(asked, remembered) if remembered in SUPPORTED else asked


def _remembered(memory: Mapping[str, bytes], *methods: str) -> dict[str, Any]:
    """The members of the first result of these `methods` that is remembered."""
    return next((known for method in methods if (known := replies.members(memory.get(method)))), {})


def _common(known: Mapping[str, Any]) -> dict[str, Any]:
    """The members that both results have, and those that this version of the bridge does not know."""
    others = {member: value for member, value in known.items() if member not in _OF_ONE_METHOD}
    capabilities = _object(known.get("capabilities")) or {list_: {} for list_ in CAPABILITIES}
    for list_ in CAPABILITIES:
        if list_ in capabilities:
            capabilities[list_] = {**_object(capabilities[list_]), "listChanged": True}
    return {**others, "capabilities": capabilities}


def _meta(known: Mapping[str, Any]) -> dict[str, Any]:
    """The server's `_meta`, without its name, which only one of the two results has there."""
    return {key: value for key, value in _object(known.get("_meta")).items() if key != _SERVER_INFO}


def stated_server_info(known: Mapping[str, Any]) -> dict[str, Any]:
    """The server's name and version in the members of its result of either method, {} if it states none."""
    return _object(known.get("serverInfo") or _object(known.get("_meta")).get(_SERVER_INFO))


def _server_info(known: Mapping[str, Any], name: str) -> dict[str, Any]:
    return stated_server_info(known) or {"name": name, "version": __version__}


def _object(value: Any) -> dict[str, Any]:
    """`value` if it is an object, else {}: servers and files may hold anything in its place."""
    return value if isinstance(value, dict) else {}
