"""A session that was opened again hears what the client had said to the one before."""

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
        """A request of the client's and its answer."""
        self.calls += 1
        assert self.play.client(value) == [to_server(self.calls, value, **VERSION)]
        assert self.play.server(self.calls, answer(value["id"])) == [to_client(answer(value["id"]))]
        self.play.ended(self.calls)

    def reopen(self):
        """The next request finds the session lost; what is said when the new one is open, without that request."""
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


def test_a_client_that_said_nothing_has_nothing_repeated(session):
    assert session.reopen() == []


def test_the_last_log_level_and_the_subscriptions_that_stand_are_said_again_in_their_order(session):
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


def test_only_what_was_wished_is_repeated_and_not_how(session):
    session.say(request(1, "resources/subscribe", uri="a:1", _meta={"progressToken": 5}))
    assert session.reopen() == [("resources/subscribe", {"uri": "a:1"})]


def test_a_lone_surrogate_is_said_again_as_it_was(session):
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
def test_the_answers_to_what_is_said_again_stay_here(session, told):
    session.say(level(1))
    session.reopen()
    own = "mcp-auth-bridge/logging/setLevel/1"
    assert session.play.server(session.calls, {"jsonrpc": "2.0", "id": own, **told}) == []
    assert session.play.ended(session.calls) == []


@pytest.mark.parametrize("error", [None, Unreachable("away"), LoginRequired("log in")])
def test_their_failures_stay_here_too(session, error):
    session.say(level(1))
    session.reopen()
    assert all(words[0] != "fail" for words in session.play.ended(session.calls, error))


def test_what_the_server_asks_or_tells_meanwhile_is_the_clients(session):
    session.say(level(1))
    session.reopen()
    for told in (notification("notifications/message"), request("s1", "ping")):
        assert session.play.server(session.calls, told) == [to_client(told)]


def test_a_new_initialize_starts_with_nothing_said(session):
    session.say(level(1))
    session.play.client({**INITIALIZE, "id": "again"})
    session.play.server(-3, answer("again", WELCOMED))
    session.play.client(INITIALIZED)
    assert session.play.ended(-4) == [*session_opened(**VERSION)]


def test_what_a_client_cancels_is_handed_on(session):
    session.play.client(subscribe(1, "a:1"))
    assert session.play.client(cancelled(1)) == [to_server(2, cancelled(1), **VERSION), ("hang up", 1)]
