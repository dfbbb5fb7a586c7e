"""A legacy session whose server has become modern is noticed by its refusal of the version."""

import pytest
from relaying import Playbook, answer, cancelled, fail, hangup, notification, request, to_client, to_server

from mcp_auth_bridge.errors import EraRefused, Unreachable
from mcp_auth_bridge.relay.legacy_era import LegacyEra
from mcp_auth_bridge.relay.passthrough import Passthrough


def refusal(code, id_=1):
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": "Unsupported protocol version"}}


@pytest.fixture
def play():
    play = Playbook(LegacyEra(Passthrough()))
    play.client(request(1))
    return play


def test_a_refusal_of_the_version_is_a_refusal_of_the_era(play):
    assert play.server(1, refusal(-32022)) == [fail(request(1), EraRefused)]


@pytest.mark.parametrize("reply", [answer(1), answer(1, "-32022"), refusal(-32020), refusal(-32601)])
def test_every_other_reply_passes(play, reply):
    assert play.server(1, reply) == [to_client(reply)]


def test_a_long_reply_is_not_a_refusal(play):
    long = {**refusal(-32022), "x": "y" * 70_000}
    assert play.server(1, long) == [to_client(long)]


def test_other_messages_and_failures_pass(play):
    assert play.server(1, notification("n")) == [to_client(notification("n"))]
    assert play.client(notification("n")) == [to_server(2, notification("n"))]
    assert play.ended(1, Unreachable("away")) == [fail(request(1), Unreachable)]


def test_a_cancelled_request_is_not_waited_for(play):
    assert play.client(cancelled(1)) == [to_server(2, cancelled(1)), hangup(1)]
    assert play.server(1, refusal(-32022)) == []
