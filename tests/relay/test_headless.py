"""Without a person, a failure is a JSON-RPC error, one line in the log, and an exit code if nothing worked."""

import json

import pytest
from relaying import (
    INITIALIZE,
    INITIALIZED,
    WELCOMED,
    Playbook,
    answer,
    message,
    notification,
    report,
    request,
    to_client,
    wake,
)

from mcp_auth_bridge.app import relay_stack
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.errors import (
    CredentialMissing,
    LoginRequired,
    TheirProtocolError,
    TimedOut,
    TokenExpired,
    Unreachable,
)
from mcp_auth_bridge.relay.base import Report, collected
from mcp_auth_bridge.relay.headless import Headless
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.urls import Purpose, gate

PROFILE = Profile("acme", gate("https://mcp.example.com/mcp", Purpose.SERVER))
EXPIRED = TokenExpired("acme refused it", "replace it", facts={"status": 401, "issuer": "https://as.example"})


@pytest.fixture
def relay():
    return relay_stack.build_headless_relay(
        PROFILE, {"tools/list": b'{"tools":[]}', "initialize": json.dumps(WELCOMED).encode()}
    )


@pytest.fixture
def play(relay):
    return Playbook(relay)


def answers_of(words):
    return [word[1] for word in words if word[0] == "to client"]


def refused_in_both_eras(play, initialize):
    """What the relay says to the second refusal, after which there is no other era to try."""
    words = play.client(initialize)
    for _ in range(2):
        (_, call, sent, _), *_ = [word for word in words if word[0] == "to server"]
        error = {"code": -32601, "message": "Method not found"}
        words = play.server(call, {"jsonrpc": "2.0", "id": sent["id"], "error": error})
    return words


def opened(play):
    play.client(INITIALIZE)
    play.server(-1, answer(0, WELCOMED))
    play.client(INITIALIZED)
    play.ended(-2)


def test_a_failed_initialize_is_answered_with_the_error_and_not_from_memory(play):
    play.client(INITIALIZE)
    said, told, *_ = play.ended(-1, EXPIRED)
    assert said == report(TokenExpired)
    assert told[1]["error"]["code"] == -32010
    assert told[1]["error"]["data"] == {
        "bridge": True,
        "code": "token_expired",
        "sent": "no",
        "retry_safe": True,
        "action": "replace it",
        "status": 401,
        "issuer": "https://as.example",
    }


def test_an_agent_that_initializes_again_in_the_same_process_succeeds(relay, play):
    for number in (1, 2):
        play.client(INITIALIZE | {"id": number})
        assert answers_of(play.ended(-number, Unreachable("away")))
    sent = play.client(INITIALIZE | {"id": 3})
    assert sent[0][0] == "to server"
    assert answers_of(play.server(-3, answer(3, WELCOMED))) == [answer(3, WELCOMED)]
    play.ended(-3)
    play.client(INITIALIZED)
    play.ended(-4)
    assert "to server" in {word[0] for word in play.client(request(4))}
    assert answers_of(play.server(1, answer(4))) == [answer(4)]
    assert relay.exit_code == 0


def test_initialize_is_not_answered_before_the_server_has_answered(play):
    words = play.client(INITIALIZE)
    assert answers_of(words) == []
    assert wake("early initialize", 0.3) not in words


def test_a_missing_login_is_an_error_also_for_a_tool_call(play):
    opened(play)
    play.client(request(1))
    (told,) = answers_of(play.ended(1, LoginRequired("there is no stored login", "run: …")))
    assert (told["error"]["code"], told["error"]["data"]["code"]) == (-32010, "auth_required")


def test_a_failure_is_logged_once_until_another_one_happens(play):
    play.client(INITIALIZE)
    assert report(TokenExpired) in play.ended(-1, EXPIRED)
    play.client(request(1))
    again = play.ended(-2, TokenExpired("acme refused it a second later", facts={"status": 401}))
    assert answers_of(again)
    assert report(TokenExpired) not in again
    play.client(request(2))
    assert report(CredentialMissing) in play.ended(-3, CredentialMissing("not set"))
    play.client(request(3))
    assert report(TokenExpired) in play.ended(-4, EXPIRED)


def test_a_failure_is_logged_again_after_the_server_has_answered(play):
    opened(play)
    for number in (1, 3):
        play.client(request(number))
        assert report(TokenExpired) in play.ended(number, EXPIRED)
        play.client(request(number + 1))
        play.server(number + 1, answer(number + 1))


def test_the_exit_code_is_that_of_the_last_failure_if_nothing_worked(relay, play):
    assert relay.exit_code == 0
    play.client(INITIALIZE)
    play.ended(-1, TimedOut("late"))
    assert relay.exit_code == 15
    play.client(request(1))
    play.ended(-2, EXPIRED)
    assert relay.exit_code == 11


def test_the_exit_code_is_0_once_the_server_has_answered_anything(relay, play):
    opened(play)
    play.client(request(1))
    play.ended(1, EXPIRED)
    assert relay.exit_code == 0


def test_a_reply_of_the_bridges_own_does_not_count_as_success(relay, play):
    play.client(INITIALIZE)
    play.ended(-1, EXPIRED)
    assert answers_of(play.client(request(5, "ping"))) == [answer(5)]
    assert relay.exit_code == 11


def test_a_request_of_the_servers_does_not_count_as_success(relay, play):
    play.client(INITIALIZE)
    play.server(-1, notification("notifications/message"))
    play.ended(-1, EXPIRED)
    assert relay.exit_code == 11


def test_a_server_that_refuses_both_eras_has_answered_nothing(relay, play):
    assert report(TheirProtocolError) in refused_in_both_eras(play, INITIALIZE)
    assert relay.exit_code == 7


def test_a_failure_by_a_reply_is_logged_once_too(play):
    refused_in_both_eras(play, INITIALIZE)
    assert report(TheirProtocolError) not in refused_in_both_eras(play, INITIALIZE | {"id": 3})


def test_finding_out_the_era_is_not_a_failure(relay, play):
    play.client(request(1, "server/discover"))
    (told,) = answers_of(play.client(INITIALIZE))
    assert told["error"]["code"] == -32601
    assert relay.exit_code == 0


def test_replies_pass_unchanged(play):
    opened(play)
    play.client(request(1))
    assert play.server(1, answer(1, {"x": 1})) == [to_client(answer(1, {"x": 1}))]


class Silent:
    def from_client(self, told):
        return ()

    def ended(self, call, error):
        return ()


def test_without_a_request_nothing_has_failed():
    unattended = Headless(Silent())
    list(unattended.from_client(message(request(1))))
    list(unattended.ended(1, Unreachable("away")))
    assert unattended.exit_code == 0


def test_a_fault_of_the_bridge_itself_counts_as_a_failure(play, monkeypatch):
    class Reporting(Passthrough):
        @collected
        def woke(self, timer):
            yield Report(EXPIRED)

    relay = Headless(Reporting())
    assert Playbook(relay).woke("clock") == [report(TokenExpired)]
