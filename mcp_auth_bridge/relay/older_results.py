"""Replies of MCP 2026-07-28 as a client of an earlier revision can read them.

| in the reply | for the client |
| --- | --- |
| `resultType` (absent, or `complete`), `ttlMs`, `cacheScope`, the server's name in `_meta` | left out |
| another `resultType` | an error |
| `structuredContent` that is not an object, `outputSchema` that does not describe one | left out |
| a link to a resource before 2025-06-18, audio before 2025-03-26 | a text |
| -32021 (a capability is missing), -32022 (version), -32020 (headers) | -32603, with words |
| -32602 for a resource that does not exist (`data.uri`) | -32002 |

Sources: the changelogs of the specification; 2026-07-28, server/tools, "Structured Content".
"""

import json
from typing import Any

import msgspec

from mcp_auth_bridge.errors import TheirProtocolError, quoted
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Message, decoded
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.legacy_client import SERVER_INFO_KEY
from mcp_auth_bridge.relay.mcp_headers import MODERN_ERRORS
from mcp_auth_bridge.relay.rewriting import REMOVED, Path, Rewriting, rewrite

_CACHEABLE = frozenset({"prompts/list", "resources/list", "resources/read", "resources/templates/list", "tools/list"})
_SHAPED = frozenset({"tools/list", "tools/call", "prompts/get"})
"""The methods whose results have parts that earlier revisions do not know."""

_MODERN: tuple[Path, ...] = (("result", "resultType"), ("result", "_meta", SERVER_INFO_KEY))
_FRESHNESS: tuple[Path, ...] = (("result", "ttlMs"), ("result", "cacheScope"))
_FIRST_WITH = {"resource_link": "2025-06-18", "audio": "2025-03-26"}
"""The first revisions with each kind of content that 2024-11-05 does not know."""

_without_modern = Rewriting(dict.fromkeys(_MODERN, REMOVED))

_CAPABILITY_MISSING = -32021
_INVALID_PARAMS = -32602
_INTERNAL = -32603
_NO_RESOURCE = -32002


class _Block(msgspec.Struct):
    """A block of content. Any: the server may send any JSON."""

    type: Any = None


class _CallResult(msgspec.Struct, rename="camel"):
    """The parts of a `CallToolResult` that earlier revisions may not know."""

    content: list[_Block] = []
    structured_content: msgspec.Raw = msgspec.Raw(b"{}")


_call_decoder = msgspec.json.Decoder(_CallResult)


def as_older(reply: Message, request: Message, revision: str) -> Message:
    """`reply`, which answers `request`, for a client of `revision`. Raises `TheirProtocolError`."""
    raw = result_of(reply)
    if raw is None:
        error = decoded(reply.raw).get("error")
        return rewrite(reply, _error_changes(error, request)) if isinstance(error, dict) else reply
    if not raw.startswith(b"{"):
        raise TheirProtocolError("the server's result is not an object")
    kind = replies.result_type(reply)
    if kind != "complete":
        raise TheirProtocolError(f"the server's result is of the unknown type {quoted(json.dumps(kind), 40)}")
    if request.method == "tools/call" and _is_known(raw, revision):
        return _without_modern(reply)
    changes: dict[Path, Any] = dict.fromkeys(_MODERN, REMOVED)
    if request.method in _CACHEABLE:
        changes |= dict.fromkeys(_FRESHNESS, REMOVED)
    if request.method in _SHAPED:
        changes |= _shape_changes(decoded(raw), request.method, revision)
    return rewrite(reply, changes)


def _error_changes(error: dict[str, Any], request: Message) -> dict[Path, Any]:
    """Any: JSON."""
    code, data = error.get("code"), error.get("data")
    if isinstance(code, int) and code in MODERN_ERRORS:
        return {("error", "code"): _INTERNAL, ("error", "message"): _words(code, error)}
    is_missing = code == _INVALID_PARAMS and isinstance(data, dict) and "uri" in data
    return {("error", "code"): _NO_RESOURCE} if is_missing and request.method == "resources/read" else {}


def _words(code: Any, error: dict[str, Any]) -> str:
    """The server's words, after the names of the capabilities that it misses. Any: JSON."""
    said = quoted(str(error.get("message", "")))
    data = error.get("data")
    needed = data.get("requiredCapabilities") if isinstance(data, dict) else None
    if code == _CAPABILITY_MISSING and isinstance(needed, dict):
        return f"the server needs a client with the capability {', '.join(_capability_names(needed))}: {said}"
    return f"the server refused the request with the error {code}: {said}"


def _capability_names(needed: dict[str, Any]) -> list[str]:
    """`elicitation.url` for {"elicitation": {"url": {}}}. Any: JSON."""
    names = []
    for name, inner in needed.items():
        parts = list(inner) if isinstance(inner, dict) else []
        names += [quoted(f"{name}.{part}", 80) for part in parts] or [quoted(name, 80)]
    return names


def _shape_changes(result: dict[str, Any], method: str, revision: str) -> dict[Path, Any]:
    """Any: JSON."""
    if method == "tools/list":
        return _tools_changes(result.get("tools"))
    return (
        _call_changes(result, revision) if method == "tools/call" else _prompt_changes(result.get("messages"), revision)
    )


def _is_known(result: bytes, revision: str) -> bool:
    """Whether `revision` knows all of a call's `result`, as nearly always. It is not decoded for that: it may be large.

    False also if that cannot be told without decoding it.
    """
    try:
        parts = _call_decoder.decode(result)
    except (msgspec.DecodeError, RecursionError):
        return False
    newer = [kind for kind, first in _FIRST_WITH.items() if revision < first]
    return bytes(parts.structured_content)[:1] == b"{" and not any(block.type in newer for block in parts.content)


def _tools_changes(tools: Any) -> dict[Path, Any]:
    if not isinstance(tools, list):
        return {}
    known = [_without_schema(tool) for tool in tools]
    return {("result", "tools"): known} if known != tools else {}


def _without_schema(tool: Any) -> Any:
    """`tool`, without an output schema that earlier revisions do not allow: theirs describes an object."""
    if not isinstance(tool, dict) or "outputSchema" not in tool:
        return tool
    schema = tool["outputSchema"]
    if isinstance(schema, dict) and schema.get("type") == "object":
        return tool
    return {name: value for name, value in tool.items() if name != "outputSchema"}


def _call_changes(result: dict[str, Any], revision: str) -> dict[Path, Any]:
    changes: dict[Path, Any] = {}
    content = result.get("content")
    if "structuredContent" in result and not isinstance(result["structuredContent"], dict):
        changes["result", "structuredContent"] = REMOVED
        if not content:  # a server is to send the same as text, but not all do
            text = json.dumps(result["structuredContent"], ensure_ascii=False)
            return {**changes, ("result", "content"): [{"type": "text", "text": text}]}
    if isinstance(content, list):
        known = [older_content(block, revision) for block in content]
        if known != content:
            changes["result", "content"] = known
    return changes


def _prompt_changes(messages: Any, revision: str) -> dict[Path, Any]:
    if not isinstance(messages, list):
        return {}
    known = [
        {**message, "content": older_content(message["content"], revision)}
        if isinstance(message, dict) and "content" in message
        else message
        for message in messages
    ]
    return {("result", "messages"): known} if known != messages else {}


def older_content(block: Any, revision: str) -> Any:
    """A block of content as `revision` knows it: a text in place of an unknown kind. Any: JSON."""
    kind = block.get("type") if isinstance(block, dict) else None
    if kind not in tuple(_FIRST_WITH) or revision >= _FIRST_WITH[kind]:
        return block
    if kind == "resource_link":
        return {"type": "text", "text": f"{block.get('title') or block.get('name')}: {block.get('uri')}"}
    return {"type": "text", "text": f"(audio, {block.get('mimeType')})"}
