"""What may be sent again, how often, and for how long somebody waits: at most once, exactly one answer.

A request is sent again only if it certainly was not processed, or if doing it twice is as good as doing it once. A
`tools/call` whose outcome is unknown is never repeated: its client is told, and decides (docs/architecture.md,
"Delivery").
"""

from collections.abc import Iterable, Iterator

import msgspec

from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.errors import (
    BridgeError,
    LimitExceeded,
    OutcomeUnknown,
    Overdue,
    Sent,
    TimedOut,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.relay.base import Action, Around, Hangup, Kind, Message, Note, Relay, ToServer, Wake
from mcp_auth_bridge.relay.replies import with_id

_REPEATABLE = frozenset(
    {
        "completion/complete",
        "ping",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "server/discover",
        "tasks/get",
        "tasks/list",
        "tools/list",
    }
)
"""Methods that read: twice is as good as once."""

_ENDLESS = frozenset({"subscriptions/listen"})
"""Methods whose answer is a stream without an end, so that no deadline fits."""

_PAUSES = (0.2, 0.5, 1.0)
"""Seconds before each new attempt of what was not sent, and of what may be done twice; varied by up to a half."""

_MOST_UNKNOWN = 2
_LONGEST_WAIT_FOR_READING = 60.0
_LONGEST_WAIT_FOR_CALLS = 10.0

_TICKS = 20
_DEADLINE_TIMER = "deadline"
_AGAIN_TIMER = "again"


class _Attempt(msgspec.Struct):
    """A request under way. `quiet` and `age` count ticks since its last sign of life and since its start.

    `sent`: one of its failures leaves open whether the server has acted. Then it is asked again under a new id (MCP
    2026-07-28, changelog, "Remove SSE stream resumability"): `asked` is the request as the server knows it.
    """

    action: ToServer
    asked: Message
    failures: int = 0
    sent: bool = False
    waiting: bool = False
    quiet: int = 0
    age: int = 0

    @property
    def is_endless(self) -> bool:
        return self.action.message.method in _ENDLESS

    def rename(self) -> None:
        """Only what the server may have seen: elsewhere the id is still free."""
        if self.sent:
            self.asked = with_id(
                self.action.message, b'"mcp-auth-bridge/again/%d/%d"' % (self.action.call, self.failures)
            )

    def restored(self, answer: Message) -> Message:
        """`answer` under the client's own id."""
        return answer if self.asked is self.action.message else with_id(answer, self.action.message.id or b"null")


class Delivery(Around):
    """Wraps the relay that numbers the calls."""

    def __init__(self, inner: Relay, settings: RelaySettings) -> None:
        super().__init__(inner)
        self._settings = settings
        self._attempts: dict[int, _Attempt] = {}
        self._ticking = False

    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        attempt = self._attempts.get(call)
        if attempt is not None:
            attempt.quiet = 0
        answers_it = attempt is not None and message.kind is Kind.REPLY and message.key == attempt.asked.key
        if attempt is not None and answers_it:
            del self._attempts[call]
            message = attempt.restored(message)
        if len(message.raw) <= self._settings.largest_message:
            yield from self._review(self._inner.from_server(call, message))
        elif answers_it:
            yield from self._review(self._inner.ended(call, self._too_large(message)))
        else:
            yield Note(f"dropped: {self._too_large(message).message}")

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        attempt = self._attempts.get(call)
        pause = _pause(attempt, error) if attempt is not None and error is not None else None
        if attempt is not None and pause is not None:
            attempt.failures += 1
            attempt.sent = attempt.sent or (error is not None and error.sent is not Sent.NO)
            attempt.waiting = True
            attempt.rename()
            yield Wake(f"{_AGAIN_TIMER} {call}", pause)
            return
        self._attempts.pop(call, None)
        if attempt is not None and attempt.sent and error is not None:
            error = _whole_truth(error)
        yield from self._review(self._inner.ended(call, error))

    def woke(self, timer: str) -> Iterator[Action]:
        name, _, call = timer.partition(" ")
        if timer == _DEADLINE_TIMER:
            yield from self._tick()
        elif name == _AGAIN_TIMER:
            attempt = self._attempts.get(int(call))
            if attempt is not None and attempt.waiting:
                attempt.waiting = False
                yield msgspec.structs.replace(attempt.action, message=attempt.asked)
        else:
            yield from self._review(self._inner.woke(timer))

    def _review(self, actions: Iterable[Action]) -> Iterator[Action]:
        for action in actions:
            if isinstance(action, ToServer) and action.message.kind is Kind.REQUEST:
                self._attempts[action.call] = _Attempt(action, action.message)
                yield from self._wind()
            elif isinstance(action, Hangup):
                self._attempts.pop(action.call, None)
            yield action

    def _wind(self) -> Iterator[Action]:
        """The clock of the deadlines ticks only while somebody waits who has one."""
        if not self._ticking and any(not attempt.is_endless for attempt in self._attempts.values()):
            self._ticking = True
            yield Wake(_DEADLINE_TIMER, self._settings.deadline / _TICKS)

    def _tick(self) -> Iterator[Action]:
        self._ticking = False
        longest = self._settings.longest / self._settings.deadline * _TICKS
        for call, attempt in list(self._attempts.items()):
            attempt.quiet += 1
            attempt.age += 1
            late = attempt.quiet > _TICKS or attempt.age > longest
            if late and not attempt.is_endless:
                del self._attempts[call]
                yield Hangup(call)
                yield from self._review(self._inner.ended(call, self._too_late()))
        yield from self._wind()

    def _too_late(self) -> Overdue:
        return Overdue(
            f"the server gave no sign of life for {self._settings.deadline:g} seconds",
            "the server may still be at it; raise deadline for this server if that is normal",
        )

    def _too_large(self, message: Message) -> LimitExceeded:
        size, limit = len(message.raw) / 1024**2, self._settings.largest_message / 1024**2
        return LimitExceeded(
            f"the server's message has {size:.1f} MiB, more than the {limit:g} MiB that MCP clients can read",
            "ask for less at a time, or raise largest_message for this server if its client reads more",
        )


def _whole_truth(error: BridgeError) -> BridgeError:
    """`error` as the last of several: it may say that nothing was sent, or done, and mean itself alone."""
    last_alone = isinstance(error, Unreachable | UpstreamFailed) and error.sent is Sent.NO
    if not last_alone:
        return error
    whole = (Overdue if isinstance(error, TimedOut) else OutcomeUnknown)(error.message, error.hint)
    whole.facts |= error.facts
    return whole


def _pause(attempt: _Attempt, error: BridgeError) -> float | None:
    """Seconds until the request of `attempt` may be sent again, None if it may not."""
    method = attempt.action.message.method
    if isinstance(error, UpstreamFailed):
        wait = _wished(error, repeatable=method in _REPEATABLE)
        # 503 without a time is a server in trouble like the others; with one, it has said when to come again.
        trouble = error.status in (500, 502, 504) or (error.status == 503 and error.retry_after is None)
        if wait is not None or not trouble:
            return wait if attempt.failures < (_MOST_UNKNOWN if method in _REPEATABLE else 1) else None
    elif isinstance(error, TimedOut):
        return None  # whoever waited that long hears of it: three more times would be a hang
    elif isinstance(error, OutcomeUnknown):
        pass
    elif isinstance(error, Unreachable):
        return _varied(attempt, _PAUSES[attempt.failures]) if attempt.failures < len(_PAUSES) else None
    else:
        return None
    if method not in _REPEATABLE or attempt.failures >= _MOST_UNKNOWN:
        return None
    return _varied(attempt, _PAUSES[attempt.failures])


def _wished(error: UpstreamFailed, *, repeatable: bool) -> float | None:
    """The wait that a server asks for with 429, which means "not processed", or with 503, which may mean anything."""
    wait = error.retry_after
    longest = _LONGEST_WAIT_FOR_READING if repeatable else _LONGEST_WAIT_FOR_CALLS
    if wait is None or wait > longest or not (error.status == 429 or (error.status == 503 and repeatable)):
        return None
    return wait


def _varied(attempt: _Attempt, pause: float) -> float:
    """`pause` times 1 to 1.5, different for each call, so that what failed together does not return together."""
    return pause * (1 + (attempt.action.call * 0.618033988749895) % 1 / 2)
