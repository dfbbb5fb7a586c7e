"""Whether a request is sent again after a failure, and when: the policy alone, without a relay."""

import pytest

from mcp_auth_bridge.errors import (
    AccessDenied,
    LimitExceeded,
    LoginRequired,
    OutcomeUnknown,
    Overdue,
    Sent,
    SessionLost,
    TheirProtocolError,
    TimedOut,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.relay.retry_policy import REPEATABLE, SoFar, last_of_several, pause_before_retry

READING = [
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
]
DOING = [
    "subscriptions/listen",
    "tools/call",
    "tasks/cancel",
    "tasks/update",
    "resources/subscribe",
    "logging/setLevel",
    "vendor/thing",
]


def upstream(status, retry_after=None):
    return UpstreamFailed("…", status=status, retry_after=retry_after)


def pauses(method, error, *, call=1, ticks=0):
    """The pauses before the new attempts of a request each of whose attempts ends with `error`."""
    found = []
    while (pause := pause_before_retry(SoFar(call, method, len(found), ticks), error)) is not None:
        found.append(pause)
    return found


def test_the_methods_that_only_read_are_a_closed_list():
    assert sorted(REPEATABLE) == READING


@pytest.mark.parametrize("method", [*READING, *DOING])
def test_any_request_that_was_not_sent_is_sent_three_times_more(method):
    assert len(pauses(method, Unreachable("away"))) == 3


@pytest.mark.parametrize("method", ["tools/call", "tools/list"])
def test_after_a_time_out_of_the_connection_there_is_no_new_attempt(method):
    assert pauses(method, TimedOut("away")) == []


@pytest.mark.parametrize("error", [OutcomeUnknown("cut"), upstream(500), upstream(502), upstream(503), upstream(504)])
def test_after_an_unknown_outcome_only_a_request_that_reads_is_sent_again(error):
    assert [len(pauses(method, error)) for method in READING] == [2] * len(READING)
    assert [len(pauses(method, error)) for method in DOING] == [0] * len(DOING)


@pytest.mark.parametrize("error", [OutcomeUnknown("cut"), upstream(504)])
def test_after_an_unknown_outcome_that_took_long_there_is_no_new_attempt(error):
    assert len(pauses("tools/list", error, ticks=1)) == 2
    assert pauses("tools/list", error, ticks=2) == []


@pytest.mark.parametrize(
    "error",
    [
        LoginRequired("log in"),
        AccessDenied("no"),
        SessionLost("lost"),
        LimitExceeded("large"),
        TheirProtocolError("odd"),
        upstream(400),
        upstream(404),
        upstream(429),
        upstream(501),
    ],
)
@pytest.mark.parametrize("method", ["tools/call", "tools/list"])
def test_a_failure_that_another_attempt_would_not_change_is_final(method, error):
    assert pauses(method, error) == []


@pytest.mark.parametrize(("method", "more"), [("tools/call", 1), ("tools/list", 2)])
def test_after_a_429_with_a_time_a_tool_call_is_sent_once_more_and_a_request_that_reads_twice(method, more):
    assert pauses(method, upstream(429, 3.0)) == [3.0] * more


@pytest.mark.parametrize(
    ("method", "status", "wait", "waits"),
    [
        ("tools/call", 429, 10.0, True),
        ("tools/call", 429, 11.0, False),
        ("tools/list", 429, 60.0, True),
        ("tools/list", 429, 61.0, False),
        ("tools/call", 503, 1.0, False),
        ("tools/list", 503, 60.0, True),
        ("tools/list", 503, 61.0, False),
    ],
)
def test_a_requested_wait_is_kept_or_passed_on(method, status, wait, waits):
    assert pauses(method, upstream(status, wait))[:1] == ([wait] if waits else [])


def test_pauses_grow_and_differ_between_calls():
    first, second = (pauses("tools/call", Unreachable("away"), call=call) for call in (1, 2))
    for own in (first, second):
        assert all(floor <= pause <= 1.5 * floor for floor, pause in zip((0.2, 0.5, 1.0), own, strict=True))
    assert all(one != two for one, two in zip(first, second, strict=True))


@pytest.mark.parametrize("last", [Unreachable("no route"), UpstreamFailed("busy", status=429)])
def test_after_an_attempt_of_unknown_outcome_a_last_one_that_was_not_sent_leaves_it_unknown(last):
    assert isinstance(last_of_several(last), OutcomeUnknown)
    assert last_of_several(last).facts == last.facts
    assert last_of_several(OutcomeUnknown("cut")).message == "cut"


def test_a_session_lost_at_the_last_of_several_attempts_says_nothing_of_the_earlier_ones():
    lost = SessionLost("lost", "a hint")
    whole = last_of_several(lost)
    assert (type(whole), whole.message, whole.hint) == (SessionLost, "lost", "a hint")
    assert (whole.sent, lost.sent) == (Sent.UNKNOWN, Sent.NO)


def test_after_an_attempt_of_unknown_outcome_a_last_one_that_timed_out_is_overdue():
    assert isinstance(last_of_several(TimedOut("away")), Overdue)
