"""One `subscriptions/listen` for a client of the legacy era, which subscribes to resources one by one.

| from the client | for the server | for the client |
| --- | --- | --- |
| `notifications/initialized` | `subscriptions/listen` for the lists whose changes the server reports | nothing |
| `resources/subscribe`, `resources/unsubscribe` | another one, with all URIs | `{}` |

The old one is cancelled once the new one is acknowledged. If the acknowledgement leaves a URI out, its request fails.

| from the server | for the client |
| --- | --- |
| `notifications/subscriptions/acknowledged` | after a break: everything listened to may have changed |
| other notifications | the same, without the id of the subscription |
| the end of the stream | nothing; it is opened again after 1 to 30 s |

Source: specification 2026-07-28, basic/patterns/subscriptions.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import msgspec

from mcp_auth_bridge.errors import BridgeError, Overdue, RemoteError, quoted
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.away import Pauses, is_away
from mcp_auth_bridge.relay.base import (
    NOTHING,
    NOTIFICATION,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Kind,
    Message,
    Relay,
    Reviewing,
    ToClient,
    Wake,
    collected,
    decoded,
)
from mcp_auth_bridge.relay.rewriting import REMOVED, rewrite
from mcp_auth_bridge.relay.subscriptions import METHOD

SUBSCRIBE = "resources/subscribe"
UNSUBSCRIBE = "resources/unsubscribe"

_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
_LISTS = {"toolsListChanged": "tools", "promptsListChanged": "prompts", "resourcesListChanged": "resources"}
_PATIENCE = 30.0  # seconds that the server has for an acknowledgement
_OPENING = "listen opening"
_AGAIN = "listen again"


class _Opening(msgspec.Struct, frozen=True):
    """A `listen` without an acknowledgement, for `lists` and `uris`.

    The `changes` are the client's requests behind it, by key.
    """

    request: Message
    lists: Mapping[str, bool]
    uris: tuple[str, ...]
    changes: dict[Hashable, Message]


class Listening(Reviewing):
    """Wraps the relay that sends the requests."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)

        # The `_meta` of each `listen`. Any: JSON.
        self._meta: Mapping[str, Any] = {}

        # The lists whose changes the client is told of, as fields of `listen`.
        self._lists: Mapping[str, bool] = {}

        # The URIs to which the client is subscribed.
        self._uris: tuple[str, ...] = ()

        # The `listen` that is acknowledged.
        self._open: Message | None = None

        # The one that is to take its place.
        self._opening: _Opening | None = None

        # The client's requests for the next one, by key.
        self._waiting: dict[Hashable, Message] = {}

        # Whether notifications may be lost, because a stream ended.
        self._missed = False

        # The pauses before a stream that ended is opened again.
        self._pauses = Pauses()

        # For the ids of the requests.
        self._numbers = count(1)

    @collected
    def introduce(self, meta: Mapping[str, Any]) -> Iterator[Action]:
        """Begin for a client whose requests carry `meta`, and which is subscribed to nothing yet. Any: JSON."""
        self._meta, self._uris = meta, ()
        old, self._open = self._open, None
        if old is not None:
            yield from self._hang_up(old)

    @collected
    def listen(self, lists: Mapping[str, bool]) -> Iterator[Action]:
        """Listen to the changes of `lists`, and to the client's URIs."""
        is_new = lists != self._lists or self._open is None
        self._lists = lists
        if is_new and self._opening is None:
            yield from self._advance(is_forced=True)

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST and message.method in (SUBSCRIBE, UNSUBSCRIBE):
            self._waiting[message.key] = message
            return self._advance(is_forced=False) if self._opening is None else NOTHING
        if message.kind is NOTIFICATION and message.method == "notifications/cancelled":
            key = message.cancelled_key
            behind = self._opening.changes if self._opening is not None else {}
            if self._waiting.pop(key, None) is not None or behind.pop(key, None) is not None:
                return NOTHING
        return self._review(self._inner.from_client(message))

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        if timer == _OPENING:
            if self._opening is not None:
                silent = self._opening.request
                yield from self._hang_up(silent)
                error = Overdue(f"the server did not acknowledge {METHOD} within {_PATIENCE:g} seconds")
                yield from self._ended(silent.key, error)
        elif timer == _AGAIN:
            if self._open is None and self._opening is None:
                self._pauses.attempt()
                yield from self._advance(is_forced=True)
        else:
            yield from self._review(self._inner.woke(timer))

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is ToClient:
                message = action.message
                if message.kind is NOTIFICATION or (message.kind is REPLY and self._is_own(message.key)):
                    return self._reviewed(actions)
            elif type(action) is Fail and self._is_own(action.request.key):
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY) as reply) if self._is_own(reply.key):
                    yield from self._ended(reply.key, _end_of(reply))
                case Fail(request=request, error=error) if self._is_own(request.key):
                    yield from self._ended(request.key, error)
                case ToClient(
                    message=Message(kind=Kind.NOTIFICATION, method="notifications/subscriptions/acknowledged") as told
                ):
                    yield from self._acknowledged(told)
                case ToClient(message=Message(kind=Kind.NOTIFICATION) as told):
                    yield ToClient(_untagged(told))
                case _:
                    yield action

    def _is_own(self, key: Hashable) -> bool:
        is_open = self._open is not None and self._open.key == key
        return is_open or (self._opening is not None and self._opening.request.key == key)

    @collected
    def _advance(self, *, is_forced: bool) -> Iterator[Action]:
        """Open a stream for all that the client is to hear of now."""
        changes, self._waiting = self._waiting, {}
        uris = _after(self._uris, changes.values())
        if not (self._lists or uris):
            self._uris, old, self._open = (), self._open, None
            yield from self._confirm(changes, ())
            if old is not None:
                yield from self._hang_up(old)
        elif uris == self._uris and self._open is not None and not is_forced:
            yield from self._confirm(changes, uris)
        else:
            wanted = {**self._lists, **({"resourceSubscriptions": list(uris)} if uris else {})}
            request = replies.request(METHOD, {"_meta": self._meta, "notifications": wanted}, next(self._numbers))
            self._opening = _Opening(request, self._lists, uris, changes)
            yield Wake(_OPENING, _PATIENCE)
            yield from self._review(self._inner.from_client(request))

    @collected
    def _acknowledged(self, told: Message) -> Iterator[Action]:
        opening, params = self._opening, told.params
        meta = params.get("_meta")
        named = meta.get(_SUBSCRIPTION) if isinstance(meta, dict) else None
        if opening is None or named not in (None, opening.request.key):
            return
        granted = params.get("notifications")
        uris = granted.get("resourceSubscriptions") if isinstance(granted, dict) else None
        old, self._open, self._opening = self._open, opening.request, None
        self._uris = tuple(uri for uri in opening.uris if isinstance(uris, list) and uri in uris)
        self._pauses.reset()
        missed, self._missed = self._missed, False
        yield from self._confirm(opening.changes, self._uris)
        if old is not None:
            yield from self._hang_up(old)
        if missed:
            yield from self._may_have_changed()
        is_outdated = opening.lists != self._lists
        if self._waiting or is_outdated:
            yield from self._advance(is_forced=is_outdated)

    @collected
    def _confirm(self, changes: Mapping[Hashable, Message], uris: tuple[str, ...]) -> Iterator[Action]:
        """Answer the client's requests now that it is subscribed to `uris`."""
        for request in changes.values():
            uri = request.params.get("uri")
            if request.method == SUBSCRIBE and uri not in uris:
                yield Fail(request, RemoteError(f"the server does not report changes of {quoted(str(uri))}"))
            else:
                yield ToClient(replies.result(request, {}))

    @collected
    def _ended(self, key: Hashable, error: BridgeError | None) -> Iterator[Action]:
        """A stream is over. One that was open is opened again, another one if `error` may be temporary, or is None."""
        if self._opening is not None and self._opening.request.key == key:
            is_temporary = error is None or is_away(error)
            yield from self._opening_failed(error or RemoteError(f"the server ended {METHOD} at once"))
        else:
            self._open, self._missed, is_temporary = None, True, True
        if self._open is None and self._opening is None and is_temporary:
            yield Wake(_AGAIN, self._pauses.after(error))

    @collected
    def _opening_failed(self, error: BridgeError) -> Iterator[Action]:
        opening, self._opening = self._opening, None
        for request in opening.changes.values() if opening is not None else ():
            yield Fail(request, error)
        if self._waiting:
            yield from self._advance(is_forced=False)

    @collected
    def _hang_up(self, request: Message) -> Iterator[Action]:
        yield from self._review(
            self._inner.from_client(replies.notification("notifications/cancelled", {"requestId": request.key}))
        )

    @collected
    def _may_have_changed(self) -> Iterator[Action]:
        for field in self._lists:
            yield ToClient(replies.notification(f"notifications/{_LISTS[field]}/list_changed"))
        for uri in self._uris:
            yield ToClient(replies.notification("notifications/resources/updated", {"uri": uri}))


def _after(uris: tuple[str, ...], changes: Iterable[Message]) -> tuple[str, ...]:
    """The `uris` after the `changes`, in the order of subscribing."""
    known = dict.fromkeys(uris)
    for request in changes:
        uri = request.params.get("uri")
        if request.method == UNSUBSCRIBE:
            known.pop(uri, None) if isinstance(uri, str) else None
        elif isinstance(uri, str):
            known[uri] = None
    return tuple(known)


def _end_of(reply: Message) -> BridgeError | None:
    """The error in `reply` to a `listen`, None for a result: the server ended the stream in good order."""
    value = decoded(reply.raw)
    if "result" in value:
        return None
    error = value.get("error")
    said = error.get("message") if isinstance(error, dict) else None
    return RemoteError(f"the server refused {METHOD}: {quoted(str(said))}")


def _untagged(told: Message) -> Message:
    meta = told.params.get("_meta")
    if not isinstance(meta, dict) or _SUBSCRIPTION not in meta:
        return told
    return rewrite(told, {("params", "_meta") if len(meta) == 1 else ("params", "_meta", _SUBSCRIPTION): REMOVED})
