"""The log level of a legacy session: the most verbose for which a running request asks."""

import json

import pytest
from modern_client import modern
from relaying import WELCOMED, Playbook, answer, cancelled, fail, request, to_client, to_server, wake

from mcp_auth_bridge.errors import Unreachable
from mcp_auth_bridge.relay.legacy_server import LegacyServer
from mcp_auth_bridge.relay.log_levels import LogLevels
from mcp_auth_bridge.relay.passthrough import Passthrough


@pytest.fixture
def play():
    return levels({"logging": {}})


def levels(capabilities):
    server = LegacyServer()
    server.learn(json.dumps({**WELCOMED, "capabilities": capabilities}).encode())
    return Playbook(LogLevels(Passthrough(), server))


def setting(number, level):
    return request(f"mcp-auth-bridge/logging/setLevel/{-number}", "logging/setLevel", level=level)


WAIT = wake("log level", 5.0)


def was_set(number):
    return answer(f"mcp-auth-bridge/logging/setLevel/{-number}")


def refusal(number):
    return {**was_set(number), "error": {"code": -32601, "message": ""}}


def test_a_request_waits_until_the_server_has_set_its_level(play):
    asking = modern(1, level="info")
    assert play.client(asking) == [WAIT, to_server(1, setting(1, "info"))]
    assert play.server(1, was_set(1)) == [to_server(2, asking)]
    assert play.server(2, answer(1)) == [to_client(answer(1))]


def test_a_request_with_the_level_of_the_session_does_not_wait(play):
    play.client(modern(1, level="info"))
    play.server(1, was_set(1))
    assert play.client(modern(2, level="info")) == [to_server(3, modern(2, level="info"))]


def test_a_more_verbose_level_is_set_and_a_less_verbose_one_is_not_while_both_run(play):
    play.client(modern(1, level="info"))
    play.server(1, was_set(1))
    assert play.client(modern(2, level="error")) == [to_server(3, modern(2, level="error"))]
    assert play.client(modern(3, level="debug")) == [WAIT, to_server(4, setting(2, "debug"))]
    assert play.server(4, was_set(2)) == [to_server(5, modern(3, level="debug"))]


def test_a_less_verbose_level_is_set_for_the_next_request_alone(play):
    play.client(modern(1, level="debug"))
    play.server(1, was_set(1))
    play.server(2, answer(1))
    assert play.client(modern(2, level="error")) == [WAIT, to_server(3, setting(2, "error"))]


def test_the_level_of_a_failed_or_cancelled_request_does_not_count(play):
    play.client(modern(1, level="debug"))
    play.server(1, was_set(1))
    assert play.ended(2, Unreachable("away")) == [fail(modern(1, level="debug"), Unreachable)]
    play.client(modern(2, level="info"))
    play.server(3, was_set(2))
    play.client(cancelled(2))
    assert play.client(modern(3, level="error"))[1][2]["params"] == {"level": "error"}


def test_requests_that_come_meanwhile_wait_and_a_more_verbose_one_is_set_next(play):
    play.client(modern(1, level="info"))
    assert play.client(modern(2, level="debug")) == []
    assert play.server(1, was_set(1)) == [WAIT, to_server(2, setting(2, "debug"))]
    assert play.server(2, was_set(2)) == [
        to_server(3, modern(1, level="info")),
        to_server(4, modern(2, level="debug")),
    ]


def test_a_request_that_is_cancelled_while_it_waits_is_never_sent(play):
    play.client(modern(1, level="info"))
    assert play.client(cancelled(1)) == []
    assert play.server(1, was_set(1)) == []


def test_a_server_that_refuses_the_level_is_not_asked_again(play):
    play.client(modern(1, level="info"))
    assert play.server(1, refusal(1)) == [to_server(2, modern(1, level="info"))]


def test_a_level_that_could_not_be_sent_does_not_hold_the_request(play):
    play.client(modern(1, level="info"))
    assert play.ended(1, Unreachable("away")) == [to_server(2, modern(1, level="info"))]


def test_a_request_without_a_level_never_waits(play):
    play.client(modern(1, level="info"))
    assert play.client(modern(2)) == [to_server(2, modern(2))]


def test_a_server_without_logging_gets_no_level():
    play = levels({})
    assert play.client(modern(1, level="info")) == [to_server(1, modern(1, level="info"))]


def test_a_server_that_does_not_set_the_level_in_time_gets_the_request_all_the_same(play):
    play.client(modern(1, level="info"))
    assert play.woke("log level") == [to_server(2, modern(1, level="info"))]
    assert play.server(1, was_set(1)) == []
    assert play.woke("log level") == []
    assert play.server(2, answer(1)) == [to_client(answer(1))]


def test_the_timers_of_others_pass(play):
    assert play.woke("another timer") == []
