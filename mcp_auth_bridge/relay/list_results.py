"""The four lists of MCP, and their results when the bridge answers in the server's place."""

from collections.abc import Mapping
from typing import Any

from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import REQUEST, Message
from mcp_auth_bridge.relay.mcp_headers import version_of
from mcp_auth_bridge.relay.rewriting import REMOVED, as_json, rewrite

TOOLS = "tools/list"

_FIELDS = {
    TOOLS: "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
"""The member of each method's result that holds the list."""

CAPABILITIES = ("tools", "prompts", "resources")
"""The capabilities that a server has lists for. Each has a notification of its own."""

CHANGES = frozenset(f"notifications/{capability}/list_changed" for capability in CAPABILITIES)
"""Those notifications."""

COMPLETE: Mapping[str, Any] = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
"""The members that a result needs since MCP 2026-07-28: it is whole, stale at once and private
(server/utilities/caching)."""


def is_list(message: Message) -> bool:
    """Whether `message` asks for a page of a list."""
    return message.kind is REQUEST and message.method in _FIELDS


def is_first_page(message: Message) -> bool:
    """Whether `message` asks for the first page of a list."""
    return is_list(message) and "cursor" not in message.params


def capability_of(method: str | None) -> str:
    """The capability that the list `method` belongs to."""
    return (method or "").partition("/")[0]


def changed(capability: str) -> Message:
    """The notification that the lists of `capability` have changed."""
    return replies.notification(f"notifications/{capability}/list_changed")


def items_in(method: str | None, result: bytes | None) -> list[Any] | None:
    """The items in the raw `result` of the list `method`, None unless they are the whole list. Any: any JSON."""
    known = replies.members(result)
    items = known.get(_FIELDS.get(method or "", ""))
    return items if isinstance(items, list) and "nextCursor" not in known else None


def empty(request: Message) -> bytes:
    """The raw result of `request` with an empty list."""
    return as_json({_FIELDS[request.method or ""]: []})


def empty_reply(request: Message) -> Message:
    """The reply to `request` with an empty list, in the form of the client's era."""
    return in_era_of(request, replies.raw_result(request, empty(request)))


def in_era_of(request: Message, reply: Message) -> Message:
    """`reply` to `request` with the members that results have since 2026-07-28, or without them in the legacy era."""
    modern = bool(version_of(request))
    return rewrite(reply, {("result", name): value if modern else REMOVED for name, value in COMPLETE.items()})
