"""A legacy server's description of itself in its `InitializeResult`, and the same for a modern client."""

from typing import Any

import msgspec

from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Message
from mcp_auth_bridge.relay.http_semantics import LATEST
from mcp_auth_bridge.relay.mcp_headers import MODERN_VERSIONS
from mcp_auth_bridge.relay.modern_requests import INFO_KEY, capabilities_in, meta_of
from mcp_auth_bridge.relay.own_handshake import META

SERVER_INFO = "io.modelcontextprotocol/serverInfo"

CACHING = {"ttlMs": 0, "cacheScope": "private"}
"""The hints for caches. A legacy server gives none, so nothing may be kept or shared."""

_TASKS = "tasks"
_TASKS_EXTENSION = "io.modelcontextprotocol/tasks"


class LegacyServer(msgspec.Struct):
    """Empty until the server has answered `initialize`."""

    # Whether it has.
    is_known: bool = False

    # Its name and version, {} if it did not give both. Any: any JSON.
    info: dict[str, Any] = {}

    # Its capabilities. Any: any JSON.
    capabilities: dict[str, Any] = {}

    # Its instructions for the model.
    instructions: str | None = None

    def learn(self, result: bytes) -> None:
        """Learn from an `InitializeResult`, raw JSON."""
        known = replies.members(result)
        self.is_known = True
        info = _object(known.get("serverInfo"))
        self.info = info if all(isinstance(info.get(name), str) for name in ("name", "version")) else {}
        self.capabilities = _object(known.get("capabilities"))
        self.instructions = known["instructions"] if isinstance(known.get("instructions"), str) else None

    def offers(self, capability: str, *, option: str = "") -> bool:
        """Whether the server declared `capability`, and its `option` if one is given."""
        declared = self.capabilities.get(capability)
        return isinstance(declared, dict) and (not option or declared.get(option) is True)

    @property
    def runs_tools_as_tasks(self) -> bool:
        """Whether tools may be called as tasks of 2025-11-25."""
        requests = _object(_object(self.capabilities.get(_TASKS)).get("requests"))
        return isinstance(_object(requests.get("tools")).get("call"), dict)

    @property
    def meta(self) -> dict[str, Any]:
        """The `_meta` of each result: servers should name themselves in it. Any: any JSON."""
        return {SERVER_INFO: self.info} if self.info else {}

    @property
    def discovery(self) -> dict[str, Any]:
        """The `DiscoverResult`. Any: any JSON.

        It lists the modern versions only: a client takes a version from it for its next requests' `_meta`.
        """
        capabilities = {name: value for name, value in self.capabilities.items() if name != _TASKS}
        result = {
            "resultType": "complete",
            "supportedVersions": list(MODERN_VERSIONS),
            "capabilities": capabilities,
            **CACHING,
            "_meta": self.meta,
        }
        return result if self.instructions is None else {**result, "instructions": self.instructions}


def initialize_for(request: Message) -> Message:
    """The `initialize` of a session on behalf of the client that sent `request`.

    A session has one set of capabilities. It is that of the first request: a later one may use fewer, but not more.
    """
    meta = meta_of(request)
    info = meta.get(INFO_KEY)
    params = {
        "protocolVersion": LATEST,
        "capabilities": _legacy_capabilities(capabilities_in(meta)),
        "clientInfo": info if isinstance(info, dict) else META[INFO_KEY],
    }
    return replies.request("initialize", params)


def _legacy_capabilities(modern: dict[str, Any]) -> dict[str, Any]:
    """A modern client does not announce changed roots, and its tasks are not those of 2025-11-25."""
    capabilities = {name: value for name, value in modern.items() if name != _TASKS}
    if "roots" in capabilities:
        capabilities["roots"] = {}
    extensions = capabilities.get("extensions")
    if isinstance(extensions, dict):
        capabilities["extensions"] = {name: value for name, value in extensions.items() if name != _TASKS_EXTENSION}
    return capabilities


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
