"""Answers a legacy client's `initialize` in the server's place where the server cannot (`early_opening.py`)."""

from typing import Any

from mcp_auth_bridge.relay.base import Message
from mcp_auth_bridge.relay.client_patience import patience
from mcp_auth_bridge.relay.early_opening import EarlyOpening
from mcp_auth_bridge.relay.greetings import INITIALIZE, initialize_result, worth_remembering


class EarlyInitialize(EarlyOpening):
    """Without a memory of the server, it has as much time as the client is known to wait."""

    method = INITIALIZE

    def _patience(self, opening: Message) -> float:
        return patience(opening.params.get("clientInfo"))

    def _result(self, opening: Message) -> Any:
        return initialize_result(self._name, self._memory, opening.params.get("protocolVersion"))

    def _worth_remembering(self, method: str, result: bytes) -> bytes:
        if method != INITIALIZE:
            return result
        requested = self._newest.params.get("protocolVersion") if self._newest is not None else None
        return worth_remembering(result, requested, self._memory.get(method))
