"""A subscription of MCP 2026-07-28 stays open, however often its stream breaks."""

import pytest
from relaying import Playbook, answer, cancelled, fail, hangup, notification, request, to_client, to_server, wake

from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.errors import AccessDenied, LoginRequired, OutcomeUnknown, Unreachable, UpstreamFailed
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.modern import Modern
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.subscriptions import METHOD, Subscriptions

TIMER = f"{METHOD} 1"
WANTED = {"toolsListChanged": True, "promptsListChanged": False, "resourceSubscriptions": ["file:///a", "file:///b"]}
PASSING = [None, Unreachable("away"), OutcomeUnknown("cut"), *(UpstreamFailed("…", status=n) for n in (404, 429, 503))]
LASTING = [LoginRequired("log in"), AccessDenied("no"), UpstreamFailed("…", status=400)]


@pytest.fixture
def play():
    return Playbook(Subscriptions(Passthrough()))


def listen(id_="l", **wanted):
    return request(id_, METHOD, notifications=wanted or WANTED)


def of_subscription(method, id_="l", **params):
    return notification(method, _meta={"io.modelcontextprotocol/subscriptionId": id_}, **params)


ACKNOWLEDGED = of_subscription("notifications/subscriptions/acknowledged")
CHANGED = of_subscription("notifications/tools/list_changed")


def opened(play):
    assert play.client(listen()) == [to_server(1, listen())]
    assert play.server(1, ACKNOWLEDGED) == [to_client(ACKNOWLEDGED)]


def reopened(play, pause=1.0):
    assert play.ended(1) == [wake(TIMER, pause)]
    assert play.woke(TIMER) == [to_server(1, listen())]


def test_messages_of_the_stream_are_relayed(play):
    opened(play)
    assert play.server(1, CHANGED) == [to_client(CHANGED)]


@pytest.mark.parametrize("error", PASSING)
def test_a_stream_that_broke_is_opened_again_after_a_pause(play, error):
    opened(play)
    assert play.ended(1, error) == [wake(TIMER, 1.0)]
    assert play.woke(TIMER) == [to_server(1, listen())]


def test_pauses_double_up_to_half_a_minute_until_the_stream_is_there(play):
    opened(play)
    for pause in (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0):
        reopened(play, pause)
    play.server(1, ACKNOWLEDGED)
    reopened(play, 1.0)


def test_a_server_that_asks_for_a_pause_gets_it(play):
    opened(play)
    assert play.ended(1, UpstreamFailed("…", status=429, retry_after=9.0)) == [wake(TIMER, 9.0)]


def test_after_a_break_the_client_hears_once_that_all_it_listens_to_may_have_changed(play):
    opened(play)
    reopened(play)
    assert play.server(1, ACKNOWLEDGED) == [
        to_client(CHANGED),
        to_client(of_subscription("notifications/resources/updated", uri="file:///a")),
        to_client(of_subscription("notifications/resources/updated", uri="file:///b")),
    ]
    assert play.server(1, CHANGED) == [to_client(CHANGED)]


def test_every_list_is_named(play):
    wanted = listen(toolsListChanged=True, promptsListChanged=True, resourcesListChanged=True)
    play.client(wanted)
    play.server(1, ACKNOWLEDGED)
    play.ended(1)
    play.woke(TIMER)
    methods = [told["method"] for _, told in play.server(1, ACKNOWLEDGED)]
    assert methods == [f"notifications/{name}/list_changed" for name in ("tools", "prompts", "resources")]


@pytest.mark.parametrize("wanted", [None, 5, [], "x", {"resourceSubscriptions": 5}, {"resourceSubscriptions": "ab"}])
def test_a_client_without_valid_filters_is_told_nothing(play, wanted):
    play.client(request("l", METHOD, notifications=wanted))
    play.server(1, ACKNOWLEDGED)
    play.ended(1)
    play.woke(TIMER)
    assert play.server(1, ACKNOWLEDGED) == []


@pytest.mark.parametrize("error", LASTING)
def test_a_permanent_failure_ends_the_subscription(play, error):
    opened(play)
    assert play.ended(1, error) == [fail(listen(), type(error))]
    assert play.woke(TIMER) == []


@pytest.mark.parametrize("error", [*PASSING, *LASTING])
def test_a_stream_that_was_never_acknowledged_fails(play, error):
    play.client(listen())
    assert play.ended(1, error) == [fail(listen(), type(error or OutcomeUnknown("…")))]
    assert play.woke(TIMER) == []


def test_a_reopening_that_fails_for_good_is_the_end(play):
    opened(play)
    reopened(play)
    assert play.ended(1, LASTING[0]) == [fail(listen(), LoginRequired)]


def test_a_result_ends_the_subscription(play):
    opened(play)
    assert play.server(1, answer("l")) == [to_client(answer("l"))]
    assert play.ended(1) == []


def test_a_reply_to_another_request_does_not_end_it(play):
    opened(play)
    assert play.server(1, answer("m")) == []
    reopened(play)


def test_cancelling_hangs_up(play):
    opened(play)
    assert play.client(cancelled("l"))[-1] == hangup(1)
    assert play.ended(1) == []


def test_cancelling_while_it_waits_to_be_opened_again_is_the_end(play):
    opened(play)
    play.ended(1, Unreachable("away"))
    assert play.client(cancelled("l"))[-1] == hangup(1)
    assert play.woke(TIMER) == []


def test_the_id_stays_in_use_while_the_stream_is_away(play):
    opened(play)
    play.ended(1)
    ((word, *_),) = play.client(listen())
    assert word == "fail"


def test_two_subscriptions_break_and_return_each_for_itself(play):
    opened(play)
    play.client(listen("m"))
    play.server(2, of_subscription(ACKNOWLEDGED["method"], "m"))
    assert play.ended(2) == [wake(f"{METHOD} 2", 1.0)]
    reopened(play)
    assert play.woke(f"{METHOD} 2") == [to_server(2, listen("m"))]


def test_other_requests_and_timers_are_passed_on(play):
    assert play.client(request(1)) == [to_server(1, request(1))]
    assert play.ended(1, Unreachable("away")) == [fail(request(1), Unreachable)]
    assert play.woke("deadline") == []
    assert play.woke(f"{METHOD} 9") == []


def test_in_the_whole_modern_stack_it_returns_with_its_headers_and_without_a_clock():
    play = Playbook(Subscriptions(Modern(Delivery(Passthrough(), RelaySettings()))))
    headers = {"mcp-method": METHOD}
    assert play.client(listen()) == [to_server(1, listen(), **headers)]
    ((_, again, _),) = play.ended(1, Unreachable("away"))
    assert play.woke(again) == [to_server(1, listen(), **headers)]
    play.server(1, ACKNOWLEDGED)
    assert play.ended(1, OutcomeUnknown("cut")) == [wake(TIMER, 1.0)]
    assert play.woke(TIMER) == [to_server(1, listen(), **headers)]
    assert play.client(cancelled("l")) == [hangup(1)]
