"""The replies of a legacy server as those of MCP 2026-07-28."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mcp_auth_bridge.errors import TheirProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Fail, Message, ToClient, decoded
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.legacy_server import CACHING
from mcp_auth_bridge.relay.rewriting import Path, rewrite

CONSENT_NEEDED = -32042
"""URLElicitationRequired of 2025-11-25: the user has to visit a URL first."""

_MISSING_CAPABILITY = -32021
_INTERNAL_ERROR = -32603
_INVALID_PARAMS = -32602
_NOT_FOUND = -32002
_MODERN_CODES = range(-32099, -32019)
"""Codes that belong to the specification since 2026-07-28 (basic/index, "Error Codes")."""

_CACHEABLE = frozenset(
    {"prompts/list", "resources/list", "resources/read", "resources/templates/list", "server/discover", "tools/list"}
)


class _Tools(msgspec.Struct):
    tools: list[dict[str, msgspec.Raw]]


class _Listed(msgspec.Struct):
    result: _Tools


_listed_decoder = msgspec.json.Decoder(_Listed)


def modern_reply(request: Message, reply: Message, meta: Mapping[str, Any]) -> ToClient | Fail:
    """The reply to `request` for the client, from the server's `reply`. `meta` is the server's own. Any: any JSON."""
    result = result_of(reply)
    if result is None:
        return ToClient(modern_error(reply))
    if result.lstrip()[:1] != b"{":
        return Fail(request, TheirProtocolError("the server's result is not an object"))
    changes: dict[Path, Any] = {("result", "resultType"): "complete"}
    changes |= {("result", "_meta", key): value for key, value in meta.items()}
    if request.method in _CACHEABLE:
        changes |= {("result", name): value for name, value in CACHING.items()}
    if request.method == "tools/list" and b'"execution"' in result:
        changes["result", "tools"] = _without_execution(reply)
    return ToClient(rewrite(reply, changes))


def modern_error(reply: Message) -> Message:
    """The error `reply` with a code that 2026-07-28 allows. A code without a counterpart stands in its data."""
    code = replies.error_code(reply)
    if code == _NOT_FOUND:
        return rewrite(reply, {("error", "code"): _INVALID_PARAMS})
    if code in _MODERN_CODES:
        data = decoded(reply.raw)["error"].get("data")
        kept = {"code": code} if data is None else {"code": code, "data": data}
        return rewrite(reply, {("error", "code"): _INTERNAL_ERROR, ("error", "data"): kept})
    return reply


def urls_not_declared(reply: Message) -> Message:
    """The error -32042 for a client that shows no URLs: MissingRequiredClientCapability."""
    required: dict[str, Any] = {"requiredCapabilities": {"elicitation": {"url": {}}}}
    return rewrite(reply, {("error", "code"): _MISSING_CAPABILITY, ("error", "data"): required})


def _without_execution(listed: Message) -> Any:
    """The tools in `listed` without `execution`, which 2026-07-28 does not know. Any: any JSON."""
    try:
        tools: Any = _listed_decoder.decode(listed.raw).result.tools
    except msgspec.DecodeError:  # an escape of a lone surrogate, or a list that is not one of tools
        tools = decoded(listed.raw)["result"].get("tools")
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict):
            tool.pop("execution", None)
    return tools
