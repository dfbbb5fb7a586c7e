"""The client's opening, in either era: the server's own reply if it comes in time, else one in its place."""

import json

import pytest
from relaying import (
    Playbook,
    answer,
    cancelled,
    fail,
    remember,
    request,
    sizes,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import AccessDenied, LoginRequired, OurProtocolError, Unreachable, UpstreamFailed
from mcp_auth_bridge.relay.base import Remember, collected
from mcp_auth_bridge.relay.early_opening import QUICK, EarlyOpening
from mcp_auth_bridge.relay.list_results import COMPLETE
from mcp_auth_bridge.relay.passthrough import Passthrough

DISCOVERED = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, **COMPLETE}
INITIALIZED = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}, "prompts": {}}}
MEMORY = {"server/discover": json.dumps(DISCOVERED).encode()}
OPENING = request("o", "server/discover")
MADE_UP = {"capabilities": {"tools": {}, "prompts": {}}}
TIMER = "early server/discover"


class Opening(EarlyOpening):
    method = "server/discover"

    def _patience(self, opening):
        return 9.0

    def _result(self, opening):
        return MADE_UP


def playing(memory=None):
    return Playbook(Opening(Passthrough(), "acme", memory or {}))


@pytest.fixture
def play():
    return playing()


def made_up(play):
    """The client is answered in the server's place, whose own reply is still to come."""
    play.client(OPENING)
    assert play.woke(TIMER) == [to_client(answer("o", MADE_UP))]
    return play


def told_truth(play, result=DISCOVERED):
    return play.server(1, {**answer("o"), "result": result})


# The reply


def test_a_server_that_answers_in_time_is_quoted(play):
    assert play.client(OPENING) == [wake(TIMER, 9.0), to_server(1, OPENING)]
    assert told_truth(play) == [remember("server/discover", DISCOVERED), to_client(answer("o", DISCOVERED))]
    assert play.woke(TIMER) == []


@pytest.mark.parametrize("known", ["server/discover", "initialize"])
def test_a_remembered_server_has_a_moment(known):
    assert playing({known: b'{"x":1}'}).client(OPENING)[0] == wake(TIMER, QUICK)


@pytest.mark.parametrize("known", [b"", b"{}", b"5"])
def test_a_strange_memory_is_not_a_memory(known):
    assert playing({"initialize": known}).client(OPENING)[0] == wake(TIMER, 9.0)


def test_a_late_reply_is_dropped_and_remembered(play):
    made_up(play)
    assert told_truth(play) == [remember("server/discover", DISCOVERED)]


ERRORS = [
    LoginRequired("log in"),
    Unreachable("no route"),
    AccessDenied("no"),
    OurProtocolError("no"),
    UpstreamFailed("…", status=503),
]


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_answered_in_the_servers_place_at_once(play, error):
    play.client(OPENING)
    assert play.ended(1, error) == [to_client(answer("o", MADE_UP))]
    assert play.woke(TIMER) == []


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_after_the_reply_is_dropped(play, error):
    assert made_up(play).ended(1, error) == []


def test_an_error_reply_in_time_is_the_servers_own(play):
    refusal = {"jsonrpc": "2.0", "id": "o", "error": {"code": -32022, "message": "no"}}
    play.client(OPENING)
    assert play.server(1, refusal) == [to_client(refusal)]
    assert play.woke(TIMER) == []


def test_a_second_opening_at_the_same_time_is_the_servers_to_answer(play):
    play.client(OPENING)
    again = request("p", "server/discover")
    assert play.client(again) == [to_server(2, again)]
    assert play.ended(2, OurProtocolError("no")) == [fail(again, OurProtocolError)]
    assert play.woke(TIMER) == [to_client(answer("o", MADE_UP))]


def test_a_cancelled_probe_gets_no_reply(play):
    play.client(OPENING)
    play.client(cancelled("o"))
    assert play.woke(TIMER) == []


def test_a_reply_keeps_the_spelling_of_the_id(play):
    play.client(b'{"id":1.0,"method":"server/discover"}')
    (action,) = play.relay.woke(TIMER)
    assert action.message.id == b"1.0"
    assert b'"id":1.0,' in action.message.raw


# What is remembered


@pytest.mark.parametrize("result", [5, [], None, "x", {}, {"supportedVersions": ["2025-11-25"]}])
def test_a_strange_result_is_relayed_and_not_remembered(play, result):
    play.client(OPENING)
    assert told_truth(play, result) == [to_client({**answer("o"), "result": result})]


def test_an_unchanged_result_is_not_remembered_again():
    play = playing(MEMORY)
    play.client(OPENING)
    assert told_truth(play) == [to_client(answer("o", DISCOVERED))]


def test_what_the_server_says_in_the_other_era_is_remembered_too(play):
    play.client(request("i", "initialize"))
    assert play.server(1, answer("i", INITIALIZED)) == [
        remember("initialize", INITIALIZED),
        to_client(answer("i", INITIALIZED)),
    ]


class Translating(Passthrough):
    """Remembers an opening by itself, as the translator of a modern server does."""

    @collected
    def woke(self, timer):
        yield Remember("initialize", json.dumps(INITIALIZED).encode())
        yield Remember("tools/list", b'{"tools":[]}')


def test_what_a_translator_makes_of_the_servers_words_is_remembered_once():
    play = Playbook(Opening(Translating(), "acme", {}))
    assert play.woke("any") == [remember("initialize", INITIALIZED), remember("tools/list", {"tools": []})]
    assert play.woke("any") == [remember("tools/list", {"tools": []})]


def test_nothing_is_kept_of_an_opening_that_has_ended(play):
    play.client(OPENING)
    told_truth(play)
    play.ended(1)
    assert sizes(play.relay) == {"_memory": 1}


def test_a_reply_to_another_request_says_nothing_of_the_server(play):
    play.client(request(1))
    assert play.server(1, answer(1, DISCOVERED)) == [to_client(answer(1, DISCOVERED))]


# Lists that were promised

PROMPTS = request(1, "prompts/list")
REFUSED = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no"}}


def test_a_promised_list_that_the_server_does_not_have_is_empty(play):
    made_up(play)
    told_truth(play)
    assert play.client(PROMPTS) == [to_client(answer(1, {"prompts": []}))]
    assert play.client(request(2, "tools/list")) == [to_server(2, request(2, "tools/list"))]


def test_it_is_empty_also_if_the_client_has_asked_before_the_truth_was_known(play):
    made_up(play)
    play.client(PROMPTS)
    told_truth(play)
    assert play.server(2, REFUSED) == [to_client(answer(1, {"prompts": []}))]


def test_a_list_that_the_server_does_give_is_given(play):
    made_up(play)
    play.client(PROMPTS)
    told_truth(play)
    assert play.server(2, answer(1, {"prompts": [1]})) == [to_client(answer(1, {"prompts": [1]}))]


def test_the_refusal_of_a_list_that_the_server_has_declared_is_its_own(play):
    made_up(play)
    play.client(PROMPTS)
    told_truth(play, {**DISCOVERED, **INITIALIZED})
    assert play.server(2, REFUSED) == [to_client(REFUSED)]


def test_the_refusal_of_a_list_that_nobody_promised_is_the_servers_own(play):
    play.client(OPENING)
    told_truth(play)
    assert play.client(PROMPTS) == [to_server(2, PROMPTS)]
    assert play.server(2, REFUSED) == [to_client(REFUSED)]


def test_a_promised_list_that_fails_or_is_cancelled_is_forgotten(play):
    made_up(play)
    play.client(PROMPTS)
    assert play.ended(2, Unreachable("away")) == [fail(PROMPTS, Unreachable)]
    play.client(PROMPTS, cancelled(1), request(1))
    assert play.server(5, REFUSED) == [to_client(REFUSED)]


def test_everything_else_passes(play):
    call = request(7, name="x")
    assert play.client(call) == [to_server(1, call)]
    assert play.server(1, answer(7)) == [to_client(answer(7))]
    assert play.woke("another") == []


def test_it_has_nothing_to_do_once_the_opening_is_over(play):
    assert play.relay.is_idle
    play.client(OPENING)
    assert not play.relay.is_idle
    told_truth(play)
    assert not play.relay.is_idle
    play.ended(1)
    assert play.relay.is_idle


def test_a_list_that_relies_on_a_promise_is_an_occasion(play):
    made_up(play)
    told_truth(play)
    play.ended(1)
    assert play.relay.is_idle
    play.client(request(1, "tools/list"))
    assert not play.relay.is_idle
    play.server(2, answer(1))
    assert play.relay.is_idle
