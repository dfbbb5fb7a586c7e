"""The notifications about a request under way: none after its reply, and progress that only grows.

A request of the client may be several requests to the server, each with a progress of its own (specification
2026-07-28, basic/patterns/progress).
"""

import math
from collections.abc import Hashable, Iterator, Sequence

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay.base import (
    NOTIFICATION,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Hangup,
    Kind,
    Message,
    Relay,
    Reviewing,
    ToClient,
    ToServer,
    collected,
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

    @collected
    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is REQUEST:
            meta = message.params.get("_meta")
            token = _token_in(meta if isinstance(meta, dict) else {})
            if token is not None:
                self._tokens[message.key] = token
                self._values.setdefault(token, -math.inf)
        elif message.method == "notifications/cancelled":
            self._forget(message.cancelled_key)
        yield from self._review(self._inner.from_client(message))

    @collected
    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        if message.kind is NOTIFICATION and call in self._answered:
            return
        if message.kind is REPLY:
            self._answered.add(call)
        yield from self._review(self._inner.from_server(call, message))

    @collected
    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        self._answered.discard(call)
        yield from self._review(self._inner.ended(call, error))

    @collected
    def _review(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToServer(call=call) | Hangup(call=call):
                    self._answered.discard(call)
                case ToClient(message=Message(kind=Kind.REPLY) as reply):
                    self._forget(reply.key)
                case Fail(request=request):
                    self._forget(request.key)
                case ToClient(message=Message(method="notifications/progress") as progress) if not self._grows(
                    progress
                ):
                    continue
            yield action

    def _forget(self, key: Hashable) -> None:
        token = self._tokens.pop(key, None)
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


def _token_in(members: dict[str, object]) -> Hashable:
    """The progress token among `members` as a key, None if there is none."""
    token = members.get("progressToken")
    return token if isinstance(token, str | int | float) and not isinstance(token, bool) else None
