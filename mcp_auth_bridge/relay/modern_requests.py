"""Requests of MCP 2026-07-28 in front of a legacy server: the statements in their `_meta`, and their legacy form.

Source: specification 2026-07-28, basic/index ("Request Metadata"), basic/versioning.
"""

from functools import lru_cache
from typing import Any

import msgspec

from mcp_auth_bridge.errors import BridgeError, InvalidParams, MethodUnknown, WrongEra
from mcp_auth_bridge.relay.base import Message
from mcp_auth_bridge.relay.mcp_headers import MODERN_VERSIONS, VERSION_KEY
from mcp_auth_bridge.relay.rewriting import REMOVED, Path, rewrite

CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"
INFO_KEY = "io.modelcontextprotocol/clientInfo"
LEVEL_KEY = "io.modelcontextprotocol/logLevel"

INTERACTIVE = frozenset({"tools/call", "resources/read", "prompts/get"})
"""The methods whose result may ask for input (specification 2026-07-28, basic/patterns/mrtr)."""

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""The levels of log messages, the most verbose first (RFC 5424 section 6.2.1)."""

_LEGACY_ONLY = frozenset({"initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"})
_TASKS = "tasks/"
"""The methods of the Tasks extension, which is not the tasks of 2025-11-25 on the wire (SEP-2663)."""

_MODERN_KEYS = (VERSION_KEY, CAPABILITIES_KEY, INFO_KEY, LEVEL_KEY)
_MODERN_PARAMS = ("inputResponses", "requestState", "task")


class _Params(msgspec.Struct):
    """The members that the translation looks at. Any: a client may send any JSON."""

    meta: Any = msgspec.field(name="_meta", default=None)
    state: Any = msgspec.field(name="requestState", default=None)


class _Request(msgspec.Struct):
    params: _Params | None = None


_decoder = msgspec.json.Decoder(_Request)


@lru_cache(maxsize=1)  # the relays ask one after the other about the same request
def _params_of(request: Message) -> _Params:
    """The members without the arguments beside them, which may be large."""
    try:
        return _decoder.decode(request.raw).params or _Params()
    except (msgspec.DecodeError, RecursionError):  # params that are an array, an escape of a lone surrogate
        params = request.params
        return _Params(params.get("_meta"), params.get("requestState"))


def meta_of(request: Message) -> dict[str, Any]:
    """The request's `_meta`, {} if it has none. Any: any JSON."""
    meta = _params_of(request).meta
    return meta if isinstance(meta, dict) else {}


def state_of(request: Message) -> Any:
    """The request's `requestState`, None if it has none. Any: any JSON."""
    return _params_of(request).state


def capabilities_in(meta: dict[str, Any]) -> dict[str, Any]:
    """The client's capabilities for one request. Any: any JSON."""
    capabilities = meta.get(CAPABILITIES_KEY)
    return capabilities if isinstance(capabilities, dict) else {}


def level_in(meta: dict[str, Any]) -> int | None:
    """The log level for which a request asks, as its place in `LEVELS`; None if it asks for no messages."""
    level = meta.get(LEVEL_KEY)
    return LEVELS.index(level) if level in LEVELS else None


def refusal(request: Message) -> BridgeError | None:
    """The error of a request that no server of 2026-07-28 would process, None for any other."""
    meta = meta_of(request)
    version = meta.get(VERSION_KEY)
    if not isinstance(version, str) or not isinstance(meta.get(CAPABILITIES_KEY, {}), dict):
        return InvalidParams(f"the request does not name its {VERSION_KEY} in _meta")
    if version not in MODERN_VERSIONS:
        return WrongEra("this revision of MCP is not supported", supported=MODERN_VERSIONS, requested=version)
    if CAPABILITIES_KEY not in meta:
        return InvalidParams(f"the request does not name its {CAPABILITIES_KEY} in _meta")
    if meta.get(LEVEL_KEY, LEVELS[0]) not in LEVELS:
        return InvalidParams(f"{LEVEL_KEY} is not one of {', '.join(LEVELS)}")
    method = request.method or ""
    if method in _LEGACY_ONLY or method.startswith(_TASKS):
        return MethodUnknown(f"MCP {MODERN_VERSIONS[-1]} does not have the method {method}, or not in this form")
    return None


def legacy_form(request: Message) -> Message:
    """`request` without the members of 2026-07-28 alone. A progress token, trace context and vendors' keys stay."""
    meta = meta_of(request)
    changes: dict[Path, Any] = {("params", "_meta", key): REMOVED for key in _MODERN_KEYS if key in meta}
    if len(changes) == len(meta):
        changes = {("params", "_meta"): REMOVED}
    if request.method in INTERACTIVE:
        changes |= {("params", name): REMOVED for name in _MODERN_PARAMS}
    return rewrite(request, changes)
