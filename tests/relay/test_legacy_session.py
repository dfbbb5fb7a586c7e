"""A legacy session by script: opened, lost and opened again, with messages in any order that the two sides can make."""

import pytest
from legacy_sessions import OPENED, opened, opening, reopened
from relaying import (
    INITIALIZE,
    INITIALIZED,
    VERSION,
    WELCOMED,
    Living,
    Playbook,
    answer,
    cancelled,
    fail,
    hangup,
    note,
    notification,
    request,
    session_opened,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import (
    EraRefused,
    LoginRequired,
    MethodUnknown,
    OurProtocolError,
    OutcomeUnknown,
    SessionLost,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.relay.base import AFTER_FAULT, FORGET_INITIALIZE, ToServer
from mcp_auth_bridge.relay.call_numbers import STREAM
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.relay.legacy_session import REOPEN, LegacySession
from mcp_auth_bridge.relay.passthrough import Passthrough

LOST = SessionLost("the server no longer knows the MCP session")
NO_LOGIN = LoginRequired("a login is needed")
AWAY = Unreachable("no route")


@pytest.fixture
def play():
    return Playbook(LegacySession(Passthrough()))


# The opening


def test_the_session_is_opened_with_the_clients_own_initialize_and_confirmed_first(play):
    assert play.client(INITIALIZE) == [*opening(-1, INITIALIZE)]
    assert play.server(-1, OPENED) == [to_client(OPENED)]
    assert play.ended(-1) == []
    assert play.client(INITIALIZED) == [to_server(-2, INITIALIZED, **VERSION)]
    assert play.client(request(1)) == []
    assert play.ended(-2) == [*session_opened(**VERSION), to_server(1, request(1), **VERSION)]


@pytest.mark.parametrize("early", [[INITIALIZED, request(1)], [request(1), INITIALIZED]])
def test_messages_before_the_session_is_open_wait(play, early):
    play.client(INITIALIZE)
    assert play.client(*early) == []
    assert play.server(-1, OPENED) == [to_client(OPENED), to_server(-2, INITIALIZED, **VERSION)]
    assert play.ended(-1) == []
    assert play.ended(-2) == [*session_opened(**VERSION), to_server(1, request(1), **VERSION)]


def test_waiting_messages_keep_their_order(play):
    play.client(INITIALIZE, INITIALIZED, request(1), notification("n"), answer("s"), request(2))
    play.server(-1, OPENED)
    waited = [request(1), notification("n"), answer("s"), request(2)]
    sent = [to_server(call, value, **VERSION) for call, value in enumerate(waited, 1)]
    assert play.ended(-2) == [*session_opened(**VERSION), *sent]


def test_before_initialize_only_ping_is_answered(play):
    assert play.client(request(1, "ping")) == [to_client(answer(1))]
    assert play.client(request(2, "server/discover")) == [fail(request(2, "server/discover"), MethodUnknown)]
    assert play.client(notification("ping"), notification("n"), answer(3), INITIALIZED) == []


def test_a_ping_is_answered_while_the_session_is_not_open(play):
    play.client(INITIALIZE)
    assert play.client(request(1, "ping")) == [to_client(answer(1))]
    assert play.client(notification("ping")) == []


def test_a_ping_in_an_open_session_goes_to_the_server(play):
    opened(play)
    assert play.client(request(1, "ping")) == [to_server(1, request(1, "ping"), **VERSION)]


@pytest.mark.parametrize("method", ["notifications/initialized", "notifications/cancelled"])
@pytest.mark.parametrize("is_open", [True, False])
def test_a_notification_with_an_id_is_a_request_that_the_server_answers(play, method, is_open):
    value = request(1, method, requestId=9)
    if is_open:
        opened(play)
        assert play.client(value) == [to_server(1, value, **VERSION)]
    else:
        play.client(INITIALIZE, value)
        assert play.ended(-1, AWAY)[:2] == [fail(INITIALIZE, Unreachable), fail(value, Unreachable)]


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        ("2025-11-25", True),
        ("2025-06-18", True),
        ("2025-03-26", False),
        ("2024-11-05", False),
        ("9", False),
        (5, False),
    ],
)
def test_the_negotiated_version_has_a_header_since_2025_06_18(play, version, headers):
    play.client(INITIALIZE, INITIALIZED)
    sent = play.server(-1, answer(0, {"protocolVersion": version}))[-1]
    assert sent == to_server(-2, INITIALIZED, **({"mcp-protocol-version": version} if headers else {}))


@pytest.mark.parametrize("result", [5, [], "x", {"capabilities": []}])
def test_a_strange_result_of_initialize_is_passed_to_the_client(play, result):
    play.client(INITIALIZE)
    assert play.server(-1, answer(0, result)) == [to_client(answer(0, result))]
    assert play.client(INITIALIZED) == [to_server(-2, INITIALIZED)]


def test_a_reply_to_another_request_does_not_answer_initialize(play):
    play.client(INITIALIZE)
    for id_ in ("0", None, 1):
        assert play.server(-1, answer(id_, WELCOMED)) == []
    assert play.ended(-1) == [fail(INITIALIZE, EraRefused)]


def test_a_notification_before_the_reply_to_initialize_is_relayed(play):
    play.client(INITIALIZE)
    assert play.server(-1, notification("notifications/message")) == [to_client(notification("notifications/message"))]


def test_a_second_reply_to_initialize_is_not_relayed(play):
    play.client(INITIALIZE)
    play.server(-1, OPENED)
    assert play.server(-1, OPENED) == []


def test_a_refused_initialize_means_a_refused_era_and_is_tried_again_for_the_next_request(play):
    refusal = {"jsonrpc": "2.0", "id": 0, "error": {"code": -32603, "message": "no"}}
    play.client(INITIALIZE, request(1))
    assert play.server(-1, refusal) == [fail(INITIALIZE, EraRefused), fail(request(1), EraRefused)]
    assert play.ended(-1) == []
    assert play.client(request(2)) == [*opening(-2, INITIALIZE)]


# Servers that refuse a revision of MCP instead of answering with one of their own (relay/revision_fallback.py)


BAD_REQUEST = UpstreamFailed("the server answered with HTTP 400", status=400)
UNSUPPORTED = {"jsonrpc": "2.0", "id": 0, "error": {"code": -32602, "message": "Unsupported protocol version"}}


def naming(revision):
    return {**INITIALIZE, "params": {"protocolVersion": revision}}


def test_a_server_that_answers_400_to_a_newer_revision_gets_the_next_older_one(play):
    play.client(naming("2025-11-25"), INITIALIZED, request(1))
    assert play.ended(-1, BAD_REQUEST) == [*opening(-2, INITIALIZE)]
    assert play.server(-2, OPENED) == [to_client(OPENED), to_server(-3, INITIALIZED, **VERSION)]
    assert play.ended(-2) == []
    assert play.ended(-3) == [*session_opened(**VERSION), to_server(1, request(1), **VERSION)]


def test_the_error_for_an_unsupported_revision_is_kept_from_the_client_while_there_is_an_older_one(play):
    play.client(naming("2025-11-25"))
    assert play.server(-1, UNSUPPORTED) == [*opening(-2, INITIALIZE)]
    assert play.ended(-1) == []
    assert play.server(-2, OPENED) == [to_client(OPENED)]


def test_a_lost_session_is_opened_again_with_the_revision_that_the_server_accepted(play):
    play.client(naming("2025-11-25"), INITIALIZED)
    play.ended(-1, BAD_REQUEST)
    play.server(-2, OPENED)
    play.ended(-2)
    play.ended(-3)
    play.client(request(1))
    play.server(1, answer(1))
    assert play.ended(STREAM, LOST) == [*opening(-4, INITIALIZE)]


@pytest.mark.parametrize(
    ("named", "offered"),
    [("2025-11-25", ["2025-06-18", "2025-03-26", "2024-11-05"]), ("2031-01-01", ["2025-11-25", "2025-06-18"])],
)
def test_the_revisions_are_tried_from_the_newest_to_the_oldest(play, named, offered):
    play.client(naming(named))
    for call, revision in enumerate(offered, 1):
        assert play.ended(-call, BAD_REQUEST) == [*opening(-call - 1, naming(revision))]


def test_after_every_revision_is_refused_the_next_request_begins_with_the_clients_own(play):
    play.client(INITIALIZE)
    play.ended(-1, BAD_REQUEST)
    play.ended(-2, BAD_REQUEST)
    assert play.ended(-3, BAD_REQUEST) == [fail(INITIALIZE, EraRefused)]
    assert play.client(request(1)) == [*opening(-4, INITIALIZE)]


@pytest.mark.parametrize("error", [UpstreamFailed("no", status=403), UpstreamFailed("no", status=503), AWAY, NO_LOGIN])
def test_other_failures_say_nothing_about_the_revision(play, error):
    play.client(INITIALIZE)
    assert play.ended(-1, error)[0] == fail(INITIALIZE, type(error))


def test_a_status_that_old_servers_do_not_use_for_a_revision_may_mean_the_other_era(play):
    play.client(INITIALIZE)
    assert play.ended(-1, UpstreamFailed("no", status=500)) == [fail(INITIALIZE, EraRefused)]


@pytest.mark.parametrize("params", [{}, {"protocolVersion": 7}, {"protocolVersion": "2024-11-05"}])
def test_a_client_without_a_newer_revision_gets_the_refusal(play, params):
    own = {**INITIALIZE, "params": params}
    play.client(own)
    assert play.ended(-1, BAD_REQUEST) == [fail(own, EraRefused)]


def test_the_other_members_of_initialize_keep_their_bytes():
    session = LegacySession(Passthrough())
    own = b'{"method": "initialize", "id": 1.0, "params": {"x": 1e2, "protocolVersion": "2025-11-25", "\\u0061": [ ]}}'
    list(session.from_client(peek(own)))
    sent = next(action for action in session.ended(-1, BAD_REQUEST) if isinstance(action, ToServer))
    assert b'"id":1.0' in sent.message.raw
    assert b'"x":1e2,"protocolVersion":"2025-06-18"' in sent.message.raw
    assert sent.message.id == b"1.0"


def test_a_failed_opening_fails_every_waiting_request(play):
    play.client(INITIALIZE, request(1), notification("n"), request(2))
    failed = [fail(INITIALIZE, Unreachable), fail(request(1), Unreachable), fail(request(2), Unreachable)]
    assert play.ended(-1, AWAY) == [*failed, wake(REOPEN, 1.0)]


def test_requests_before_the_confirmation_are_passed_to_the_server(play):
    play.client(INITIALIZE)
    play.server(-1, OPENED)
    assert play.client(request(1)) == [to_server(1, request(1), **VERSION)]
    assert play.client(request(2)) == [to_server(2, request(2), **VERSION)]


def test_a_late_confirmation_is_still_sent_and_opens_the_servers_stream(play):
    play.client(INITIALIZE)
    play.server(-1, OPENED)
    play.client(request(1))
    assert play.client(INITIALIZED) == [to_server(-2, INITIALIZED, **VERSION)]
    assert play.client(request(2)) == []
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.ended(-2) == [*session_opened(**VERSION), to_server(2, request(2), **VERSION)]


def test_a_session_that_was_never_confirmed_is_opened_again_without_a_confirmation(play):
    play.client(INITIALIZE)
    play.server(-1, OPENED)
    play.client(request(1))
    assert play.ended(1, LOST) == [*opening(-2, INITIALIZE)]
    assert play.server(-2, OPENED) == [to_server(1, request(1), **VERSION)]


def test_a_second_confirmation_of_an_open_session_changes_nothing(play):
    opened(play)
    assert play.client(INITIALIZED) == []
    assert play.client(request(1)) == [to_server(1, request(1), **VERSION)]


@pytest.mark.parametrize("error", [AWAY, NO_LOGIN, LOST])
def test_a_failed_confirmation_does_not_fail_the_opening(play, error):
    play.client(INITIALIZE, INITIALIZED, request(1))
    play.server(-1, OPENED)
    assert play.ended(-2, error) == [*session_opened(**VERSION), to_server(1, request(1), **VERSION)]


# A client that initializes twice


def test_initialize_cannot_be_cancelled(play):
    play.client(INITIALIZE)
    assert play.client(cancelled(0)) == []
    assert play.server(-1, OPENED) == [to_client(OPENED)]


def test_a_second_initialize_is_refused_while_the_first_is_unanswered(play):
    play.client(INITIALIZE)
    again = {**INITIALIZE, "id": 1}
    assert play.client(again) == [fail(again, OurProtocolError)]
    assert play.server(-1, OPENED) == [to_client(OPENED)]


def test_a_client_may_initialize_again_later(play):
    opened(play)
    again = {**INITIALIZE, "id": 5}
    assert play.client(request(1)) == [to_server(1, request(1), **VERSION)]
    assert play.client(again) == [*opening(-3, again)]
    assert play.client(request(2), INITIALIZED) == []
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.server(-3, answer(5, WELCOMED)) == [
        to_client(answer(5, WELCOMED)),
        to_server(-4, INITIALIZED, **VERSION),
    ]
    assert play.ended(-4) == [*session_opened(**VERSION), to_server(2, request(2), **VERSION)]


# A lost session


def test_a_request_that_was_refused_with_404_is_sent_once_more_in_a_new_session(play):
    opened(play)
    play.client(request(1))
    assert play.ended(1, LOST) == [*opening(-3, INITIALIZE)]
    assert reopened(play, -3) == [*session_opened(**VERSION), to_server(1, request(1), **VERSION)]
    assert play.server(1, answer(1)) == [to_client(answer(1))]


def test_the_second_loss_fails_the_call(play):
    opened(play)
    play.client(request(1))
    play.ended(1, LOST)
    reopened(play, -3)
    assert play.ended(1, LOST) == [fail(request(1), SessionLost)]
    assert play.client(request(2)) == [to_server(2, request(2), **VERSION)]
    assert play.ended(2, LOST) == [*opening(-5, INITIALIZE)]


def test_calls_that_lose_the_same_session_share_the_new_one(play):
    opened(play)
    play.client(request(1), request(2), request(3))
    assert play.ended(2, LOST) == [*opening(-3, INITIALIZE)]
    assert play.ended(1, LOST) == []
    replayed = [to_server(2, request(2), **VERSION), to_server(1, request(1), **VERSION)]
    assert reopened(play, -3) == [*session_opened(**VERSION), *replayed]
    assert play.ended(3, LOST) == [to_server(3, request(3), **VERSION)]


def test_a_new_session_is_not_opened_for_a_call_of_an_older_one(play):
    opened(play)
    play.client(request(1), request(2))
    play.ended(1, LOST)
    reopened(play, -3)
    assert play.ended(2, LOST) == [to_server(2, request(2), **VERSION)]


def test_a_replay_carries_the_version_of_the_new_session_only(play):
    opened(play)
    play.client(request(1))
    play.ended(1, LOST)
    assert play.server(-3, answer(0, {"protocolVersion": "2025-03-26"})) == [to_server(-4, INITIALIZED)]
    assert play.ended(-4) == [*session_opened(), to_server(1, request(1))]


def test_new_messages_wait_for_the_new_session_and_old_replies_still_count(play):
    opened(play)
    play.client(request(1), request(2))
    play.ended(1, LOST)
    assert play.client(request(3)) == []
    assert play.server(2, answer(2)) == [to_client(answer(2))]
    sent = [to_server(1, request(1), **VERSION), to_server(3, request(3), **VERSION)]
    assert reopened(play, -3) == [*session_opened(**VERSION), *sent]


def test_the_reply_to_a_repeated_initialize_is_not_relayed(play):
    opened(play)
    play.client(request(1))
    play.ended(1, LOST)
    assert to_client(OPENED) not in play.server(-3, OPENED)


def test_a_notification_that_was_refused_with_404_is_sent_once_more(play):
    opened(play)
    play.client(notification("n"))
    play.ended(1, LOST)
    assert reopened(play, -3) == [*session_opened(**VERSION), to_server(1, notification("n"), **VERSION)]
    assert play.ended(1, LOST) == []


def test_a_reply_of_the_client_is_not_sent_into_another_session(play):
    opened(play)
    play.client(answer("s"))
    assert play.ended(1, LOST) == [*opening(-3, INITIALIZE)]
    assert reopened(play, -3) == [*session_opened(**VERSION)]


def test_a_reply_of_the_client_while_the_session_is_opened_again_is_for_the_lost_one(play):
    opened(play)
    play.client(request(1))
    play.ended(1, LOST)
    assert play.client(answer("s")) == []
    assert reopened(play, -3) == [*session_opened(**VERSION), to_server(1, request(1), **VERSION)]


def test_a_reply_of_the_client_before_its_confirmation_reaches_the_server(play):
    play.client(INITIALIZE)
    play.server(-1, OPENED)
    assert play.client(answer("s")) == [to_server(1, answer("s"), **VERSION)]


def test_a_session_that_cannot_be_opened_again_fails_waiting_requests_and_is_tried_for_the_next_one(play):
    opened(play)
    play.client(request(1))
    play.ended(1, LOST)
    play.client(request(2))
    assert play.ended(-3, AWAY) == [fail(request(1), Unreachable), fail(request(2), Unreachable), wake(REOPEN, 1.0)]
    assert play.client(request(3)) == [*opening(-4, INITIALIZE)]


def test_a_loss_while_the_session_is_closed_opens_it(play):
    opened(play)
    play.client(request(1), request(2))
    play.ended(1, NO_LOGIN)
    assert play.ended(2, LOST) == [*opening(-3, INITIALIZE)]
    assert reopened(play, -3) == [*session_opened(**VERSION), to_server(2, request(2), **VERSION)]


# A login that is missing, a server that is away


def test_a_missing_login_closes_an_open_session_which_is_tried_again_every_second(play):
    opened(play)
    play.client(request(1), request(2))
    assert play.ended(1, NO_LOGIN) == [fail(request(1), LoginRequired), wake(REOPEN, 1.0)]
    assert play.ended(2, NO_LOGIN) == [fail(request(2), LoginRequired)]
    assert play.woke(REOPEN) == [*opening(-3, INITIALIZE)]
    assert play.ended(-3, NO_LOGIN) == [wake(REOPEN, 1.0)]
    assert play.woke(REOPEN) == [*opening(-4, INITIALIZE)]
    assert reopened(play, -4) == [*session_opened(**VERSION)]


def test_a_request_without_a_login_fails_at_once(play):
    play.client(INITIALIZE)
    assert play.ended(-1, NO_LOGIN) == [fail(INITIALIZE, LoginRequired), wake(REOPEN, 1.0)]
    assert play.client(request(1)) == [*opening(-2, INITIALIZE)]
    assert play.ended(-2, NO_LOGIN) == [fail(request(1), LoginRequired), wake(REOPEN, 1.0)]


def test_an_unreachable_server_is_tried_less_and_less_often(play):
    play.client(INITIALIZE)
    pauses = []
    for call in range(-1, -9, -1):
        (*_, (_, _, pause)) = play.ended(call, AWAY)
        pauses.append(pause)
        play.woke(REOPEN)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    play.server(-9, OPENED)
    play.client(INITIALIZED)
    play.ended(-10)
    play.client(request(1))
    play.ended(1, LOST)
    assert play.ended(-11, AWAY)[-1] == wake(REOPEN, 1.0)


def test_a_permanent_failure_is_not_retried_by_itself(play):
    play.client(INITIALIZE)
    assert play.ended(-1, OurProtocolError("no")) == [fail(INITIALIZE, OurProtocolError)]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_whose_balancer_answers_for_it_is_tried_again(play, status):
    play.client(INITIALIZE)
    error = UpstreamFailed("…", status=status)
    assert play.ended(-1, error) == [fail(INITIALIZE, UpstreamFailed), wake(REOPEN, 1.0)]
    assert play.woke(REOPEN) == opening(-2, INITIALIZE)


def test_a_clients_own_attempts_do_not_lengthen_the_pauses(play):
    play.client(INITIALIZE)
    play.ended(-1, AWAY)
    for call in (-2, -3, -4):
        play.client(request(1))
        assert play.ended(call, AWAY)[-1] == wake(REOPEN, 1.0)
    play.woke(REOPEN)
    assert play.ended(-5, AWAY) == [wake(REOPEN, 2.0)]


def test_a_server_that_asks_for_a_pause_is_not_asked_before(play):
    busy = UpstreamFailed("…", status=503, retry_after=7.0)
    play.client(INITIALIZE)
    assert play.ended(-1, busy) == [fail(INITIALIZE, UpstreamFailed), wake(REOPEN, 7.0)]
    assert play.client(notification("n"), request(1)) == [fail(request(1), UpstreamFailed)]
    assert play.client(request(2, "ping")) == [to_client(answer(2))]
    assert play.woke(REOPEN) == opening(-2, INITIALIZE)
    assert play.client(request(1)) == []
    assert play.ended(-2, AWAY) == [fail(request(1), Unreachable), wake(REOPEN, 2.0)]
    assert play.client(request(1)) == opening(-3, INITIALIZE)


def test_a_clients_new_initialize_does_not_wait_for_the_end_of_the_pause(play):
    play.client(INITIALIZE)
    play.ended(-1, UpstreamFailed("…", status=503, retry_after=7.0))
    assert play.client({**INITIALIZE, "id": 9}) == opening(-2, {**INITIALIZE, "id": 9})


@pytest.mark.parametrize("when", ["before", "opening", "open"])
def test_a_timer_that_comes_too_late_opens_nothing(play, when):
    if when == "opening":
        play.client(INITIALIZE)
    elif when == "open":
        opened(play)
    assert play.woke(REOPEN) == []


# Messages that are not awaited


@pytest.mark.parametrize("error", [None, LOST, AWAY, OutcomeUnknown("cut")])
def test_the_end_of_an_unknown_call_means_nothing(play, error):
    opened(play)
    assert play.ended(7, error) == []
    assert play.ended(-7, error) == []


def test_a_reply_on_the_servers_own_stream_counts_only_for_a_request_that_waits(play):
    opened(play)
    play.client(request(1))
    assert play.stream(answer(2)) == []
    assert play.stream(OPENED) == []
    assert play.stream(notification("n")) == [to_client(notification("n"))]
    assert play.stream(answer(1)) == [hangup(1), to_client(answer(1))]
    assert play.stream(answer(1)) == play.server(1, answer(1)) == []


def test_a_server_that_never_answers_initialize_fails_waiting_requests_and_is_tried_again():
    play = Playbook(LegacySession(Passthrough()))
    play.client(INITIALIZE, request(1))
    assert play.woke("opening") == [
        hangup(-1),
        fail(INITIALIZE, OutcomeUnknown),
        fail(request(1), OutcomeUnknown),
        wake(REOPEN, 1.0),
    ]
    assert play.woke(REOPEN) == opening(-2, INITIALIZE)


def test_a_confirmation_delays_requests_for_a_minute_at_most():
    play = Playbook(LegacySession(Passthrough()))
    play.client(INITIALIZE)
    play.server(-1, OPENED)
    play.client(INITIALIZED, request(1))
    assert play.woke("opening") == [hangup(-2), *session_opened(**VERSION), to_server(1, request(1), **VERSION)]


def test_the_end_of_that_minute_does_not_affect_an_open_session(play):
    opened(play)
    assert play.woke("opening") == []


def test_a_stream_that_finds_the_session_lost_opens_it_again_without_a_request(play):
    opened(play)
    play.client(request(1))
    play.server(1, answer(1))
    assert play.ended(STREAM, LOST) == opening(-3, INITIALIZE)


@pytest.mark.parametrize("later", ["ended", "failed"])
def test_the_session_is_used_as_soon_as_the_server_has_accepted_the_confirmation(play, later):
    play.client(INITIALIZE)
    play.server(-1, OPENED)
    play.client(INITIALIZED, request(1))
    assert play.alive(-2) == [*session_opened(**VERSION), to_server(1, request(1), **VERSION)]
    assert play.alive(-2) == []
    assert play.server(-2, notification("n")) == [to_client(notification("n"))]
    assert play.ended(-2, None if later == "ended" else Unreachable("cut")) == []


def test_signs_of_life_of_other_calls_open_no_session():
    play = Playbook(LegacySession(Living()))
    play.client(INITIALIZE)
    assert play.alive(-1) == []
    play.server(-1, OPENED)
    play.client(INITIALIZED)
    assert [*play.alive(-1), *play.alive(1)] == [note("alive: 1")]


def test_a_server_whose_stream_ends_again_and_again_is_not_asked_in_circles(play):
    opened(play)
    assert play.ended(STREAM, LOST) == []
    play.client(request(1))
    play.server(1, answer(1))
    play.ended(STREAM, LOST)
    play.server(-3, OPENED)
    play.ended(-4)
    assert play.ended(STREAM, LOST) == []


# After a fault of the bridge itself


def test_after_a_fault_the_deadline_of_an_opening_is_set_again(play):
    assert play.woke(AFTER_FAULT) == []
    play.client(INITIALIZE)
    assert play.woke(AFTER_FAULT) == [wake("opening", 60.0)]


def test_after_a_fault_a_closed_session_tries_again(play):
    play.client(INITIALIZE)
    play.ended(-1, AWAY)
    assert [words[:2] for words in play.woke(AFTER_FAULT)] == [("wake", REOPEN)]


def test_an_initialize_that_a_fault_has_answered_makes_way_for_another(play):
    assert play.woke(FORGET_INITIALIZE) == []
    play.client(INITIALIZE)
    assert play.woke(FORGET_INITIALIZE) == []
    assert play.client({**INITIALIZE, "id": 7}) == [*opening(-2, {**INITIALIZE, "id": 7})]
