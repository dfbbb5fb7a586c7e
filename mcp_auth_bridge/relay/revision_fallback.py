"""The same `initialize` with an older revision of MCP, for servers that refuse a newer one.

MCP "Version Negotiation" has a server answer with a revision of its own. Some refuse instead: Slack's and
xiaohongshu-mcp #697 with HTTP 400, agentic-awesome-skills #1003 with the error -32602. A refused `initialize` has
opened nothing, so that another one does nothing twice.
"""

from mcp_auth_bridge.errors import BridgeError, UpstreamFailed
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Message
from mcp_auth_bridge.relay.http_semantics import SUPPORTED

_INVALID_PARAMS = -32602  # MCP "Lifecycle", error handling: “Unsupported protocol version”


def older(opening: Message, outcome: Message | BridgeError | None) -> Message | None:
    """What to send after `opening` came to that `outcome`, None where no older revision would help."""
    if not _may_be_the_revision(outcome):
        return None
    named = opening.params.get("protocolVersion")
    earlier = [revision for revision in SUPPORTED if isinstance(named, str) and revision < named]
    return replies.with_param(opening, "protocolVersion", earlier[-1]) if earlier else None


def _may_be_the_revision(outcome: Message | BridgeError | None) -> bool:
    if isinstance(outcome, Message):
        return replies.error_code(outcome) == _INVALID_PARAMS
    return isinstance(outcome, UpstreamFailed) and outcome.status == 400
