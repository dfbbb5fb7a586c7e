"""`subscriptions/listen` in front of a legacy server."""

import json

import pytest
from era_models import check_for_modern_client
from modern_client import FAR, SERVER_KEY, TAG, modern
from relaying import (
    WELCOMED,
    Playbook,
    answer,
    cancelled,
    fail,
    in_words,
    notification,
    request,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import EraRefused, LimitExceeded, TheirProtocolError, Unreachable
from mcp_auth_bridge.relay.base import Fail, SessionOpened, collected
from mcp_auth_bridge.relay.legacy_server import LegacyServer
from mcp_auth_bridge.relay.listeners import Listeners
from mcp_auth_bridge.relay.passthrough import Passthrough

LISTS = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}
CAPABLE = {
    "tools": {"listChanged": True},
    "prompts": {"listChanged": True},
    "resources": {"listChanged": True, "subscribe": True},
}
TOOLS_CHANGED = notification("notifications/tools/list_changed")
A, B = "file:///a", "file:///b"


class Inner(Passthrough):
    """With a session that opens when it is told to."""

    @collected
    def woke(self, timer):
        if timer == "open":
            yield SessionOpened()


@pytest.fixture
def play():
    return listeners()


def listeners(capabilities=None):
    server = LegacyServer()
    server.learn(json.dumps({**WELCOMED, "capabilities": CAPABLE if capabilities is None else capabilities}).encode())
    return Playbook(Listeners(Inner(), server))


def listen(id_, uris=None, **wanted):
    more = {} if uris is None else {"resourceSubscriptions": uris}
    return modern(id_, "subscriptions/listen", notifications={**wanted, **more})


def acknowledged(id_, uris=None, **honoured):
    more = {} if uris is None else {"resourceSubscriptions": uris}
    notice = notification(
        "notifications/subscriptions/acknowledged", _meta={TAG: id_}, notifications={**honoured, **more}
    )
    check_for_modern_client(json.dumps(notice))
    return to_client(notice)


WAIT = wake("subscribing", 5.0)


def subscribe(number, uri, method="subscribe"):
    return request(f"mcp-auth-bridge/resources/{method}/{-number}", f"resources/{method}", uri=uri)


def subscribed(number, method="subscribe"):
    return answer(f"mcp-auth-bridge/resources/{method}/{-number}")


def refusal(number):
    return {"jsonrpc": "2.0", "id": subscribed(number)["id"], "error": {"code": -32602, "message": ""}}


def changed(id_, name="tools", **params):
    notice = notification(f"notifications/{name}/list_changed", **params, _meta={TAG: id_})
    check_for_modern_client(json.dumps(notice))
    return to_client(notice)


def updated(id_, uri):
    notice = notification("notifications/resources/updated", uri=uri, _meta={TAG: id_})
    check_for_modern_client(json.dumps(notice))
    return to_client(notice)


def update(uri):
    return notification("notifications/resources/updated", uri=uri)


def test_the_acknowledgement_comes_first_and_names_what_the_server_declared(play):
    assert play.client(listen(1, **LISTS)) == [acknowledged(1, **LISTS)]


@pytest.mark.parametrize(
    ("capabilities", "wanted", "honoured"),
    [
        ({}, LISTS, {}),
        ({"tools": {"listChanged": True}, "prompts": {}}, LISTS, {"toolsListChanged": True}),
        (CAPABLE, {"toolsListChanged": False, "promptsListChanged": 1}, {}),
        ({"resources": {}}, {"resourceSubscriptions": [A]}, {}),
        (CAPABLE, {"resourceSubscriptions": 5}, {}),
        (CAPABLE, {"resourceSubscriptions": [5]}, {"resourceSubscriptions": []}),
    ],
)
def test_what_was_not_asked_for_or_declared_is_not_honoured(capabilities, wanted, honoured):
    assert listeners(capabilities).client(listen(1, **wanted)) == [acknowledged(1, **honoured)]


def test_a_listener_that_asks_for_nothing_is_acknowledged(play):
    assert play.client(modern(1, "subscriptions/listen", notifications=5)) == [acknowledged(1)]


def test_changed_lists_are_told_to_those_who_listen_with_their_tag(play):
    play.client(listen(1, toolsListChanged=True), listen("two", **LISTS))
    assert play.stream(TOOLS_CHANGED) == [changed(1), changed("two")]
    assert play.stream(notification("notifications/prompts/list_changed")) == [changed("two", "prompts")]


def test_what_nobody_listens_to_is_silent(play):
    assert play.stream(TOOLS_CHANGED) == []
    assert play.stream(update(A)) == []
    assert play.stream(update(None)) == []


def test_other_notifications_pass(play):
    assert play.stream(notification("acme/news")) == [to_client(notification("acme/news"))]


def test_resources_are_subscribed_to_before_the_acknowledgement(play):
    assert play.client(listen(1, uris=[A, B, A])) == [
        to_server(1, subscribe(1, A)),
        to_server(2, subscribe(2, B)),
        WAIT,
    ]
    assert play.stream(update(A)) == []
    assert play.server(1, subscribed(1)) == []
    assert play.server(2, subscribed(2)) == [acknowledged(1, uris=[A, B])]
    assert play.stream(update(A)) == [updated(1, A)]


def test_a_resource_that_the_server_refuses_is_not_acknowledged(play):
    play.client(listen(1, uris=[A, B], toolsListChanged=True))
    play.server(1, refusal(1))
    assert play.server(2, subscribed(2)) == [acknowledged(1, uris=[B], toolsListChanged=True)]
    assert play.stream(update(A)) == []


def test_a_server_that_does_not_answer_in_time_is_taken_at_its_word(play):
    play.client(listen(1, uris=[A]))
    assert play.woke("subscribing") == [acknowledged(1, uris=[A])]
    assert play.stream(update(A)) == [updated(1, A)]
    assert play.server(1, subscribed(1)) == []
    assert play.woke("subscribing") == []


def test_a_resource_that_could_not_be_subscribed_to_is_not_acknowledged(play):
    play.client(listen(1, uris=[A]))
    assert play.ended(1, Unreachable("away")) == [acknowledged(1, uris=[])]


def test_two_listeners_share_one_subscription(play):
    play.client(listen(1, uris=[A]))
    assert play.client(listen(2, uris=[A])) == [WAIT]
    assert play.server(1, subscribed(1)) == [acknowledged(1, uris=[A]), acknowledged(2, uris=[A])]
    assert play.client(listen(3, uris=[A])) == [acknowledged(3, uris=[A])]
    assert play.stream(update(A)) == [updated(1, A), updated(2, A), updated(3, A)]
    assert play.client(cancelled(1)) == []
    assert play.client(cancelled(2)) == []
    assert play.client(cancelled(3)) == [to_server(2, subscribe(2, A, "unsubscribe"))]
    assert play.server(2, subscribed(2, "unsubscribe")) == []
    assert play.stream(update(A)) == []


def test_a_listener_that_is_cancelled_before_its_acknowledgement_gets_none(play):
    play.client(listen(1, uris=[A]))
    assert play.client(cancelled(1)) == [to_server(2, subscribe(2, A, "unsubscribe"))]
    assert play.server(1, subscribed(1)) == []


def test_a_refused_resource_is_asked_for_again_by_the_next_listener(play):
    play.client(listen(1, uris=[A]))
    play.server(1, refusal(1))
    assert play.client(listen(2, uris=[A])) == [to_server(2, subscribe(2, A)), WAIT]


def test_a_part_of_a_resource_belongs_to_it(play):
    play.client(listen(1, uris=[A]), listen(2, uris=[B]))
    play.server(1, subscribed(1))
    play.server(2, subscribed(2))
    assert play.stream(update(f"{A}/part")) == [updated(1, f"{A}/part")]
    assert play.stream(update(f"{A}bc")) == []


def test_other_requests_and_their_replies_pass(play):
    assert play.client(modern(1)) == [to_server(1, modern(1))]
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.client(modern(2)) == [to_server(2, modern(2))]
    assert play.ended(2, Unreachable("away")) == [fail(modern(2), Unreachable)]
    assert play.client(cancelled(7)) == [to_server(3, cancelled(7))]


def test_after_another_session_everything_may_have_changed(play):
    assert play.woke("open") == [("session opened",)]
    play.client(listen(1, uris=[A], promptsListChanged=True))
    play.server(1, subscribed(1))
    assert play.woke("open") == [("session opened",), changed(1, "prompts"), updated(1, A)]


def test_listening_is_limited(play):
    for number in range(100):
        play.client(listen(number))
    assert play.client(listen(100)) == [fail(listen(100), LimitExceeded)]


def test_the_resources_of_all_listeners_are_limited(play):
    play.client(listen(1, uris=[f"file:///{number}" for number in range(1000)]))
    assert play.client(listen(2, uris=[A])) == [fail(listen(2, uris=[A]), LimitExceeded)]
    assert play.client(listen(3, toolsListChanged=True)) == [WAIT, acknowledged(3, toolsListChanged=True)]


def test_a_change_of_the_era_ends_every_listener(play):
    class Refusing(Passthrough):
        @collected
        def from_client(self, message):
            yield Fail(message, EraRefused(TheirProtocolError("no")))

    play.client(listen(1, toolsListChanged=True))
    play.relay._inner = Refusing()
    end = answer(1, {"resultType": "complete", "_meta": {SERVER_KEY: FAR, TAG: 1}})
    check_for_modern_client(json.dumps(end), "subscriptions/listen")
    assert play.client(modern(2)) == [fail(modern(2), EraRefused), to_client(end)]
    assert in_words(play.relay.woke("open")) == []
