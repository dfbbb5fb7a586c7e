"""MCP 2026-07-28 at the server: there is no session, and each request has headers made from its body.

The relay cancels a call by hanging up.
"""

from collections.abc import Iterator, Sequence

import msgspec

from mcp_auth_bridge.relay.base import REPLY, REQUEST, Action, Message, Reviewing, ToServer, collected
from mcp_auth_bridge.relay.mcp_headers import standard_headers


class Modern(Reviewing):
    """Wraps the relay that makes a call for each message. Only requests go to the server, and none come from it."""

    @collected
    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is not REPLY:  # a modern server sends no requests, so there is nothing to reply to
            yield from self._review(self._inner.from_client(message))

    @collected
    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        if message.kind is not REQUEST:  # forbidden in this revision, and a modern client could not answer it
            yield from self._review(self._inner.from_server(call, message))

    @collected
    def _review(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            if not isinstance(action, ToServer):
                yield action
            elif action.message.kind is REQUEST:
                yield msgspec.structs.replace(action, headers={**standard_headers(action.message), **action.headers})
            # This revision does not POST notifications: a cancellation is the hangup that follows.
