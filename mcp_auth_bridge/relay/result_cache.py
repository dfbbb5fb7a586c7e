"""Answers lists and reads from a cache for as long as the server of MCP 2026-07-28 allows (`ttlMs`).

The cache belongs to one client and one process, so that `cacheScope` may be `private`. A notification that something
has changed, a login and the lack of one empty it. Source: specification 2026-07-28, server/utilities/caching.
"""

import json
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import count
from typing import Any

import msgspec

from mcp_auth_bridge.errors import BridgeError, LoginRequired
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
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
from mcp_auth_bridge.relay.call_numbers import SIGN_IN
from mcp_auth_bridge.relay.envelope import result_of

_READ = "resources/read"
_CHANGED_BY = {
    "notifications/tools/list_changed": ("tools/list",),
    "notifications/prompts/list_changed": ("prompts/list",),
    "notifications/resources/list_changed": ("resources/list", "resources/templates/list"),
}
_CACHEABLE = frozenset({_READ, *(method for methods in _CHANGED_BY.values() for method in methods)})
_UPDATED = "notifications/resources/updated"
_MOST = 256  # results
_LARGEST = 8 * 1024 * 1024  # bytes of all results
_LONGEST = 3600.0  # seconds
_TIMER = "cached result"


class _Lifetime(msgspec.Struct):
    """The member of a result that the cache looks at. Any: the server may send any JSON."""

    ttl: Any = msgspec.field(name="ttlMs", default=None)


_lifetime_decoder = msgspec.json.Decoder(_Lifetime)


class _Asked(msgspec.Struct, frozen=True):
    """The object of a request: its method, the URI that it reads ("" for a list), and all its parameters as JSON."""

    method: str
    uri: str
    params: str


class _Kept(msgspec.Struct, frozen=True):
    """A result, raw JSON, and the number of the timer that ends it."""

    result: bytes
    number: int


class ResultCache(Reviewing):
    """Wraps the relay that sends the requests."""

    def __init__(self, inner: Relay) -> None:
        super().__init__(inner)

        # The results, the oldest first.
        self._kept: dict[_Asked, _Kept] = {}

        # The bytes of all results.
        self._size = 0

        # The requests whose results may be kept, by key.
        self._open: dict[Hashable, _Asked] = {}

        # For the timers.
        self._numbers = count(1)

    def from_client(self, message: Message) -> Sequence[Action]:
        asked = _asked_by(message)
        if asked is not None and (kept := self._kept.get(asked)) is not None:
            return [ToClient(replies.raw_result(message, kept.result))]
        if asked is not None:
            self._open[message.key] = asked
        elif message.kind is NOTIFICATION and message.method == "notifications/cancelled":
            self._open.pop(message.cancelled_key, None)
        return self._review(self._inner.from_client(message))

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        if call == SIGN_IN:
            self._clear()
        return self._review(self._inner.ended(call, error))

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        name, _, number = timer.rpartition(" ")
        if name != _TIMER:
            yield from self._review(self._inner.woke(timer))
            return
        for asked in [asked for asked, kept in self._kept.items() if kept.number == int(number)]:
            self._drop(asked)

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is ToClient:
                message = action.message
                if message.kind is NOTIFICATION or (message.kind is REPLY and message.key in self._open):
                    return self._reviewed(actions)
            elif type(action) is Fail:
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY) as reply):
                    asked = self._open.pop(reply.key, None)
                    if asked is not None and replies.result_type(reply) == "complete":
                        yield from self._keep(asked, result_of(reply))
                case ToClient(message=Message(kind=Kind.NOTIFICATION) as told):
                    self._forget_changed(told)
                case Fail(request=request, error=error):
                    self._open.pop(request.key, None)
                    if isinstance(error, LoginRequired):
                        self._clear()  # the next login may be another user's
            yield action

    @collected
    def _keep(self, asked: _Asked, result: bytes | None) -> Iterator[Action]:
        lifetime = _lifetime_of(result)
        if result is None or lifetime <= 0 or len(result) > _LARGEST:
            return
        self._drop(asked)
        while self._kept and (len(self._kept) >= _MOST or self._size + len(result) > _LARGEST):
            self._drop(next(iter(self._kept)))
        number = next(self._numbers)
        self._kept[asked] = _Kept(result, number)
        self._size += len(result)
        yield Wake(f"{_TIMER} {number}", lifetime)

    def _forget_changed(self, told: Message) -> None:
        """Drop the results that `told` makes stale. Those under way may be older than the change: they are not kept."""
        if told.method == _UPDATED:
            uri = told.params.get("uri")
            self._forget(lambda asked: asked.method == _READ and isinstance(uri, str) and _overlap(asked.uri, uri))
        elif told.method in _CHANGED_BY:
            methods = _CHANGED_BY[told.method]
            self._forget(lambda asked: asked.method in methods)

    def _forget(self, is_stale: Callable[[_Asked], bool]) -> None:
        for asked in [asked for asked in self._kept if is_stale(asked)]:
            self._drop(asked)
        self._open = {key: asked for key, asked in self._open.items() if not is_stale(asked)}

    def _clear(self) -> None:
        self._forget(lambda _: True)

    def _drop(self, asked: _Asked) -> None:
        if (kept := self._kept.pop(asked, None)) is not None:
            self._size -= len(kept.result)


def _asked_by(message: Message) -> _Asked | None:
    """The object of `message`, None if its result must not be kept: it is not a list or a read, or part of a round."""
    if message.kind is not REQUEST or message.method not in _CACHEABLE:
        return None
    params = {name: value for name, value in message.params.items() if name != "_meta"}
    if "inputResponses" in params or "requestState" in params:
        return None
    uri = params.get("uri")
    return _Asked(message.method, uri if isinstance(uri, str) else "", json.dumps(params, sort_keys=True))


def _lifetime_of(result: bytes | None) -> float:
    """The seconds for which `result` may be kept, 0 if it must not be."""
    lifetime = _named_lifetime(result) if result is not None else None
    if not isinstance(lifetime, int | float) or isinstance(lifetime, bool):
        return 0.0
    return min(max(lifetime, 0), _LONGEST * 1000) / 1000  # limited first: an integer may exceed every float


def _named_lifetime(result: bytes) -> Any:
    """The `ttlMs` of `result`, without the contents beside it, which may be large. Any: any JSON."""
    try:
        return _lifetime_decoder.decode(result).ttl
    except (msgspec.DecodeError, RecursionError):  # not an object, a number out of range, an escape of a lone surrogate
        value = decoded(result)
        return value.get("ttlMs") if isinstance(value, dict) else None


def _overlap(uri: str, updated: str) -> bool:
    """Whether the resource `uri` may have changed with `updated`: one may be a part of the other."""
    return uri.startswith(updated) or updated.startswith(uri)
