"""Notices that a server, in the middle of a legacy session, has become one of the modern era.

Such a server refuses each request of the session with UnsupportedProtocolVersion, which no legacy server uses. Nothing
was executed, so the request fails with `EraRefused`. Other refusals may mean a lost session: `LegacySession` opens it
again, and learns the era from the reply to its `initialize`.
"""

from collections.abc import Hashable, Sequence

from mcp_auth_bridge.errors import EraRefused
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    REPLY,
    REQUEST,
    Action,
    Fail,
    Message,
    Relay,
    Reviewing,
    ToClient,
)
from mcp_auth_bridge.relay.era import UNSUPPORTED_VERSION, refused_request_error

_CODE = b"%d" % UNSUPPORTED_VERSION
_LONGEST_REFUSAL = 65536  # bytes; a longer reply is not a refusal, and is not decoded to find that out


class LegacyEra(Reviewing):
    """Wraps the relay that keeps a legacy session."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)

        # The requests without a reply, by key.
        self._open: dict[Hashable, Message] = {}

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST:
            self._open[message.key] = message
        elif message.method == "notifications/cancelled":
            self._open.pop(message.cancelled_key, None)
        return self._review(self._inner.from_client(message))

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        reviewed = actions
        for action in actions:
            if type(action) is ToClient:
                reply = action.message
                request = self._open.pop(reply.key, None) if reply.kind is REPLY else None
                if request is not None and not reply.is_result and _is_refused(reply):
                    refused = Fail(request, EraRefused(refused_request_error(reply)))
                    reviewed = [refused if other is action else other for other in reviewed]
            elif type(action) is Fail:
                self._open.pop(action.request.key, None)
        return reviewed


def _is_refused(reply: Message) -> bool:
    raw = reply.raw
    return len(raw) <= _LONGEST_REFUSAL and _CODE in raw and replies.error_code(reply) == UNSUPPORTED_VERSION
