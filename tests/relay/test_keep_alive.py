"""Pings at an interval, which the client never notices."""

import pytest
from relaying import (
    INITIALIZE,
    INITIALIZED,
    VERSION,
    WELCOMED,
    Playbook,
    answer,
    notification,
    request,
    session_opened,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import LoginRequired, OutcomeUnknown, SessionLost, Unreachable
from mcp_auth_bridge.relay.keep_alive import KeepAlive
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.passthrough import Passthrough

PING = request("mcp-auth-bridge/ping/0", "ping")
AGAIN = wake("ping", 30)


@pytest.fixture
def play():
    """An open session before its first call."""
    play = Playbook(KeepAlive(LegacySession(Passthrough()), 30))
    play.client(INITIALIZE)
    play.server(-1, answer(0, WELCOMED))
    play.client(INITIALIZED)
    assert play.ended(-2) == [*session_opened(**VERSION), AGAIN]
    return play


def test_a_ping_goes_out_every_interval(play):
    for call in (1, 2, 3):
        assert play.woke("ping") == [AGAIN, to_server(call, PING, **VERSION)]
        assert play.server(call, answer(PING["id"])) == []
        assert play.ended(call) == []


def test_a_ping_that_is_not_answered_is_not_followed_by_another(play):
    assert play.woke("ping") == [AGAIN, to_server(1, PING, **VERSION)]
    assert play.woke("ping") == [AGAIN]


@pytest.mark.parametrize("error", [None, Unreachable("away"), OutcomeUnknown("cut")])
def test_a_failed_ping_is_not_told_and_the_next_one_goes_out(play, error):
    play.woke("ping")
    assert play.ended(1, error) == []
    assert play.woke("ping") == [AGAIN, to_server(2, PING, **VERSION)]


def test_a_ping_that_finds_the_session_lost_opens_it_again(play):
    play.woke("ping")
    assert to_server(-3, INITIALIZE) in play.ended(1, SessionLost("lost"))
    play.server(-3, answer(0, WELCOMED))
    assert play.ended(-4) == [*session_opened(**VERSION), AGAIN, to_server(1, PING, **VERSION)]


def test_a_ping_without_a_login_closes_the_session_and_is_not_told(play):
    play.woke("ping")
    assert play.ended(1, LoginRequired("log in")) == [wake("reopen", 1.0)]
    assert play.woke("ping") == [AGAIN]


def test_nothing_is_pinged_before_the_session_is_open():
    play = Playbook(KeepAlive(LegacySession(Passthrough()), 30))
    assert all(words[0] != "wake" or words[1] != "ping" for words in play.client(INITIALIZE))
    assert play.woke("ping") == [AGAIN]


def test_the_clients_own_pings_are_its_own(play):
    assert play.client(request(1, "ping")) == [to_server(1, request(1, "ping"), **VERSION)]
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.server(1, notification("n")) == [to_client(notification("n"))]


def test_other_timers_are_passed_on(play):
    assert play.woke("reopen") == []
