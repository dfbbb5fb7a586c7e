"""Which requests are sent again, how often, and when they fail at a deadline."""

import msgspec
import pytest
from relaying import (
    INITIALIZE,
    INITIALIZED,
    VERSION,
    WELCOMED,
    Playbook,
    answer,
    cancelled,
    fail,
    hangup,
    message,
    note,
    notification,
    request,
    session_opened,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.errors import (
    LimitExceeded,
    LoginRequired,
    OutcomeUnknown,
    Overdue,
    Sent,
    SessionLost,
    TimedOut,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import AFTER_FAULT, Fail
from mcp_auth_bridge.relay.call_numbers import STREAM
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.passthrough import Passthrough

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
DOING = ["tools/call", "tasks/cancel", "tasks/update", "resources/subscribe", "logging/setLevel", "vendor/thing"]
LISTEN = "subscriptions/listen"


def relay(**settings):
    return Playbook(Delivery(Passthrough(), RelaySettings(**settings)))


@pytest.fixture
def play():
    return relay(deadline=20, longest=60, largest_message=200)


def ask(play, method="tools/call", id_=1):
    """Send a request, which becomes the call 1. The `Wake` of the clock is left out."""
    return [words for words in play.client(request(id_, method)) if words[0] == "to server"]


def fails(play, error, call=1):
    """The pause until the next attempt, None if the request has failed with the error instead."""
    ((word, *rest),) = play.ended(call, error)
    if word == "wake":
        assert rest[0] == f"again {call}"
        return rest[1]
    assert (word, rest[1]) == ("fail", type(error))
    return None


def upstream(status, retry_after=None):
    return UpstreamFailed("…", status=status, retry_after=retry_after)


def attempts(play, method, error):
    """How often a request is sent if every attempt fails with `error`."""
    sent = len(ask(play, method))
    while fails(play, error) is not None:
        id_ = 1 if error.sent is Sent.NO else f"mcp-auth-bridge/again/1/{sent}"
        assert play.woke("again 1") == [to_server(1, request(id_, method))]
        sent += 1
    assert play.woke("again 1") == []
    return sent


# Again or not.


@pytest.mark.parametrize("method", [*READING, *DOING, LISTEN])
def test_any_request_that_was_not_sent_is_tried_four_times(play, method):
    assert attempts(play, method, Unreachable("away")) == 4


@pytest.mark.parametrize("error", [OutcomeUnknown("cut"), upstream(500), upstream(502), upstream(503), upstream(504)])
def test_a_request_with_an_unknown_outcome_is_repeated_only_if_it_reads(error):
    assert [attempts(relay(), method, error) for method in READING] == [3] * len(READING)
    assert [attempts(relay(), method, error) for method in [*DOING, LISTEN]] == [1] * (len(DOING) + 1)


@pytest.mark.parametrize("error", [OutcomeUnknown("cut"), upstream(504)])
def test_a_request_whose_failure_took_long_is_not_repeated(play, error):
    ask(play, "tools/list")
    tick(play, 2)
    assert fails(play, error) is None


@pytest.mark.parametrize("error", [LoginRequired("log in"), TimedOut("away"), upstream(429), None])
def test_a_failure_after_which_the_policy_allows_no_new_attempt_is_told_at_once(play, error):
    ask(play)
    assert play.ended(1, error) == [fail(request(1), type(error or OutcomeUnknown("…")))]


def test_after_an_attempt_of_unknown_outcome_the_last_one_does_not_say_that_nothing_was_sent(play):
    ask(play, "tools/list")
    fails(play, OutcomeUnknown("cut"))
    play.woke("again 1")
    assert play.ended(1, upstream(429)) == [fail(request(1, "tools/list"), OutcomeUnknown)]


def test_a_request_that_the_server_may_know_is_repeated_under_a_new_id_and_answered_under_the_clients(play):
    ask(play, "tools/list")
    fails(play, OutcomeUnknown("cut"))
    again = "mcp-auth-bridge/again/1/1"
    assert play.woke("again 1") == [to_server(1, request(again, "tools/list"))]
    assert play.server(1, notification("n")) == [to_client(notification("n"))]
    assert play.server(1, answer(again, {"tools": []})) == [to_client(answer(1, {"tools": []}))]
    assert play.server(1, answer(again)) == []
    assert play.ended(1) == []


def test_a_new_id_changes_nothing_else():
    delivery = Delivery(Passthrough(), RelaySettings())
    rest = b'"method":"tools/list","params":{"a":1.10,"n":1e400}}'
    list(delivery.from_client(message(b'{"id":1.0,' + rest)))
    list(delivery.ended(1, OutcomeUnknown("cut")))
    (action,) = delivery.woke("again 1")
    assert action.message == message(b'{"id":"mcp-auth-bridge/again/1/1",' + rest)
    (told,) = delivery.from_server(1, message(b'{"result":{"n":1e400},"id":"mcp-auth-bridge/again/1/1"}'))
    assert told.message == message(b'{"result":{"n":1e400},"id":1.0}')


def test_a_lone_surrogate_survives_a_new_id(play):
    play.client(request(1, "resources/read", uri="\ud800"))
    fails(play, OutcomeUnknown("cut"))
    again = "mcp-auth-bridge/again/1/1"
    assert play.woke("again 1") == [to_server(1, request(again, "resources/read", uri="\ud800"))]
    assert play.server(1, answer(again, {"text": "\ud800"})) == [to_client(answer(1, {"text": "\ud800"}))]


def test_a_retry_that_is_answered_is_the_last(play):
    ask(play)
    fails(play, Unreachable("away"))
    play.woke("again 1")
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.ended(1, Unreachable("away")) == []


def test_a_reply_before_the_break_is_not_followed_by_a_retry(play):
    ask(play, "tools/list")
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.ended(1, OutcomeUnknown("cut")) == []


def test_a_reply_to_another_request_does_not_count(play):
    ask(play, "tools/list")
    assert play.server(1, answer(2)) == []
    assert fails(play, OutcomeUnknown("cut")) is not None


def test_a_cancelled_retry_is_not_sent(play):
    ask(play)
    fails(play, Unreachable("away"))
    assert play.client(cancelled(1)) == [to_server(2, cancelled(1)), hangup(1)]
    assert play.woke("again 1") == []


def test_the_timer_of_an_earlier_attempt_sends_nothing_twice(play):
    ask(play)
    fails(play, Unreachable("away"))
    assert play.woke("again 1") == [to_server(1, request(1))]
    assert play.woke("again 1") == []


def test_a_notification_is_sent_once(play):
    assert play.client(notification("n")) == [to_server(1, notification("n"))]
    assert play.ended(1, Unreachable("away")) == []


def test_the_timer_of_another_relay_is_passed_on(play):
    assert play.woke("reopen") == []


# How long.


def tick(play, times):
    for _ in range(times):
        assert play.woke("deadline") == [wake("deadline", 1)]


def given_up(id_, call, next_call, why="the server gave no sign of life for 20 seconds"):
    """The actions at the deadline of a request: the server is told as the client would tell it."""
    told = notification("notifications/cancelled", requestId=id_, reason=why)
    return [to_server(next_call, told), hangup(call), fail(request(id_), Overdue)]


def test_a_request_without_a_sign_of_life_fails_after_its_deadline(play):
    assert play.client(request(1)) == [wake("deadline", 1), to_server(1, request(1))]
    tick(play, 20)
    assert play.woke("deadline") == given_up(1, 1, 2)
    assert play.server(1, answer(1)) == []
    assert play.ended(1, OutcomeUnknown("cut")) == []


def test_any_message_under_a_call_keeps_it_alive(play):
    ask(play)
    for _ in range(2):
        tick(play, 20)
        assert play.server(1, notification("notifications/progress"))
    tick(play, 18)


def test_no_request_runs_longer_than_longest(play):
    ask(play)
    for _ in range(60):
        play.server(1, notification("notifications/progress"))
        tick(play, 1)
    assert play.woke("deadline") == given_up(1, 1, 2, "the request has taken more than 60 seconds")


def test_bytes_that_are_no_message_keep_a_call_alive_but_not_for_longer_than_longest(play):
    ask(play)
    for _ in range(3):
        tick(play, 20)
        assert play.alive(1) == []
    assert play.woke("deadline") == given_up(1, 1, 2, "the request has taken more than 60 seconds")
    assert play.alive(1) == []


def test_a_sign_of_life_is_that_of_its_own_call(play):
    ask(play)
    tick(play, 20)
    assert [*play.alive(2), *play.alive(STREAM)] == []
    assert play.woke("deadline") == given_up(1, 1, 2)


def progress(token):
    return notification("notifications/progress", progressToken=token, progress=1)


@pytest.mark.parametrize("token", [7, "seven"])
def test_progress_keeps_its_request_alive_on_whichever_stream_it_comes(play, token):
    asked = request(1, _meta={"progressToken": token})
    play.client(asked, request(2, _meta={"progressToken": "other"}), request(3, _meta=None))
    tick(play, 20)
    assert play.stream(progress(token)) == [to_client(progress(token))]
    ended = play.woke("deadline")
    assert [words[1] for words in ended if words[0] == "hang up"] == [2, 3]
    tick(play, 19)


@pytest.mark.parametrize("token", [None, "unknown", {}])
def test_progress_of_an_unknown_request_keeps_none_alive(play, token):
    ask(play)
    tick(play, 20)
    play.stream(progress(token))
    assert hangup(1) in play.woke("deadline")


def test_a_cancellation_names_the_request_as_the_server_knows_it(play):
    ask(play, "tools/list")
    fails(play, OutcomeUnknown("cut"))
    play.woke("again 1")
    again = cancelled("mcp-auth-bridge/again/1/1")
    assert play.client(cancelled(1)) == [to_server(2, again), hangup(1)]
    assert play.client(cancelled(1)) == [to_server(3, cancelled(1))]


def test_a_cancellation_between_two_attempts_names_the_last_one_that_the_server_may_know(play):
    ask(play, "tools/list")
    fails(play, OutcomeUnknown("cut"))
    assert play.client(cancelled(1)) == [to_server(2, cancelled(1)), hangup(1)]
    play.client(request(2, "tools/list"))
    fails(play, OutcomeUnknown("cut"), 3)
    again = "mcp-auth-bridge/again/3/1"
    assert play.woke("again 3") == [to_server(3, request(again, "tools/list"))]
    fails(play, Unreachable("away"), 3)
    assert play.client(cancelled(2)) == [to_server(4, cancelled(2)), hangup(3)]


def test_an_id_that_was_not_sent_is_used_in_the_next_attempt(play):
    ask(play, "tools/list")
    fails(play, OutcomeUnknown("cut"))
    again = to_server(1, request("mcp-auth-bridge/again/1/1", "tools/list"))
    assert play.woke("again 1") == [again]
    fails(play, Unreachable("away"))
    assert play.woke("again 1") == [again]


def test_signs_of_life_of_one_call_are_not_those_of_another(play):
    ask(play)
    play.client(request(2))
    tick(play, 20)
    play.server(2, notification("notifications/progress"))
    assert play.woke("deadline") == [*given_up(1, 1, 3), wake("deadline", 1)]


def test_a_deadline_ends_the_wait_for_a_retry_as_well_and_a_server_that_knows_nothing_is_told_nothing(play):
    ask(play)
    tick(play, 20)
    fails(play, Unreachable("away"))
    assert play.woke("deadline") == [hangup(1), fail(request(1), Overdue)]
    assert play.woke("again 1") == []


def test_the_clock_stands_still_without_requests(play):
    ask(play)
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.woke("deadline") == []
    assert play.client(request(2)) == [wake("deadline", 1), to_server(2, request(2))]


def test_a_stream_without_an_end_has_no_deadline_and_no_clock(play):
    assert play.client(request(1, LISTEN)) == [to_server(1, request(1, LISTEN))]
    play.client(request(2))
    tick(play, 20)
    assert play.woke("deadline") == given_up(2, 2, 3)


# How large.


def large(id_):
    return answer(id_, {"text": "x" * 200})


def test_a_message_of_the_largest_size_passes():
    size = len(message(answer(1)).raw)
    fits, too_small = relay(largest_message=size), relay(largest_message=size - 1)
    for play in (fits, too_small):
        ask(play)
    assert fits.server(1, answer(1)) == [to_client(answer(1))]
    assert too_small.server(1, answer(1)) == [fail(request(1), LimitExceeded)]


@pytest.mark.parametrize("method", ["tools/call", "tools/list"])
def test_a_reply_that_is_too_large_fails_its_request_once(play, method):
    ask(play, method)
    assert play.server(1, large(1)) == [fail(request(1, method), LimitExceeded)]
    assert play.ended(1) == []


def test_for_a_tool_call_that_is_a_result_with_advice_for_the_model(play):
    play.client(request(1))
    (failed,) = play.relay.from_server(1, message(large(1)))
    assert isinstance(failed, Fail)
    told = msgspec.json.decode(replies.failure(failed.request, failed.error).raw)
    assert told["result"]["isError"] is True
    assert "largest_message" in told["result"]["content"][0]["text"]


@pytest.mark.parametrize("told", [large(7), notification("n", text="x" * 200), request("s1", "m", text="x" * 200)])
def test_another_message_that_is_too_large_is_dropped_and_logged(play, told):
    ask(play)
    for call in (0, 1):
        ((word, text),) = play.server(call, told)
        assert (word, text[:8]) == note("dropped:")
    assert play.server(1, answer(1)) == [to_client(answer(1))]


@pytest.mark.parametrize(
    "settings", [{"deadline": 0}, {"deadline": -1}, {"longest": 0}, {"largest_message": 0}, {"ping": -1}]
)
def test_settings_without_a_meaning_are_refused(settings):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings, RelaySettings)


def test_a_call_that_was_given_up_while_its_session_was_lost_is_not_sent_in_the_next_one():
    play = Playbook(LegacySession(Delivery(Passthrough(), RelaySettings(deadline=20))))
    play.client(INITIALIZE)
    play.server(-1, answer(0, WELCOMED))
    play.client(INITIALIZED)
    play.ended(-2)
    play.client(request(1))
    assert play.ended(1, SessionLost("lost"))[0] == to_server(-3, INITIALIZE)
    tick(play, 20)
    assert play.woke("deadline") == [hangup(1), fail(request(1), Overdue)]
    play.server(-3, answer(0, WELCOMED))
    assert play.ended(-4) == [*session_opened(**VERSION)]


def test_after_a_fault_the_clock_and_the_next_attempt_are_set_again(play):
    ask(play, "tools/list")
    play.ended(1, Unreachable("away"))
    assert play.woke(AFTER_FAULT) == [wake("deadline", 1.0), wake("again 1", 1.0)]


def test_after_a_fault_nothing_is_set_for_no_request(play):
    assert play.woke(AFTER_FAULT) == []
    ask(play)
    assert play.woke(AFTER_FAULT) == [wake("deadline", 1.0)]
