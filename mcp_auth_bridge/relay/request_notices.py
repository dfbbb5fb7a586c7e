"""The notifications about a request under way: none after its reply, and progress that only grows.

A request of the client may be several requests to the server, each with a progress of its own (specification
2026-07-28, basic/patterns/progress).
"""

import math
from collections.abc import Hashable, Sequence

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay.base import (
    NOTHING,
    NOTIFICATION,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Hangup,
    Message,
    Relay,
    Reviewing,
    ToClient,
    ToServer,
)


class RequestNotices(Reviewing):
    """Wraps the relay that may send a request several times."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)

        # The progress tokens of the client's requests under way, by the key of the request.
        self._tokens: dict[Hashable, Hashable] = {}

        # The last progress of each of these tokens.
        self._values: dict[Hashable, float] = {}

        # The calls whose request is answered.
        self._answered: set[int] = set()

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST:
            if _may_name_token(message.raw):
                self._note_token(message)
        elif message.method == "notifications/cancelled":
            self._forget(message.cancelled_key)
        return self._review(self._inner.from_client(message))

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        if message.kind is NOTIFICATION and call in self._answered:
            return NOTHING
        if message.kind is REPLY:
            self._answered.add(call)
        return self._review(self._inner.from_server(call, message))

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        self._answered.discard(call)
        return self._review(self._inner.ended(call, error))

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        reviewed = actions
        for action in actions:
            if type(action) is ToServer or type(action) is Hangup:
                self._answered.discard(action.call)
            elif type(action) is Fail:
                self._forget(action.request.key)
            elif type(action) is not ToClient:
                continue
            elif (message := action.message).kind is REPLY:
                self._forget(message.key)
            elif message.method == "notifications/progress" and not self._grows(message):
                reviewed = [other for other in reviewed if other is not action]
        return reviewed

    def _note_token(self, request: Message) -> None:
        meta = request.params.get("_meta")
        token = _token_in(meta if isinstance(meta, dict) else {})
        if token is not None:
            self._tokens[request.key] = token
            self._values.setdefault(token, -math.inf)

    def _forget(self, key: Hashable) -> None:
        if key not in self._tokens:
            return
        token = self._tokens.pop(key)
        if token not in self._tokens.values():
            self._values.pop(token, None)

    def _grows(self, progress: Message) -> bool:
        """Whether `progress` belongs to a request under way, and says more than the last one."""
        params = progress.params
        token, value = _token_in(params), params.get("progress")
        if not isinstance(value, int | float) or token not in self._values or value <= self._values[token]:
            return False
        self._values[token] = value
        return True


def _may_name_token(raw: bytes) -> bool:
    """False if the message in `raw` certainly has no progress token: to find that out, nothing has to be decoded.

    A letter of a name can be written in another way only as an escape that begins with a backslash and `u`.
    """
    return b"progressToken" in raw or b"\\u" in raw


def _token_in(members: dict[str, object]) -> Hashable:
    """The progress token among `members` as a key, None if there is none."""
    token = members.get("progressToken")
    return token if isinstance(token, str | int | float) and not isinstance(token, bool) else None
