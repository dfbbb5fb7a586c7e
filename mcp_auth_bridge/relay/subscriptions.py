"""Keeps the client's `subscriptions/listen` open (MCP 2026-07-28): the client sees one stream, however often it breaks.

After a break the client is told once that everything it listens to may have changed, because notifications may be lost.
"""

from collections.abc import Iterator, Sequence

import msgspec

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.away import Pauses, is_away
from mcp_auth_bridge.relay.base import (
    REPLY,
    Action,
    Hangup,
    Message,
    Relay,
    Reviewing,
    ToClient,
    ToServer,
    Wake,
    collected,
)

METHOD = "subscriptions/listen"

ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
_LISTS = {"toolsListChanged": "tools", "promptsListChanged": "prompts", "resourcesListChanged": "resources"}


class _Subscription(msgspec.Struct):
    """`opening` opens its stream. `acknowledged`: the client knows of that. `pauses` are those before each new try."""

    opening: ToServer
    acknowledged: bool = False
    pauses: Pauses = msgspec.field(default_factory=Pauses)


class Subscriptions(Reviewing):
    """Wraps the relay that sends the requests."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)
        self._subscriptions: dict[int, _Subscription] = {}

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        subscription = self._subscriptions.get(call)
        if subscription is not None and message.kind is REPLY:
            if message.key == subscription.opening.message.key:
                del self._subscriptions[call]
        elif subscription is not None and message.method == ACKNOWLEDGED:
            subscription.pauses.reset()
            if subscription.acknowledged:
                return may_have_changed(subscription.opening.message)
            subscription.acknowledged = True
        return self._review(self._inner.from_server(call, message))

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        subscription = self._subscriptions.get(call)
        if subscription is not None and subscription.acknowledged and (error is None or is_away(error)):
            return [Wake(f"{METHOD} {call}", subscription.pauses.after(error))]
        self._subscriptions.pop(call, None)
        return self._review(self._inner.ended(call, error))

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        method, _, call = timer.partition(" ")
        if method != METHOD:
            yield from self._review(self._inner.woke(timer))
        elif (subscription := self._subscriptions.get(int(call))) is not None:
            subscription.pauses.attempt()
            yield subscription.opening

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is ToServer:
                if action.message.method == METHOD:
                    self._subscriptions[action.call] = _Subscription(action)
            elif type(action) is Hangup:
                self._subscriptions.pop(action.call, None)
        return actions


@collected
def may_have_changed(request: Message) -> Iterator[Action]:
    """Tell the client that everything which `request` listens to may have changed."""
    wanted = request.params.get("notifications")
    if not isinstance(wanted, dict):
        return
    meta = {SUBSCRIPTION: request.key}
    for field, name in _LISTS.items():
        if wanted.get(field):
            yield ToClient(replies.notification(f"notifications/{name}/list_changed", {"_meta": meta}))
    uris = wanted.get("resourceSubscriptions")
    for uri in uris if isinstance(uris, list) else ():
        yield ToClient(replies.notification("notifications/resources/updated", {"_meta": meta, "uri": uri}))
