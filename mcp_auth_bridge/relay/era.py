"""The two eras of MCP, and the facts that prove which one a server speaks (specification 2026-07-28, basic/versioning).

Only a reply proves an era. A refused login, an unreachable server and silence prove nothing.
"""

import enum
from collections.abc import Mapping
from typing import Any

from mcp_auth_bridge.errors import (
    BridgeError,
    LimitExceeded,
    TheirProtocolError,
    UpstreamFailed,
    UrlRefused,
    quoted,
)
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Message, decoded
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.mcp_headers import MODERN_ERRORS, MODERN_VERSIONS

DISCOVER = "server/discover"

UNSUPPORTED_VERSION = -32022

_REFUSALS = frozenset({-32600, -32601, -32000, -32001})
"""Codes with which servers refuse a message that does not belong to a session: the Python SDK with -32600, the
TypeScript SDK with -32000 and -32001, others with "method not found".
"""

_INVALID = -32602
"""Invalid params: the Python SDK's for a request before `initialize`. A tool may use it for its own arguments."""

_NOT_OF_AN_ERA = frozenset({402, 403, 407, 408, 423, 425, 429, 451, 502, 503, 504, 511, 520, 521, 522, 523, 524})
"""Statuses that say nothing about an era: somebody has to be asked, to wait, or is away (52x: Cloudflare's)."""


class Era(enum.Enum):
    LEGACY = "legacy"
    """Revisions to 2025-11-25: `initialize` opens a session."""

    MODERN = "modern"
    """Revisions since 2026-07-28: each request stands alone."""

    @property
    def other(self) -> "Era":
        return Era.MODERN if self is Era.LEGACY else Era.LEGACY


ERA = "era"
"""The name under which the era of a server is remembered, as a JSON string."""


def remembered_as(era: Era) -> bytes:
    """What is remembered of a server that speaks `era`."""
    return b'"%b"' % era.value.encode()


def remembered_era(memory: Mapping[str, bytes]) -> Era | None:
    """The era that the server spoke last time: a hint, which each contradiction replaces."""
    return next((era for era in Era if memory.get(ERA) == remembered_as(era)), None)


def is_modern(discovery: Message) -> bool:
    """Whether `discovery`, the reply to `server/discover`, comes from a server that speaks a modern revision."""
    result = result_of(discovery)
    if result is not None:
        return _names_modern(replies.members(result).get("supportedVersions"))
    code = replies.error_code(discovery)
    if code == UNSUPPORTED_VERSION:
        return _names_modern(_supported(discovery))
    return code in MODERN_ERRORS


def is_doubtful(request: Message, refusal: Message) -> bool:
    """Whether the error reply `refusal` to a modern request may come from a server that speaks the other era.

    Then the request was not executed: the code is one with which protocol code refuses a message before a tool sees it.
    """
    return replies.error_code(refusal) in (_REFUSALS if request.method == "tools/call" else {*_REFUSALS, _INVALID})


def may_be_refused_unread(error: BridgeError) -> bool:
    """Whether `error` is an HTTP refusal of a message that the server did not execute, perhaps because of its era."""
    return isinstance(error, UpstreamFailed) and 400 <= error.status < 500 and error.status not in _NOT_OF_AN_ERA


def may_mean_other_era(error: BridgeError) -> bool:
    """Whether an opening, `initialize` or `server/discover`, that failed with `error` may succeed in the other era."""
    if isinstance(error, UpstreamFailed):
        return error.status not in _NOT_OF_AN_ERA
    return isinstance(error, TheirProtocolError) and not isinstance(error, UrlRefused | LimitExceeded)


def refused_initialize_error(reply: Message) -> BridgeError:
    """The error of an `initialize` that the server refused with `reply`, in its own words."""
    return TheirProtocolError(f"the server refused to initialize a session{_words(reply)}")


def refused_discover_error(reply: Message) -> BridgeError:
    """The error of a modern request that a server without the modern era refused with `reply`."""
    return TheirProtocolError(f"the server does not speak MCP 2026-07-28{_words(reply)}")


def refused_request_error(reply: Message) -> BridgeError:
    """The error of a request in a legacy session that a modern server refused with `reply`."""
    return TheirProtocolError(f"the server no longer speaks the revision of MCP of this session{_words(reply)}")


def _words(reply: Message) -> str:
    """The server's own sentence in an error reply, to be appended to one of the bridge's."""
    value = decoded(reply.raw)
    error = value.get("error") if isinstance(value, dict) else None
    text = error.get("message") if isinstance(error, dict) else None
    return f", saying {quoted(text, 200)}" if isinstance(text, str) and text else ""


def _supported(reply: Message) -> Any:
    """The versions that the error reply names, the modern ones if it names none. Any: any JSON."""
    data = (decoded(reply.raw) or {}).get("error", {}).get("data")
    return data.get("supported", MODERN_VERSIONS) if isinstance(data, dict) else MODERN_VERSIONS


def _names_modern(versions: Any) -> bool:
    """Whether a modern version is among the `versions`. Any: any JSON."""
    return isinstance(versions, list | tuple) and any(version in MODERN_VERSIONS for version in versions)
