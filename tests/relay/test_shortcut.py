"""The way past idle relays: what is passed by, what is looked at, and when the way is closed."""

import pytest
from relaying import (
    Living,
    Playbook,
    answer,
    fail,
    note,
    notification,
    remember,
    request,
    session_opened,
    to_client,
    to_server,
)

from mcp_auth_bridge.errors import Unreachable
from mcp_auth_bridge.relay.base import (
    Fail,
    Note,
    Occasional,
    OpenStream,
    Remember,
    SessionOpened,
    ToClient,
    ToServer,
    collected,
)
from mcp_auth_bridge.relay.list_results import changed
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.replies import notification as notice
from mcp_auth_bridge.relay.replies import request as asked
from mcp_auth_bridge.relay.shortcut import Shortcut


class Passing(Occasional):
    """Notes each sequence of actions that it looks at. `idle` is set by the test."""

    idle = True

    @property
    def is_idle(self):
        return self.idle

    @collected
    def _review(self, actions):
        yield Note("seen")
        yield from actions


class Doing(Living):
    """Does anything, in place of an answer to `do`."""

    def __init__(self):
        super().__init__()
        self.actions = {
            "fail": Fail(asked("ping", {}, 1), Unreachable("away")),
            "remember": Remember("initialize", b"{}"),
            "open": SessionOpened(),
            "stream": OpenStream(),
            "initialize": ToServer(-1, asked("initialize", {}, 1)),
            "ask": ToClient(asked("roots/list", {}, 1)),
            "change": ToClient(changed("tools")),
            "tell": ToClient(notice("notifications/message", {})),
        }

    def woke(self, timer):
        return [self.actions[timer]]

    def ended(self, call, error):
        return [self.actions[error.message]] if error is not None else super().ended(call, error)


@pytest.fixture
def play():
    return Playbook(Shortcut(Doing(), Passing))


@pytest.mark.parametrize("method", ["completion/complete", "prompts/get", "resources/read", "tools/call"])
def test_a_call_its_reply_and_its_end_pass_idle_relays_by(play, method):
    assert play.client(request(1, method)) == [to_server(1, request(1, method))]
    assert play.alive(1) == [note("alive: 1")]
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.ended(1) == []


@pytest.mark.parametrize("value", [request(1, "tools/list"), request(1, "initialize"), notification("n")])
def test_any_other_message_of_the_client_passes_through_them(play, value):
    assert play.client(value) == [note("seen"), to_server(1, value)]


@pytest.mark.parametrize("what", ["tell", "stream"])
def test_an_action_that_concerns_none_of_them_passes_them_by(play, what):
    assert note("seen") not in play.ended(1, Unreachable(what))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("fail", fail({"jsonrpc": "2.0", "id": 1, "method": "ping"}, Unreachable)),
        ("remember", remember("initialize", {})),
        ("open", session_opened()[1]),
    ],
)
def test_an_action_that_may_concern_one_is_shown_to_all(play, what, words):
    found, action = play.ended(1, Unreachable(what))
    assert found == note("seen")
    assert action[0] == words[0]


@pytest.mark.parametrize("what", ["initialize", "ask", "change"])
def test_so_is_a_message_that_may_concern_one(play, what):
    assert play.ended(1, Unreachable(what))[0] == note("seen")


def test_each_relay_sees_the_actions_of_the_one_within(play):
    play.relay = Shortcut(Doing(), Passing, Passing)
    assert play.ended(1, Unreachable("open")) == [note("seen"), note("seen"), session_opened()[1]]


def test_timers_always_pass_through_them(play):
    assert play.woke("tell")[0] == note("seen")


def test_the_way_is_closed_while_one_is_not_idle_and_open_again_afterwards(play, monkeypatch):
    monkeypatch.setattr(Passing, "idle", False)
    play.client(notification("n"))
    assert play.client(request(1))[0] == note("seen")
    assert play.alive(2)[0] == note("seen")
    assert play.server(2, answer(1))[0] == note("seen")
    monkeypatch.setattr(Passing, "idle", True)
    assert play.ended(2, Unreachable("tell"))[0] == note("seen")
    assert note("seen") not in play.ended(2, Unreachable("tell"))


def test_after_an_exception_the_way_is_closed_until_a_message_has_passed(play):
    play.relay._core.actions.clear()
    with pytest.raises(KeyError):
        play.woke("open")
    assert play.client(request(1)) == [note("seen"), to_server(1, request(1))]
    assert play.client(request(2)) == [to_server(2, request(2))]


def test_without_relays_between_the_way_is_open():
    play = Playbook(Shortcut(Passthrough()))
    assert play.client(request(1)) == [to_server(1, request(1))]
