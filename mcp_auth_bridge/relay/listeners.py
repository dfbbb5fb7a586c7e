"""The client's `subscriptions/listen` (MCP 2026-07-28) in front of a legacy server, which knows no such request.

A legacy server tells of changed lists unasked, on its own stream, and of changed resources after
`resources/subscribe`. A listener first gets an acknowledgement, limited to the server's declared capabilities. Then it
gets each notification that it asked for, with its own id as the tag.

    from the client                      to the server
    subscriptions/listen                 `resources/subscribe` for each URI that has no listener yet
    notifications/cancelled for it       `resources/unsubscribe` for each URI that has no listener any more

    from the server                      to the client
    lists and resources that changed     once for each listener that asked for them, else nothing
    another session in place of a lost   the same for everything that a listener asked for: something may have changed
    another era                          the result that ends each listener, which may listen again
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import count
from typing import Any

import msgspec

from mcp_auth_bridge.errors import EraRefused, LimitExceeded
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    REPLY,
    REQUEST,
    Action,
    Fail,
    Kind,
    Message,
    Relay,
    Reviewing,
    SessionOpened,
    ToClient,
    Wake,
    collected,
)
from mcp_auth_bridge.relay.legacy_server import LegacyServer
from mcp_auth_bridge.relay.rewriting import rewrite
from mcp_auth_bridge.relay.subscriptions import METHOD

_TAG = "io.modelcontextprotocol/subscriptionId"
_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
_UPDATED = "notifications/resources/updated"
_URIS = "resourceSubscriptions"
_LISTS = {"toolsListChanged": "tools", "promptsListChanged": "prompts", "resourcesListChanged": "resources"}
_CHANGES = {f"notifications/{name}/list_changed": field for field, name in _LISTS.items()}
PATIENCE = 5.0
"""Seconds that an acknowledgement waits for the server: after that the server is taken at its declared word."""

_TIMER = "subscribing"
_MOST_LISTENERS = 100
_MOST_URIS = 1000


class _Listener(msgspec.Struct):
    """`request` is the client's; `lists` the fields of the lists and `uris` the resources that it is told about."""

    request: Message
    lists: list[str]
    uris: list[str] | None
    acknowledged: bool = False

    @property
    def filter(self) -> dict[str, Any]:
        """The parameters of the acknowledgement. Any: JSON."""
        lists: dict[str, Any] = dict.fromkeys(self.lists, True)
        return lists if self.uris is None else {**lists, _URIS: self.uris}

    @property
    def meta(self) -> dict[str, Any]:
        """The `_meta` of its notifications. Any: JSON."""
        return {_TAG: self.request.key}


class Listeners(Reviewing):
    """Wraps the relay that makes the calls. `server` must be known once the first request comes."""

    def __init__(self, inner: Relay, server: LegacyServer) -> None:
        super().__init__(inner)

        # What the server has declared.
        self._server = server

        # The listeners, by the keys of their requests.
        self._listeners: dict[Hashable, _Listener] = {}

        # The URIs that the server is asked to subscribe to and has not answered, by the keys of these requests.
        self._asked: dict[Hashable, str] = {}

        # The keys of requests whose replies mean nothing.
        self._given_up: set[Hashable] = set()

        # For the ids of the requests. `session_replay.py` counts upwards.
        self._numbers = count(-1, -1)

        # Whether there has been a session, so that the next one replaces it.
        self._opened = False

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST and message.method == METHOD:
            return self._listen(message)
        if message.method == "notifications/cancelled" and message.cancelled_key in self._listeners:
            return self._leave(self._listeners.pop(message.cancelled_key))
        return self._review(self._inner.from_client(message))

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        if timer != _TIMER:
            yield from self._review(self._inner.woke(timer))
            return
        self._given_up |= self._asked.keys()
        self._asked = {}
        yield from self._acknowledge()

    @collected
    def _listen(self, request: Message) -> Iterator[Action]:
        wanted = request.params.get("notifications")
        listener = self._listener(request, wanted if isinstance(wanted, dict) else {})
        known = sum(len(other.uris or ()) for other in self._listeners.values())
        if len(self._listeners) >= _MOST_LISTENERS or known + len(listener.uris or ()) > _MOST_URIS:
            yield Fail(request, LimitExceeded("the client listens to too much at once", "listen to less"))
            return
        new = [uri for uri in listener.uris or () if not self._is_heard(uri)]
        self._listeners[request.key] = listener
        for uri in new:
            subscribe = self._request("resources/subscribe", uri)
            self._asked[subscribe.key] = uri
            yield from self._review(self._inner.from_client(subscribe))
        if self._asked:
            yield Wake(_TIMER, PATIENCE)
        yield from self._acknowledge()

    def _listener(self, request: Message, wanted: dict[str, Any]) -> _Listener:
        """The listener for what is `wanted` and the server declared. Any: any JSON."""
        lists = [
            field
            for field, name in _LISTS.items()
            if wanted.get(field) is True and self._server.offers(name, option="listChanged")
        ]
        uris = wanted.get(_URIS)
        if not isinstance(uris, list) or not self._server.offers("resources", option="subscribe"):
            return _Listener(request, lists, None)
        return _Listener(request, lists, list(dict.fromkeys(uri for uri in uris if isinstance(uri, str))))

    def _is_heard(self, uri: str) -> bool:
        return any(uri in (listener.uris or ()) for listener in self._listeners.values())

    @collected
    def _leave(self, listener: _Listener) -> Iterator[Action]:
        for uri in listener.uris or ():
            if not self._is_heard(uri):
                unsubscribe = self._request("resources/unsubscribe", uri)
                self._given_up.add(unsubscribe.key)
                yield from self._review(self._inner.from_client(unsubscribe))

    def _request(self, method: str, uri: str) -> Message:
        return replies.request(method, {"uri": uri}, next(self._numbers))

    @collected
    def _acknowledge(self) -> Iterator[Action]:
        """Acknowledge the listeners for whose URIs the server has answered."""
        for listener in self._listeners.values():
            if not listener.acknowledged and not set(self._asked.values()) & set(listener.uris or ()):
                listener.acknowledged = True
                params = {"_meta": listener.meta, "notifications": listener.filter}
                yield ToClient(replies.notification(_ACKNOWLEDGED, params))

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is Fail or type(action) is SessionOpened:
                return self._reviewed(actions)
            if type(action) is ToClient:
                message = action.message
                is_own = message.kind is REPLY and (message.key in self._asked or message.key in self._given_up)
                if is_own or message.method in _CHANGES or message.method == _UPDATED:
                    return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY) as reply):
                    yield from self._answered(reply.key, action, took=replies.error_code(reply) is None)
                case Fail(request=request, error=error):
                    yield from self._answered(request.key, action, took=False)
                    if isinstance(error, EraRefused):
                        yield from self._end_all()
                case ToClient(message=message) if message.method in _CHANGES or message.method == _UPDATED:
                    yield from self._tell(message)
                case SessionOpened():
                    yield action
                    yield from self._session_opened()
                case _:
                    yield action

    @collected
    def _answered(self, key: Hashable, action: Action, *, took: bool) -> Iterator[Action]:
        """Pass on the answer to the client's request `key`. `took`: the server has carried it out."""
        uri = self._asked.pop(key, None)
        if uri is None and key not in self._given_up:
            yield action
            return
        self._given_up.discard(key)
        if uri is not None and not took:
            for listener in self._listeners.values():
                if uri in (listener.uris or ()):
                    listener.uris = [other for other in listener.uris or () if other != uri]
        yield from self._acknowledge()

    @collected
    def _tell(self, message: Message) -> Iterator[Action]:
        """Tell the listeners that asked for it. A server may name a part of the resource that they know."""
        field = _CHANGES.get(message.method or "")
        uri = message.params.get("uri")
        for listener in self._listeners.values():
            heard = field in listener.lists if field else _covers(listener.uris or (), uri)
            if listener.acknowledged and heard:
                yield ToClient(rewrite(message, {("params", "_meta", _TAG): listener.request.key}))

    @collected
    def _session_opened(self) -> Iterator[Action]:
        """If the session replaces a lost one, notifications may be lost: all may have changed for the listeners."""
        for listener in self._listeners.values() if self._opened else ():
            if listener.acknowledged:
                yield from _may_have_changed(listener)
        self._opened = True

    @collected
    def _end_all(self) -> Iterator[Action]:
        """End the listeners in an orderly way: this relay gets no more notifications for them."""
        listeners, self._listeners = self._listeners, {}
        for listener in listeners.values():
            meta = {**self._server.meta, **listener.meta}
            yield ToClient(replies.result(listener.request, {"resultType": "complete", "_meta": meta}))


@collected
def _may_have_changed(listener: _Listener) -> Iterator[Action]:
    for field in listener.lists:
        yield ToClient(replies.notification(f"notifications/{_LISTS[field]}/list_changed", {"_meta": listener.meta}))
    for uri in listener.uris or ():
        yield ToClient(replies.notification(_UPDATED, {"_meta": listener.meta, "uri": uri}))


def _covers(uris: Iterable[str], uri: Any) -> bool:
    """Whether `uri`, any JSON, is one of `uris` or lies below one."""
    return isinstance(uri, str) and any(uri == known or uri.startswith(f"{known.rstrip('/')}/") for known in uris)
