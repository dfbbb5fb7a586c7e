"""Retries and deadlines of requests: each is executed at most once, and gets exactly one reply.

A request is sent again only if it certainly was not processed, or if it only reads. A `tools/call` with an unknown
outcome is never repeated: the client gets the error and decides (docs/architecture.md, "Delivery"). Whether and when a
request is sent again is the policy of `retry_policy.py`.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import msgspec

from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.errors import BridgeError, LimitExceeded, Overdue, Sent
from mcp_auth_bridge.relay.base import (
    AFTER_FAULT,
    NOTHING,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Hangup,
    Message,
    Note,
    Relay,
    Reviewing,
    ToServer,
    Wake,
    collected,
)
from mcp_auth_bridge.relay.replies import notification, with_id
from mcp_auth_bridge.relay.retry_policy import SoFar, last_of_several, pause_before_retry

_ENDLESS = frozenset({"subscriptions/listen"})
"""Methods with an endless stream as their response, and so without a deadline."""

_CANCELLED = "notifications/cancelled"

_TICKS = 20  # ticks of the clock in one deadline
_DEADLINE_TIMER = "deadline"
_AGAIN_TIMER = "again"
_PAUSE_AFTER_FAULT = 1.0  # seconds until the next attempts, if a fault may have lost their time


class _Attempt(msgspec.Struct):
    """A request under way."""

    # The action by which the inner relay sends it.
    action: ToServer

    # The request under the id by which the server knows it. After an attempt with an unknown outcome that is a new one
    # (MCP 2026-07-28, changelog, "Remove SSE stream resumability").
    asked: Message

    # The number of attempts that failed.
    failures: int = 0

    # The request under the id of the last of those attempts on which the server may have acted, None if there is none.
    known: Message | None = None

    # Whether the next attempt waits for its time.
    waiting: bool = False

    # The ticks of the clock since the last sign of life.
    quiet: int = 0

    # The ticks of the clock since the start.
    age: int = 0

    # The request's `progressToken`, once it was needed. Any: any JSON.
    token: Any = msgspec.UNSET

    @property
    def is_endless(self) -> bool:
        return self.action.message.method in _ENDLESS

    def progress_token(self) -> Any:
        """The `progressToken` of the request, None if it has none. Any: any JSON."""
        if self.token is msgspec.UNSET:
            meta = self.action.message.params.get("_meta")
            self.token = meta.get("progressToken") if isinstance(meta, dict) else None
        return self.token

    @property
    def known_key(self) -> Hashable:
        """The id by which the server knows the request, if it does."""
        return (self.known or self.action.message).key if self.waiting else self.asked.key

    @property
    def so_far(self) -> SoFar:
        """The request as the policy for new attempts knows it."""
        return SoFar(self.action.call, self.action.message.method, self.failures, self.age)

    def rename(self) -> None:
        """Take a new id if the server may know the old one."""
        if self.known is self.asked:
            self.asked = with_id(
                self.action.message, b'"mcp-auth-bridge/again/%d/%d"' % (self.action.call, self.failures)
            )


class Delivery(Reviewing):
    """Wraps the relay that makes a call for each message."""

    def __init__(self, inner: Relay, settings: RelaySettings) -> None:
        super().__init__(inner)
        self._settings = settings
        self._attempts: dict[int, _Attempt] = {}
        self._ticking = False

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        attempt = self._attempts.get(call)
        if attempt is not None:
            attempt.quiet = 0
        elif message.method == "notifications/progress":
            self._note_progress(message.params.get("progressToken"))
        is_reply = attempt is not None and message.kind is REPLY and message.key == attempt.asked.key
        if attempt is not None and is_reply:
            del self._attempts[call]
            if attempt.asked is not attempt.action.message:
                message = with_id(message, attempt.action.message.id or b"null")  # the client's own
        if len(message.raw) <= self._settings.largest_message:
            return self._review(self._inner.from_server(call, message))
        if is_reply:
            return self._review(self._inner.ended(call, self._too_large_error(message)))
        return [Note(f"dropped: {self._too_large_error(message).message}")]

    def alive(self, call: int) -> Sequence[Action]:
        if (attempt := self._attempts.get(call)) is not None:
            attempt.quiet = 0
        return self._review(self._inner.alive(call))

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        attempt = self._attempts.get(call)
        if attempt is not None and error is not None:
            pause = pause_before_retry(attempt.so_far, error)
            if pause is not None:
                attempt.failures += 1
                if error.sent is not Sent.NO:
                    attempt.known = attempt.asked
                attempt.waiting = True
                return [Wake(f"{_AGAIN_TIMER} {call}", pause)]
            if attempt.known is not None:
                error = last_of_several(error)
        if attempt is not None:
            del self._attempts[call]
        actions = self._inner.ended(call, error)
        return self._review(actions) if actions else actions

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        name, _, call = timer.partition(" ")
        if timer == _DEADLINE_TIMER:
            yield from self._tick()
        elif name == _AGAIN_TIMER:
            attempt = self._attempts.get(int(call))
            if attempt is not None and attempt.waiting:
                attempt.waiting = False
                attempt.rename()
                yield msgspec.structs.replace(attempt.action, message=attempt.asked)
        else:
            if timer == AFTER_FAULT:
                yield from self._set_again()
            yield from self._review(self._inner.woke(timer))

    @collected
    def _set_again(self) -> Iterator[Action]:
        """Set all timers, those that a fault has lost among them."""
        self._ticking = False
        yield from self._start_clock()
        for call, attempt in self._attempts.items():
            if attempt.waiting:
                yield Wake(f"{_AGAIN_TIMER} {call}", _PAUSE_AFTER_FAULT)

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            if type(action) is ToServer or type(action) is Hangup:
                return self._noted(actions)
        return actions

    def _noted(self, actions: Sequence[Action]) -> Sequence[Action]:
        """The `actions`, whose requests are under way from now on."""
        noted: list[Action] = []
        for action in actions:
            if type(action) is ToServer:
                if action.message.kind is REQUEST:
                    self._attempts[action.call] = _Attempt(action, action.message)
                    if not self._ticking:
                        noted += self._start_clock()
                elif action.message.method == _CANCELLED:
                    noted.append(self._renamed(action))
                    continue
            elif type(action) is Hangup:
                self._attempts.pop(action.call, None)
            noted.append(action)
        return noted

    def _renamed(self, cancellation: ToServer) -> ToServer:
        """`cancellation` with the id by which the server knows the request."""
        key = cancellation.message.cancelled_key
        for attempt in self._attempts.values():
            if attempt.action.message.key == key and attempt.known_key != key:
                params = {**cancellation.message.params, "requestId": attempt.known_key}
                return msgspec.structs.replace(cancellation, message=notification(_CANCELLED, params))
        return cancellation

    def _note_progress(self, token: Any) -> None:
        """Progress is a sign of life on any stream: HTTP+SSE has one for all requests. Any: any JSON."""
        for attempt in self._attempts.values():
            if token is not None and attempt.progress_token() == token:
                attempt.quiet = 0

    def _start_clock(self) -> Sequence[Action]:
        """Let the clock tick while there are requests with a deadline."""
        if self._ticking or all(attempt.is_endless for attempt in self._attempts.values()):
            return NOTHING
        self._ticking = True
        return [Wake(_DEADLINE_TIMER, self._settings.deadline / _TICKS)]

    @collected
    def _tick(self) -> Iterator[Action]:
        self._ticking = False
        longest = self._settings.longest / self._settings.deadline * _TICKS
        for attempt in list(self._attempts.values()):
            attempt.quiet += 1
            attempt.age += 1
            late = attempt.quiet > _TICKS or attempt.age > longest
            if late and not attempt.is_endless:
                yield from self._cancel(attempt, self._overdue_error(attempt))
        yield from self._start_clock()

    @collected
    def _cancel(self, attempt: _Attempt, error: Overdue) -> Iterator[Action]:
        """End a request as its client does, so that the server can stop working on it, and fail it with `error`."""
        request = attempt.action.message
        params = {"requestId": request.key, "reason": error.message}
        actions = self._inner.from_client(notification(_CANCELLED, params))
        if attempt.waiting and attempt.known is None:
            actions = [action for action in actions if not isinstance(action, ToServer)]  # it was never sent
        yield from self._review(actions)
        self._attempts.pop(attempt.action.call, None)  # an inner relay that had a fault may not hang up
        yield Fail(request, error)

    def _overdue_error(self, attempt: _Attempt) -> Overdue:
        if attempt.quiet <= _TICKS:
            return Overdue(
                f"the request has taken more than {self._settings.longest:g} seconds",
                "the server may still be working on it; raise longest for this server if that is normal",
            )
        return Overdue(
            f"the server gave no sign of life for {self._settings.deadline:g} seconds",
            "the server may still be working on it; raise deadline for this server if that is normal",
        )

    def _too_large_error(self, message: Message) -> LimitExceeded:
        size, limit = len(message.raw) / 1024**2, self._settings.largest_message / 1024**2
        return LimitExceeded(
            f"the server's message has {size:.1f} MiB, more than the {limit:g} MiB that MCP clients can read",
            "ask for less at a time, or raise largest_message for this server if its client reads more",
        )
