"""Which signs of life of a call are passed on."""

import pytest
from relaying import answer, message, notification, request

from mcp_auth_bridge.shell.transports.heartbeat import Heartbeat

TIMES = [7.0, 7.0, 7.05, 7.15, 7.2, 7.3]


def passed_on(heartbeat):
    return [now for now in TIMES if heartbeat.is_due(now)]


def test_signs_of_life_of_one_call_are_thinned_out():
    assert passed_on(Heartbeat()) == [7.0, 7.15, 7.3]
    assert passed_on(Heartbeat(7.1)) == [7.15, 7.3]


def test_a_request_that_was_sent_just_now_needs_no_sign_of_life():
    assert passed_on(Heartbeat.of(message(request(1)), 7.0)) == [7.15, 7.3]


@pytest.mark.parametrize("value", [notification("n"), answer("s")])
def test_the_first_sign_of_life_of_another_message_means_that_the_server_has_accepted_it(value):
    assert passed_on(Heartbeat.of(message(value), 7.0)) == [7.0, 7.15, 7.3]
