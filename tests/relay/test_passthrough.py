"""Forwarding messages by their ids alone."""

import pytest
from relaying import Playbook, answer, cancelled, fail, hangup, message, notification, request, to_client, to_server

from mcp_auth_bridge.errors import OurProtocolError, OutcomeUnknown, Unreachable
from mcp_auth_bridge.relay.base import ToClient, ToServer
from mcp_auth_bridge.relay.passthrough import Passthrough


@pytest.fixture
def play():
    return Playbook(Passthrough())


def test_every_message_becomes_a_call_of_its_own(play):
    assert play.client(request(1)) == [to_server(1, request(1))]
    assert play.client(notification("n")) == [to_server(2, notification("n"))]
    assert play.client(answer("s1")) == [to_server(3, answer("s1"))]


def test_messages_are_the_bytes_that_arrived():
    raw = b'{ "id" : 1.0 , "method":"m" ,"params":{"\\u0061":1e2}}'
    relay = Passthrough()
    assert list(relay.from_client(message(raw))) == [ToServer(1, message(raw))]
    back = b'{ "id" : 1.0 , "result":{"\\u0061":1e2}}'
    assert list(relay.from_server(1, message(back))) == [ToClient(message(back))]


def test_a_sign_of_life_is_not_a_message(play):
    play.client(request(1))
    assert play.alive(1) == []


def test_a_call_may_answer_its_own_request_and_no_other(play):
    play.client(request(1), request(2))
    assert play.server(1, answer(2)) == []
    assert play.server(1, answer("1")) == []
    assert play.server(1, answer(None)) == []
    assert play.server(9, answer(1)) == []
    assert play.server(1, answer(1)) == [to_client(answer(1))]


def test_a_second_reply_is_not_relayed(play):
    play.client(request(1))
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.server(1, answer(1)) == []
    assert play.ended(1) == []


def test_a_reply_on_the_servers_own_stream_is_dropped(play):
    play.client(request(1))
    assert play.stream(answer(1)) == []


def test_requests_and_notifications_of_the_server_are_relayed_from_every_call(play):
    play.client(request(1))
    for call in (0, 1, 7):
        assert play.server(call, request("s", "ping")) == [to_client(request("s", "ping"))]
        assert play.server(call, notification("n")) == [to_client(notification("n"))]


def test_ids_of_different_types_are_different_requests(play):
    assert play.client(request(1), request("1")) == [to_server(1, request(1)), to_server(2, request("1"))]


@pytest.mark.parametrize("id_", [0, "", -1])
def test_an_id_that_python_takes_for_false_is_an_id(play, id_):
    play.client(request(id_))
    assert play.server(1, answer(id_)) == [to_client(answer(id_))]


def test_a_request_with_an_id_in_use_is_refused_and_the_first_one_continues(play):
    play.client(request(1))
    assert play.client(request(1)) == [fail(request(1), OurProtocolError)]
    assert play.client(request(1.0)) == [fail(request(1.0), OurProtocolError)]
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.client(request(1)) == [to_server(2, request(1))]


def test_a_call_that_ends_without_a_reply_has_an_unknown_outcome(play):
    play.client(request(1))
    assert play.ended(1) == [fail(request(1), OutcomeUnknown)]
    assert play.ended(1) == []


def test_a_call_that_ends_with_an_error_fails_with_that_error(play):
    play.client(request(1))
    assert play.ended(1, Unreachable("no route")) == [fail(request(1), Unreachable)]


def test_a_notification_that_could_not_be_sent_is_not_answered(play):
    play.client(notification("n"))
    assert play.ended(1, Unreachable("no route")) == []


def test_a_cancelled_call_is_ended_and_never_answered(play):
    play.client(request(1))
    assert play.client(cancelled(1)) == [to_server(2, cancelled(1)), hangup(1)]
    assert play.server(1, answer(1)) == []
    assert play.ended(1) == []
    assert play.client(request(1)) == [to_server(3, request(1))]


@pytest.mark.parametrize("target", ["1", True, None, [1], {}, 2])
def test_a_cancellation_of_something_else_ends_nothing(play, target):
    play.client(request(1))
    assert play.client(cancelled(target)) == [to_server(2, cancelled(target))]
    assert play.server(1, answer(1)) == [to_client(answer(1))]


def test_a_cancellation_after_the_reply_is_only_passed_on(play):
    play.client(request(1))
    play.server(1, answer(1))
    assert play.client(cancelled(1)) == [to_server(2, cancelled(1))]


def test_it_sets_no_timers(play):
    assert play.woke("any") == []
