"""Acknowledges the client's `subscriptions/listen` in the server's place while the server is away or lacks a login.

A refused client would miss the list changes by which it learns that the server is there (MCP 2026-07-28). So its
subscription stays open, and the relay makes it at the server later. The bridge's own list changes name no subscription:
this relay adds the client's.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import msgspec

from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.away import Pauses, may_pass
from mcp_auth_bridge.relay.base import (
    NOTHING,
    NOTIFICATION,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Message,
    Occasional,
    Relay,
    ToClient,
    Wake,
    collected,
)
from mcp_auth_bridge.relay.list_results import CAPABILITIES
from mcp_auth_bridge.relay.subscriptions import ACKNOWLEDGED, METHOD, SUBSCRIPTION, may_have_changed

AGAIN = "listen again"
"""The timer of the next attempt to make the subscriptions at the server."""

_CHANGES = {f"notifications/{name}/list_changed": f"{name}ListChanged" for name in CAPABILITIES}
"""The member of a subscription that asks for each notification."""

_OF_LISTENING = frozenset({*_CHANGES, ACKNOWLEDGED})
"""The notifications of a subscription."""


class _Listening(msgspec.Struct):
    """A subscription of the client. `acknowledged`: the client knows of it. `made`: so does the server."""

    request: Message
    acknowledged: bool = False
    made: bool = True


class EarlyListen(Occasional):
    """Wraps the relay that answers lists from memory, for a modern client."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)
        self._listening: dict[Hashable, _Listening] = {}  # the client's subscriptions, by key
        self._pausing = False  # whether the next attempt has a timer
        self._pauses = Pauses()

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST and message.method == METHOD and message.key not in self._listening:
            self._listening[message.key] = _Listening(message)
        elif message.kind is NOTIFICATION and message.method == "notifications/cancelled":
            listening = self._listening.pop(message.cancelled_key, None)
            if listening is not None and not listening.made:
                return NOTHING
        return self._review(self._inner.from_client(message))

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        if timer == AGAIN:
            self._pausing = False
            self._pauses.attempt()
            yield from self._make()
        else:
            yield from self._review(self._inner.woke(timer))

    @property
    def is_idle(self) -> bool:
        return not self._listening

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is ToClient:
                method = action.message.method
                if method in _OF_LISTENING or (self._listening and method is None):
                    return self._reviewed(actions)
            elif type(action) is Fail:
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            if type(action) is ToClient:
                yield from self._told(action)
            elif type(action) is Fail and (listening := self._of_client(action.request)) is not None:
                yield from self._failed(listening, action)
            else:
                yield action

    def _told(self, action: ToClient) -> Sequence[Action]:
        told = action.message
        if told.kind is REPLY:
            self._listening.pop(told.key, None)
        elif told.method == ACKNOWLEDGED:
            return self._acknowledged(told)
        elif told.method in _CHANGES:
            return self._changed(told)
        return (action,)

    def _of_client(self, request: Message) -> _Listening | None:
        listening = self._listening.get(request.key)
        return listening if listening is not None and listening.request is request else None

    @collected
    def _failed(self, listening: _Listening, failure: Fail) -> Iterator[Action]:
        error = failure.error
        if not may_pass(error):
            del self._listening[listening.request.key]
            yield failure
            return
        listening.made = False
        yield from self._acknowledge(listening)
        if not self._pausing:
            self._pausing = True
            yield Wake(AGAIN, self._pauses.after(error))

    @collected
    def _make(self) -> Iterator[Action]:
        """Make the subscriptions at the server that it does not know of."""
        for listening in list(self._listening.values()):
            if not listening.made:
                listening.made = True
                yield from self._review(self._inner.from_client(listening.request))

    @collected
    def _acknowledge(self, listening: _Listening) -> Iterator[Action]:
        if not listening.acknowledged:
            listening.acknowledged = True
            wanted = {"notifications": _wanted(listening.request), "_meta": {SUBSCRIPTION: listening.request.key}}
            yield ToClient(replies.notification(ACKNOWLEDGED, wanted))

    @collected
    def _acknowledged(self, told: Message) -> Iterator[Action]:
        """The server's acknowledgement. If the client had one before, it learns that it may have missed something."""
        listening = self._listening.get(_subscription(told))
        if listening is not None and listening.acknowledged:
            self._pauses.reset()
            yield from may_have_changed(listening.request)
            return
        if listening is not None:
            listening.acknowledged = True
        yield ToClient(told)

    @collected
    def _changed(self, told: Message) -> Iterator[Action]:
        if _subscription(told) is not None:
            yield ToClient(told)
            return
        method = told.method or ""
        for listening in list(self._listening.values()):
            if _wanted(listening.request).get(_CHANGES[method]):
                yield from self._acknowledge(listening)
                yield ToClient(replies.notification(method, {"_meta": {SUBSCRIPTION: listening.request.key}}))
        yield from self._make()


def _wanted(request: Message) -> dict[str, Any]:
    """The notifications that the subscription `request` asks for. Any: any JSON."""
    wanted = request.params.get("notifications")
    return wanted if isinstance(wanted, dict) else {}


def _subscription(told: Message) -> Hashable:
    """The key of the subscription that the notification `told` belongs to, None if it does not name one."""
    meta = told.params.get("_meta")
    named = meta.get(SUBSCRIPTION) if isinstance(meta, dict) else None
    return named if isinstance(named, str | int | float) else None
