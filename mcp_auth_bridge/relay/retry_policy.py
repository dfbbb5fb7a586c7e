"""Whether a request is sent again after a failure, and when (docs/architecture.md, "Delivery")."""

from typing import NamedTuple

from mcp_auth_bridge.errors import (
    BridgeError,
    OutcomeUnknown,
    Overdue,
    Sent,
    SessionLost,
    TimedOut,
    Unreachable,
    UpstreamFailed,
)

REPEATABLE = frozenset(
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
"""Methods that only read, so that a request may be executed twice."""

_PAUSES = (0.2, 0.5, 1.0)
"""Seconds before each new attempt, lengthened by up to a half."""

_MOST_UNKNOWN = 2  # new attempts of a request that only reads, after an unknown outcome
_LONGEST_WAIT_FOR_READING = 60.0  # seconds that a server may ask to wait with 429 or 503
_LONGEST_WAIT_FOR_CALLS = 10.0


class SoFar(NamedTuple):
    """A request under way, as far as the policy needs to know it."""

    call: int
    """The number of its call."""

    method: str | None
    """Its method."""

    failures: int
    """The number of attempts that failed before the last one."""

    ticks: int
    """The ticks of the clock since the start of its first attempt; a deadline has twenty."""


def pause_before_retry(so_far: SoFar, error: BridgeError) -> float | None:
    """Seconds until a request whose last attempt ended with `error` may be sent again, None if it may not."""
    call, method, failures, ticks = so_far
    if isinstance(error, UpstreamFailed):
        wait = _requested_wait(error, repeatable=method in REPEATABLE)
        # A 503 without `Retry-After` is like the others. With it, the server has said when to try again.
        trouble = error.status in (500, 502, 504) or (error.status == 503 and error.retry_after is None)
        if wait is not None or not trouble:
            return wait if failures < (_MOST_UNKNOWN if method in REPEATABLE else 1) else None
    elif isinstance(error, TimedOut):
        return None  # the user has waited for a whole time-out; three more would look like a hang
    elif isinstance(error, OutcomeUnknown):
        pass
    elif isinstance(error, Unreachable):
        return _varied(call, _PAUSES[failures]) if failures < len(_PAUSES) else None
    else:
        return None
    if method not in REPEATABLE or failures >= _MOST_UNKNOWN or ticks > 1:
        return None  # as after `TimedOut`: a whole tick of the clock has passed, as with a gateway's 504 after a minute
    return _varied(call, _PAUSES[failures])


def last_of_several(error: BridgeError) -> BridgeError:
    """The error of all attempts, from that of the last: an earlier one may have been sent even if the last was not."""
    if isinstance(error, SessionLost):
        lost = SessionLost(error.message, error.hint)
        lost.sent = Sent.UNKNOWN
        return lost
    last_alone = isinstance(error, Unreachable | UpstreamFailed) and error.sent is Sent.NO
    if not last_alone:
        return error
    whole = (Overdue if isinstance(error, TimedOut) else OutcomeUnknown)(error.message, error.hint)
    whole.facts |= error.facts
    return whole


def _requested_wait(error: UpstreamFailed, *, repeatable: bool) -> float | None:
    """The seconds that a server asks to wait with 429, which means "not processed", or 503, which may mean anything."""
    wait = error.retry_after
    longest = _LONGEST_WAIT_FOR_READING if repeatable else _LONGEST_WAIT_FOR_CALLS
    if wait is None or wait > longest or not (error.status == 429 or (error.status == 503 and repeatable)):
        return None
    return wait


def _varied(call: int, pause: float) -> float:
    """`pause` times 1 to 1.5, different for each call, so that calls that failed together do not retry together."""
    return pause * (1 + (call * 0.618033988749895) % 1 / 2)
