"""Which notifications of a legacy server a modern client may get: those that belong to a request it waits for.

Source: specification 2026-07-28, basic/patterns/progress, server/utilities/logging.
"""

from typing import Any

from mcp_auth_bridge.relay.base import Message
from mcp_auth_bridge.relay.exchanges import Exchange, Exchanges
from mcp_auth_bridge.relay.modern_requests import LEVELS
from mcp_auth_bridge.relay.rewriting import rewrite

_LEGACY_ONLY = frozenset(
    {
        "notifications/cancelled",
        "notifications/elicitation/complete",
        "notifications/initialized",
        "notifications/roots/list_changed",
        "notifications/tasks/status",
    }
)


def notice_for_client(message: Message, sender: Exchange | None, exchanges: Exchanges) -> Message | None:
    """`message` as the client may get it, None if it may not. `sender` is the exchange under whose call it arrived."""
    if message.method == "notifications/progress":
        return _progress(message, exchanges)
    if message.method == "notifications/message":
        return message if _is_wanted(message.params.get("level"), sender, exchanges) else None
    return None if message.method in _LEGACY_ONLY else message


def _progress(message: Message, exchanges: Exchanges) -> Message | None:
    """The progress of a request that the client waits for, under its own token and higher than before."""
    params = message.params
    exchange = exchanges.of_token(params.get("progressToken"))
    progress = params.get("progress")
    if exchange is None or not exchange.is_awaited or exchange.client_token is None:
        return None
    if not isinstance(progress, int | float) or progress <= exchange.progress:
        return None
    exchange.progress = progress
    if exchange.token == exchange.client_token:
        return message
    return rewrite(message, {("params", "progressToken"): exchange.client_token})


def _is_wanted(level: Any, sender: Exchange | None, exchanges: Exchanges) -> bool:
    """Whether a request asks for messages of `level`: the sender, or any if it is not known. Any: any JSON."""
    place = LEVELS.index(level) if level in LEVELS else -1
    asking = [sender] if sender is not None else list(exchanges)
    return any(asked.is_awaited and asked.level is not None and asked.level <= place for asked in asking)
