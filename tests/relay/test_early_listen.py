"""A modern client's subscription stays open while the server is away, and gets the list changes of the bridge."""

import pytest
from mcp_types import _v2026_07_28 as modern
from relaying import Playbook, answer, cancelled, fail, hangup, notification, request, to_client, to_server, wake

from mcp_auth_bridge.errors import AccessDenied, LoginRequired, OutcomeUnknown, Unreachable, UpstreamFailed
from mcp_auth_bridge.relay.base import ToClient, collected
from mcp_auth_bridge.relay.early_listen import AGAIN, EarlyListen
from mcp_auth_bridge.relay.list_results import CAPABILITIES, changed
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.remembered_lists import RememberedLists
from mcp_auth_bridge.relay.subscriptions import METHOD

NO_LOGIN = LoginRequired("log in")
PASSING = [NO_LOGIN, Unreachable("no route"), OutcomeUnknown("cut"), UpstreamFailed("…", status=503)]
WANTED = {"toolsListChanged": True, "promptsListChanged": False, "resourceSubscriptions": ["file:///a"]}


@pytest.fixture
def play():
    return Playbook(EarlyListen(Telling()))


def listen(id_="l", wanted=WANTED):
    return request(id_, METHOD, notifications=wanted)


def of_subscription(method, id_="l", **params):
    return notification(method, **params, _meta={"io.modelcontextprotocol/subscriptionId": id_})


def acknowledged(id_="l", wanted=WANTED):
    return of_subscription("notifications/subscriptions/acknowledged", id_, notifications=wanted)


TOOLS_CHANGED = of_subscription("notifications/tools/list_changed")
UPDATED = of_subscription("notifications/resources/updated", uri="file:///a")


class Telling(Passthrough):
    """Tells by itself, as the relay of remembered lists does, that a list has changed: it names no subscription."""

    @collected
    def woke(self, timer):
        yield from [ToClient(changed(timer))] if timer in CAPABILITIES else []


def same(actions, *messages):
    """Whether `actions` write these messages, whatever the order of their members."""
    return actions == [to_client(told) for told in messages]


def test_a_subscription_that_the_server_makes_is_the_servers(play):
    assert play.client(listen()) == [to_server(1, listen())]
    assert same(play.server(1, acknowledged()), acknowledged())
    assert same(play.server(1, TOOLS_CHANGED), TOOLS_CHANGED)
    assert play.server(1, answer("l")) == [to_client(answer("l"))]


@pytest.mark.parametrize("error", PASSING)
def test_while_it_cannot_be_made_the_bridge_acknowledges_it(play, error):
    play.client(listen())
    assert play.ended(1, error) == [to_client(acknowledged()), wake(AGAIN, 1.0)]
    modern.SubscriptionsAcknowledgedNotification.model_validate(acknowledged())
    assert play.woke(AGAIN) == [to_server(2, listen())]


def test_once_the_server_makes_it_the_client_hears_what_it_may_have_missed(play):
    play.client(listen())
    play.ended(1, NO_LOGIN)
    play.woke(AGAIN)
    assert same(play.server(2, acknowledged()), TOOLS_CHANGED, UPDATED)
    assert same(play.server(2, UPDATED), UPDATED)


def test_attempts_grow_rare_while_the_server_is_away(play):
    play.client(listen())
    pauses = []
    for call in range(1, 5):
        pauses.append(play.ended(call, Unreachable("no route"))[-1])
        play.woke(AGAIN)
    assert pauses == [wake(AGAIN, seconds) for seconds in (1.0, 2.0, 4.0, 8.0)]
    play.server(5, acknowledged())
    assert play.ended(5, Unreachable("no route")) == [wake(AGAIN, 1.0)]


def test_a_server_that_asks_for_a_pause_gets_it(play):
    play.client(listen())
    assert play.ended(1, UpstreamFailed("…", status=429, retry_after=9.0))[-1] == wake(AGAIN, 9.0)


def test_several_subscriptions_are_made_together(play):
    play.client(listen("a"), listen("b"))
    assert play.ended(1, NO_LOGIN)[-1] == wake(AGAIN, 1.0)
    assert play.ended(2, NO_LOGIN) == [to_client(acknowledged("b"))]
    assert play.woke(AGAIN) == [to_server(3, listen("a")), to_server(4, listen("b"))]


def test_a_server_that_is_there_again_is_asked_at_once(play):
    play.client(listen())
    play.ended(1, Unreachable("no route"))
    assert play.woke("tools") == [to_client(TOOLS_CHANGED), to_server(2, listen())]
    assert play.woke(AGAIN) == []


def test_changes_that_the_bridge_tells_of_go_to_those_who_asked_for_them(play):
    play.client(listen("a"), listen("b", {"promptsListChanged": True}), listen("c", None))
    play.server(1, acknowledged("a"))
    assert play.woke("tools") == [to_client(of_subscription("notifications/tools/list_changed", "a"))]
    assert play.woke("prompts") == [
        to_client(acknowledged("b", {"promptsListChanged": True})),
        to_client(of_subscription("notifications/prompts/list_changed", "b")),
    ]


def test_a_change_that_nobody_asked_for_is_not_told(play):
    assert play.woke("tools") == []


def test_a_permanent_failure_ends_the_subscription(play):
    play.client(listen())
    assert play.ended(1, AccessDenied("no")) == [fail(listen(), AccessDenied)]
    assert play.woke("tools") == []


def test_a_cancelled_subscription_ends_wherever_it_is(play):
    play.client(listen("a"), listen("b"))
    play.ended(1, NO_LOGIN)
    assert play.client(cancelled("a")) == []
    assert play.client(cancelled("b"))[-1] == hangup(2)
    assert play.woke(AGAIN) == []
    assert play.client(cancelled("gone"))[-1][0] == "to server"


def test_a_second_subscription_with_the_same_id_is_refused_alone(play):
    play.client(listen())
    assert play.client(listen())[0][0] == "fail"
    assert same(play.server(1, acknowledged()), acknowledged())


@pytest.mark.parametrize("meta", [None, 5, {}, {"io.modelcontextprotocol/subscriptionId": []}])
def test_an_acknowledgement_of_no_subscription_passes(play, meta):
    play.client(listen())
    odd = notification("notifications/subscriptions/acknowledged", _meta=meta)
    assert same(play.server(1, odd), odd)


def test_everything_else_passes(play):
    call = request(7, name="x")
    assert play.client(call) == [to_server(1, call)]
    assert play.ended(1, NO_LOGIN) == [fail(call, LoginRequired)]
    assert play.woke("another") == []


def test_with_the_lists_the_client_hears_of_a_server_that_came_back():
    play = Playbook(EarlyListen(RememberedLists(Passthrough(), {})))
    play.client(request("d", "server/discover"))
    play.server(1, answer("d", {"capabilities": {"tools": {}}}))
    play.client(listen(), request(1, "tools/list"))
    play.ended(2, Unreachable("no route"))
    play.ended(3, Unreachable("no route"))
    ((_, call, sent, _),) = play.woke("list again")
    told = play.server(call, answer(sent["id"], {"tools": [{"name": "add"}]}))
    assert told[1:] == [to_client(TOOLS_CHANGED), to_server(call + 1, listen())]


def test_a_subscription_is_an_occasion_as_long_as_it_is_open(play):
    assert play.relay.is_idle
    play.client(listen())
    assert not play.relay.is_idle
    play.server(1, answer("l"))
    assert play.relay.is_idle
