"""Answers a modern client's `server/discover` in the server's place where the server cannot (`early_opening.py`)."""

from typing import Any

from mcp_auth_bridge.relay.base import Message
from mcp_auth_bridge.relay.early_opening import EarlyOpening
from mcp_auth_bridge.relay.greetings import DISCOVER, discover_result

PATIENCE = 25.0
"""Seconds that a server has which is not remembered.

Silence is not an era, and it costs a dual-era client nothing: it sends `initialize` after 3 s (Claude Code) or 10 s
(Copilot CLI, the Python SDK), and so gets the server's own words. What remains are clients of the modern era alone.
"""


class EarlyDiscover(EarlyOpening):
    """A server of either era is described to a modern client by a `DiscoverResult`."""

    method = DISCOVER

    def _patience(self, opening: Message) -> float:  # noqa: ARG002 - all clients are alike here
        return PATIENCE

    def _result(self, opening: Message) -> Any:  # noqa: ARG002 - as above
        return discover_result(self._name, self._memory)
