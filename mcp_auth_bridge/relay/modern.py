"""MCP 2026-07-28 at the server: there is no session, and each request has headers made from its body.

The relay cancels a call by hanging up.
"""

from collections.abc import Sequence

from mcp_auth_bridge.relay.base import NOTHING, REPLY, REQUEST, Action, Message, Reviewing, ToServer
from mcp_auth_bridge.relay.mcp_headers import standard_headers


class Modern(Reviewing):
    """Wraps the relay that makes a call for each message. Only requests go to the server, and none come from it."""

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REPLY:  # a modern server sends no requests, so there is nothing to reply to
            return NOTHING
        return self._review(self._inner.from_client(message))

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST:  # forbidden in this revision, and a modern client could not answer it
            return NOTHING
        return self._review(self._inner.from_server(call, message))

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is ToServer:
                return self._for_server(actions)
        return actions

    def _for_server(self, actions: Sequence[Action]) -> Sequence[Action]:
        reviewed: list[Action] = []
        for action in actions:
            if type(action) is not ToServer:
                reviewed.append(action)
            elif (message := action.message).kind is REQUEST:
                headers = standard_headers(message)
                headers.update(action.headers)
                reviewed.append(ToServer(action.call, message, headers))
            # This revision does not POST notifications: a cancellation is the hangup that follows.
        return reviewed
