"""A session that replaces a lost one gets the log level and the subscriptions of the client again."""

import pytest
from relaying import (
    INITIALIZE,
    INITIALIZED,
    VERSION,
    WELCOMED,
    Playbook,
    answer,
    cancelled,
    notification,
    request,
    session_opened,
    to_client,
    to_server,
)

from mcp_auth_bridge.errors import LoginRequired, SessionLost, Unreachable
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.session_replay import SessionReplay


class Session:
    """A session in front of the relay under test, opened, lost and opened again."""

    def __init__(self):
        self.play = Playbook(SessionReplay(LegacySession(Passthrough())))
        self.own = 0
        self.calls = 0
        self.play.client(INITIALIZE)
        self.play.server(-1, answer(0, WELCOMED))
        self.play.client(INITIALIZED)
        assert self.play.ended(-2) == [*session_opened(**VERSION)]

    def say(self, value):
        """A request of the client's and its reply."""
        self.calls += 1
        assert self.play.client(value) == [to_server(self.calls, value, **VERSION)]
        assert self.play.server(self.calls, answer(value["id"])) == [to_client(answer(value["id"]))]
        self.play.ended(self.calls)

    def reopen(self):
        """Let the next request lose the session. Returns the requests that are repeated in the new one."""
        lost = request("lost", "tools/list")
        self.play.client(lost)
        self.calls += 1
        self.own -= 2
        self.play.ended(self.calls, SessionLost("lost"))
        self.play.server(self.own - 1, answer(0, WELCOMED))
        stream, opened, *said, again = self.play.ended(self.own - 2)
        assert (stream, opened) == session_opened(**VERSION)
        assert again == to_server(self.calls, lost, **VERSION)
        self.play.server(self.calls, answer("lost"))
        said_calls = [words[1] for words in said]
        self.calls += len(said)
        assert said_calls == list(range(self.calls - len(said) + 1, self.calls + 1))
        return [(words[2]["method"], words[2]["params"]) for words in said]


@pytest.fixture
def session():
    return Session()


def level(id_, word="debug"):
    return request(id_, "logging/setLevel", level=word)


def subscribe(id_, uri):
    return request(id_, "resources/subscribe", uri=uri)


def unsubscribe(id_, uri):
    return request(id_, "resources/unsubscribe", uri=uri)


def test_without_a_level_and_subscriptions_nothing_is_repeated(session):
    assert session.reopen() == []


def test_the_last_log_level_and_the_subscriptions_in_force_are_repeated_in_their_order(session):
    for told in (
        level(1, "info"),
        subscribe(2, "b:1"),
        subscribe(3, "a:1"),
        subscribe(4, "c:1"),
        subscribe(5, "b:1"),
        unsubscribe(6, "c:1"),
        unsubscribe(7, "x:1"),
        level(8, "error"),
    ):
        session.say(told)
    said = [
        ("logging/setLevel", {"level": "error"}),
        ("resources/subscribe", {"uri": "b:1"}),
        ("resources/subscribe", {"uri": "a:1"}),
    ]
    assert session.reopen() == said
    assert session.reopen() == said


def test_a_repeated_request_has_no_metadata(session):
    session.say(request(1, "resources/subscribe", uri="a:1", _meta={"progressToken": 5}))
    assert session.reopen() == [("resources/subscribe", {"uri": "a:1"})]


def test_a_lone_surrogate_is_repeated_unchanged(session):
    session.say(subscribe(1, "a:\ud800"))
    assert session.reopen() == [("resources/subscribe", {"uri": "a:\ud800"})]


@pytest.mark.parametrize("params", [{}, {"uri": 5}, {"uri": None}, {"uri": []}])
def test_a_subscription_to_nothing_is_not_repeated(session, params):
    session.say(request(1, "resources/subscribe", **params))
    session.say(request(2, "resources/unsubscribe", **params))
    assert session.reopen() == []


def test_a_notification_of_that_name_sets_nothing(session):
    session.play.client(notification("logging/setLevel", level="debug"))
    session.calls += 1
    assert session.reopen() == []


@pytest.mark.parametrize(
    "told",
    [
        {"result": {}},
        {"error": {"code": -32601, "message": "no"}},
    ],
)
def test_replies_to_repeated_requests_are_not_relayed(session, told):
    session.say(level(1))
    session.reopen()
    own = "mcp-auth-bridge/logging/setLevel/1"
    assert session.play.server(session.calls, {"jsonrpc": "2.0", "id": own, **told}) == []
    assert session.play.ended(session.calls) == []


@pytest.mark.parametrize("error", [None, Unreachable("away"), LoginRequired("log in")])
def test_failures_of_repeated_requests_are_not_relayed(session, error):
    session.say(level(1))
    session.reopen()
    assert all(words[0] != "fail" for words in session.play.ended(session.calls, error))


def test_requests_and_notifications_of_the_server_are_relayed_meanwhile(session):
    session.say(level(1))
    session.reopen()
    for told in (notification("notifications/message"), request("s1", "ping")):
        assert session.play.server(session.calls, told) == [to_client(told)]


def test_after_a_new_initialize_nothing_is_repeated(session):
    session.say(level(1))
    session.play.client({**INITIALIZE, "id": "again"})
    session.play.server(-3, answer("again", WELCOMED))
    session.play.client(INITIALIZED)
    assert session.play.ended(-4) == [*session_opened(**VERSION)]


def test_a_cancellation_is_passed_on(session):
    session.play.client(subscribe(1, "a:1"))
    assert session.play.client(cancelled(1)) == [to_server(2, cancelled(1), **VERSION), ("hang up", 1)]


def test_the_replies_to_repeated_requests_are_an_occasion(session):
    session.say(level(1))
    assert session.play.relay.is_idle
    session.reopen()
    assert not session.play.relay.is_idle
    session.play.server(session.calls, answer(1))
    assert not session.play.relay.is_idle
