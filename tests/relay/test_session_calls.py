"""The calls of a legacy session by script: refused, made again in the next session, cancelled and given up."""

import pytest
from legacy_sessions import OPENED, opened, opening, reopened
from relaying import (
    INITIALIZE,
    INITIALIZED,
    VERSION,
    Living,
    Playbook,
    answer,
    cancelled,
    fail,
    hangup,
    in_words,
    message,
    note,
    notification,
    request,
    session_opened,
    to_client,
    to_server,
)

from mcp_auth_bridge.errors import Sent, SessionDoubted, SessionLost, Unreachable, UpstreamFailed
from mcp_auth_bridge.relay.base import Fail, Hangup, ToServer, collected
from mcp_auth_bridge.relay.call_numbers import STREAM
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.session_calls import Remedy, SessionCalls
from mcp_auth_bridge.relay.session_state import McpSession

LOST = SessionLost("the server no longer knows the MCP session")
AWAY = Unreachable("no route")
BAD_REQUEST = UpstreamFailed("the server answered with HTTP 400", status=400)


@pytest.fixture
def play():
    return Playbook(LegacySession(Passthrough()))


@pytest.fixture
def calls():
    """The calls alone, without their owner, in a session with a version."""
    calls = SessionCalls(Passthrough())
    calls.session = McpSession(VERSION)
    return calls


def sent(calls, value):
    """Let the client send `value`. Returns the call that it makes."""
    action = next(action for action in calls.from_client(message(value)) if isinstance(action, ToServer))
    return action.call


def test_a_call_gets_the_headers_of_its_session_and_is_kept_without_them(calls):
    words = in_words(calls.from_client(message(request(1))))
    assert words == [to_server(1, request(1), **VERSION)]
    made = calls.take(1)
    assert made is not None
    assert (made.session, made.action.headers) == (calls.session, {})
    assert calls.take(1) is None


def test_messages_and_repeated_calls_are_released_in_their_order(calls):
    first = sent(calls, request(1))
    calls.wait(message(request(2)))
    calls.repeat_later(calls.take(first), LOST)
    calls.wait(message(notification("n")))
    calls.session = McpSession()
    waited = [to_server(2, request(2)), to_server(1, request(1)), to_server(3, notification("n"))]
    assert in_words(calls.release()) == waited
    assert in_words(calls.release()) == []


def test_everything_that_waits_fails_together_and_is_not_released_later(calls):
    first = sent(calls, request(1))
    calls.repeat_later(calls.take(first), LOST)
    calls.wait(message(request(2)))
    calls.wait(message(notification("n")))
    assert in_words(calls.fail_waiting(AWAY)) == [fail(request(1), Unreachable), fail(request(2), Unreachable)]
    assert in_words(calls.release()) == []


def test_a_call_is_repeated_once(calls):
    made = calls.take(sent(calls, request(1)))
    assert calls.remedy(made, LOST) is Remedy.REPEAT
    assert in_words(calls.repeat(made, LOST)) == [to_server(1, request(1), **VERSION)]
    assert calls.remedy(made, LOST) is Remedy.NONE


def test_a_reply_to_the_server_is_not_repeated_but_its_session_is_replaced(calls):
    made = calls.take(sent(calls, answer("s")))
    assert calls.remedy(made, LOST) is Remedy.REOPEN


def test_a_reply_on_the_servers_own_stream_ends_the_call_that_waits_for_it(calls):
    call = sent(calls, request(1))
    assert in_words(calls.from_server(STREAM, message(answer(1)))) == [hangup(call), to_client(answer(1))]
    assert calls.take(call) is None
    assert in_words(calls.from_server(STREAM, message(answer(1)))) == []


def test_a_reply_on_the_servers_own_stream_is_not_for_a_notification_nor_for_a_call_of_an_older_session(calls):
    sent(calls, notification("n", id=1))
    sent(calls, request(2))
    assert in_words(calls.from_server(STREAM, message({"jsonrpc": "2.0", "id": None, "result": {}}))) == []
    calls.session = McpSession()
    assert in_words(calls.from_server(STREAM, message(answer(2)))) == []


def test_a_sign_of_life_reaches_the_inner_relay():
    assert in_words(SessionCalls(Living()).alive(1)) == [note("alive: 1")]


# A refusal that may mean the session (relay/session_loss.py)


def refusal(id_, message="Session not found"):
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": -32001, "message": message}}


def doubt(id_, sent=Sent.NO):
    """The error of a transport for a refusal that may mean the session."""
    error = SessionDoubted("the server no longer knows the MCP session", answer=message(refusal(id_)).raw)
    error.sent = sent
    return error


def answered(play, id_, call):
    play.client(request(id_))
    assert play.server(call, answer(id_)) == [to_client(answer(id_))]
    play.ended(call)


def test_a_refusal_that_may_mean_the_session_is_followed_by_one_attempt_in_a_new_one(play):
    opened(play)
    answered(play, 1, 1)
    play.client(request(2))
    assert play.ended(2, doubt(2)) == [*opening(-3, INITIALIZE)]
    assert reopened(play, -3) == [*session_opened(**VERSION), to_server(2, request(2), **VERSION)]
    assert play.server(2, answer(2)) == [to_client(answer(2))]


def test_the_second_refusal_is_the_answer_in_the_servers_own_words(play):
    opened(play)
    play.client(request(1))
    play.ended(1, doubt(1))
    reopened(play, -3)
    assert play.ended(1, doubt(1)) == [to_client(refusal(1))]


def test_a_refusal_without_a_reply_is_answered_with_the_error_of_its_status(play):
    lost = SessionLost("the server no longer knows the MCP session", answer=BAD_REQUEST)
    opened(play)
    play.client(request(1))
    play.ended(1, lost)
    reopened(play, -3)
    assert play.ended(1, lost) == [fail(request(1), UpstreamFailed)]


def test_a_call_that_may_have_been_carried_out_is_not_repeated_but_the_session_is_opened_again(play):
    opened(play)
    play.client(request(1))
    assert play.ended(1, doubt(1, Sent.UNKNOWN)) == [to_client(refusal(1)), *opening(-3, INITIALIZE)]
    assert reopened(play, -3) == [*session_opened(**VERSION)]


def test_a_list_is_repeated_even_if_it_may_have_been_carried_out(play):
    opened(play)
    play.client(request(1, "tools/list"))
    play.ended(1, doubt(1, Sent.UNKNOWN))
    assert reopened(play, -3)[-1] == to_server(1, request(1, "tools/list"), **VERSION)


@pytest.mark.parametrize("error", [AWAY, SessionLost("lost"), UpstreamFailed("slow down", status=429)])
def test_after_a_first_attempt_that_may_have_been_carried_out_no_error_says_that_nothing_was_sent(play, error):
    opened(play)
    play.client(request(1, "tools/list"))
    play.ended(1, doubt(1, Sent.UNKNOWN))
    reopened(play, -3)
    final = next(action.error for action in play.relay.ended(1, error) if isinstance(action, Fail))
    assert final.sent is Sent.UNKNOWN
    assert not final.retry_safe


def test_calls_that_may_have_been_carried_out_open_one_new_session_together(play):
    opened(play)
    play.client(request(1), request(2))
    play.ended(1, doubt(1, Sent.UNKNOWN))
    assert play.ended(2, doubt(2, Sent.UNKNOWN)) == [to_client(refusal(2))]


def test_a_tool_that_says_the_same_as_a_lost_session_costs_one_session_and_then_no_more(play):
    opened(play)
    answered(play, 1, 1)
    play.client(request(2))
    play.ended(2, doubt(2))
    reopened(play, -3)
    assert play.ended(2, doubt(2)) == [to_client(refusal(2))]
    for id_ in (3, 5, 7):
        answered(play, id_, id_)
        play.client(request(id_ + 1))
        assert play.ended(id_ + 1, doubt(id_ + 1)) == [to_client(refusal(id_ + 1))]


def test_two_such_refusals_in_a_row_mean_the_session_after_all(play):
    opened(play)
    play.client(request(1))
    play.ended(1, doubt(1))
    reopened(play, -3)
    play.ended(1, doubt(1))
    answered(play, 2, 2)
    play.client(request(3), request(4))
    assert play.ended(3, doubt(3)) == [to_client(refusal(3))]
    assert play.ended(4, doubt(4)) == [*opening(-5, INITIALIZE)]
    assert reopened(play, -5) == [*session_opened(**VERSION), to_server(4, request(4), **VERSION)]


def test_a_certain_loss_opens_a_new_session_whatever_came_before(play):
    opened(play)
    play.client(request(1))
    play.ended(1, doubt(1))
    reopened(play, -3)
    play.ended(1, doubt(1))
    answered(play, 2, 2)
    play.client(request(3))
    assert play.ended(3, LOST) == [*opening(-5, INITIALIZE)]


def test_a_session_that_has_never_been_of_use_is_given_up_for_each_call_once(play):
    opened(play)
    for id_, call in ((1, -3), (2, -5), (3, -7)):
        play.client(request(id_))
        assert play.ended(id_, doubt(id_)) == [*opening(call, INITIALIZE)]
        reopened(play, call)
        assert play.ended(id_, doubt(id_)) == [to_client(refusal(id_))]


# Cancellation


def test_a_waiting_request_that_is_cancelled_is_never_sent(play):
    play.client(INITIALIZE, request(1), request(2), INITIALIZED)
    assert play.client(cancelled(1)) == []
    play.server(-1, OPENED)
    assert play.ended(-2) == [*session_opened(**VERSION), to_server(1, request(2), **VERSION)]


def test_a_cancelled_replay_is_not_sent_again(play):
    opened(play)
    play.client(request(1))
    play.ended(1, LOST)
    assert play.client(cancelled(1)) == [hangup(1)]
    assert reopened(play, -3) == [*session_opened(**VERSION)]


def test_a_call_in_flight_can_be_cancelled_while_the_session_is_lost(play):
    opened(play)
    play.client(request(1), request(2))
    play.ended(1, LOST)
    assert play.client(cancelled(2)) == [hangup(2)]
    assert play.server(2, answer(2)) == []
    assert play.ended(2, LOST) == []


def test_a_cancellation_of_another_id_changes_nothing(play):
    play.client(INITIALIZE, request(1), INITIALIZED)
    assert play.client(cancelled("1"), cancelled(True), cancelled(None), cancelled([])) == []
    play.server(-1, OPENED)
    assert [sent[2] for sent in play.ended(-2)[2:]] == [request(1)]


def test_what_the_inner_relay_cancels_while_no_session_is_open_is_not_sent():
    class Cancelling(Passthrough):
        @collected
        def woke(self, timer):
            yield ToServer(2, message(cancelled(1)))
            yield Hangup(1)

    play = Playbook(LegacySession(Cancelling()))
    assert play.woke("clock") == [hangup(1)]
    opened(play)
    assert play.woke("clock") == [to_server(2, cancelled(1), **VERSION), hangup(1)]


def test_a_call_that_the_inner_relay_ends_is_not_made_again_in_a_new_session(play):
    class Ending(Passthrough):
        @collected
        def woke(self, timer):
            yield Hangup(1)

    play = Playbook(LegacySession(Ending()))
    assert play.woke("clock") == [hangup(1)]
