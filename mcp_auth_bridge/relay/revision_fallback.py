"""The same `initialize` with an older revision of MCP, for servers that refuse a newer one.

By MCP "Version Negotiation" a server answers with a revision of its own. Some refuse instead: Slack's and
xiaohongshu-mcp #697 with HTTP 400, agentic-awesome-skills #1003 with the error -32602. A refused `initialize` has not
opened a session, so a second one does nothing twice.
"""

from mcp_auth_bridge.errors import BridgeError, UpstreamFailed
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Message
from mcp_auth_bridge.relay.http_semantics import SUPPORTED
from mcp_auth_bridge.relay.rewriting import rewrite

_INVALID_PARAMS = -32602  # MCP "Lifecycle", error handling: “Unsupported protocol version”


def with_older_revision(initialize: Message, outcome: Message | BridgeError | None) -> Message | None:
    """`initialize` with the next older revision, None if that would not help after this `outcome`.

    `outcome` is the server's error reply, or the error of the call; None stands for a call without either.
    """
    if not _may_be_due_to_revision(outcome):
        return None
    named = initialize.params.get("protocolVersion")
    earlier = [revision for revision in SUPPORTED if isinstance(named, str) and revision < named]
    return rewrite(initialize, {("params", "protocolVersion"): earlier[-1]}) if earlier else None


def _may_be_due_to_revision(outcome: Message | BridgeError | None) -> bool:
    if isinstance(outcome, Message):
        return replies.error_code(outcome) == _INVALID_PARAMS
    return isinstance(outcome, UpstreamFailed) and outcome.status == 400
