"""A tool call that lacks a login is held while the user logs in, and is made then; all else fails as before."""

import json

import pytest
from relaying import (
    INITIALIZE,
    SIGN_IN,
    Playbook,
    answer,
    cancelled,
    fail,
    in_words,
    note,
    notification,
    request,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import LoginRequired, OurProtocolError, OutcomeUnknown, StepUpRequired, Unreachable
from mcp_auth_bridge.relay.base import Fail, Note, collected
from mcp_auth_bridge.relay.call_numbers import SIGN_IN as SIGN_IN_CALL
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.relay.login_offer import announcement
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.replies import failure
from mcp_auth_bridge.relay.signing_in import SigningIn

MISSING = LoginRequired("a login to far is needed: there is no stored login", "run: mcp-auth-bridge login far")
TICK = ("signing in", 5.0)


@pytest.fixture
def play():
    return Playbook(SigningIn(Passthrough(), "far"))


def held(play, id_=1, call=1, **params):
    """Make calls that the server refuses, and that are held now."""
    play.client(request(id_, **params))
    return play.ended(call, MISSING)


def progress(token, value):
    text = "waiting for a login to far in the browser"
    return to_client(notification("notifications/progress", progressToken=token, progress=value, message=text))


def text_of(actions):
    [action] = actions
    assert isinstance(action, Fail)
    return failure(action.request, action.error).raw.decode()


@pytest.mark.parametrize("error", [MISSING, StepUpRequired("it lacks a permission", "run: x")])
def test_a_call_without_a_login_is_held_and_a_login_starts(play, error):
    play.client(request(1))
    assert play.ended(1, error) == [SIGN_IN, wake(*TICK)]


@pytest.mark.parametrize("method", ["tools/list", "resources/read", "prompts/get", "initialize", "ping"])
def test_only_a_tool_call_starts_a_login(play, method):
    play.client(request(1, method))
    assert play.ended(1, MISSING) == [fail(request(1, method), LoginRequired)]


@pytest.mark.parametrize("error", [Unreachable("away"), OutcomeUnknown("cut")])
def test_another_failure_of_a_call_does_not_start_a_login(play, error):
    play.client(request(1))
    assert play.ended(1, error) == [fail(request(1), type(error))]


def test_one_login_runs_at_a_time(play):
    assert held(play, 1, 1) == [SIGN_IN, wake(*TICK)]
    assert held(play, 2, 2) == []


def test_after_the_login_every_held_call_is_made_and_answered_once(play):
    held(play, 1, 1)
    held(play, "b", 2)
    assert play.ended(SIGN_IN_CALL) == [to_server(3, request(1)), to_server(4, request("b"))]
    assert play.server(3, answer(1, {"ok": 1})) == [to_client(answer(1, {"ok": 1}))]
    assert play.server(3, answer(1)) == []
    assert play.ended(4, OutcomeUnknown("cut")) == [fail(request("b"), OutcomeUnknown)]


def test_a_login_that_did_not_help_is_not_started_again_by_the_same_call(play):
    held(play)
    play.ended(SIGN_IN_CALL)
    assert play.ended(2, MISSING) == [fail(request(1), LoginRequired)]
    assert held(play, 2, 3) == [SIGN_IN]  # its clock still ticks


def test_a_failed_login_is_told_with_its_reason_and_a_hint(play):
    held(play)
    told = text_of(play.relay.ended(SIGN_IN_CALL, LoginRequired("the person said no", "never seen")))
    assert "A login to far is needed: there is no stored login; the person said no." in told
    assert "Run: mcp-auth-bridge login far" in told
    assert "Then call this tool again." in told
    assert '"isError":true' in told


def test_after_a_failed_login_the_next_call_starts_another(play):
    held(play)
    play.ended(SIGN_IN_CALL, Unreachable("away"))
    assert held(play, 2, 2)[0] == SIGN_IN


def test_a_call_is_held_for_45_seconds_and_then_answered_while_the_login_goes_on(play):
    held(play)
    for _ in range(8):
        assert play.woke("signing in") == [wake(*TICK)]
    told = text_of(play.relay.woke("signing in"))
    assert "a login is under way in the browser." in told
    assert "Finish it there; if you see no tab for it, run: mcp-auth-bridge login far" in told
    assert held(play, 2, 2) == [wake(*TICK)]  # no second login is asked for
    assert play.ended(SIGN_IN_CALL) == [to_server(3, request(2))]


@pytest.mark.parametrize("token", ["t", 7, 0])
def test_a_call_that_asked_for_progress_gets_a_report_every_five_seconds(play, token):
    held(play, _meta={"progressToken": token})
    assert play.woke("signing in") == [progress(token, 0.001), wake(*TICK)]
    assert play.woke("signing in") == [progress(token, 0.002), wake(*TICK)]


@pytest.mark.parametrize("meta", [None, [], "x", {}, *({"progressToken": token} for token in (None, {}, 1.5))])
def test_a_call_without_a_valid_progress_token_gets_no_report(play, meta):
    held(play, _meta=meta)
    assert play.woke("signing in") == [wake(*TICK)]


def test_a_held_call_that_is_cancelled_is_never_sent(play):
    held(play)
    assert play.client(cancelled(1)) == []
    assert play.ended(SIGN_IN_CALL) == []
    assert play.woke("signing in") == []


def test_a_cancelled_call_that_was_made_again_is_cancelled_at_the_server(play):
    held(play)
    play.ended(SIGN_IN_CALL)
    assert [action[0] for action in play.client(cancelled(1))] == ["to server", "hang up"]
    assert held(play, 1, 4)[0] == SIGN_IN  # the id is free again


def test_the_id_of_a_held_call_is_in_use(play):
    held(play)
    assert play.client(request(1)) == [fail(request(1), OurProtocolError)]
    assert play.client(request(1.0)) == [fail(request(1.0), OurProtocolError)]
    assert play.client(request("1")) == [to_server(2, request("1"))]


def test_a_login_opens_the_session_even_if_no_call_waits_for_it(play):
    woken = []
    play.relay._inner.woke = lambda timer: woken.append(timer) or ()
    held(play)
    play.client(cancelled(1))
    play.ended(SIGN_IN_CALL)
    assert woken == ["reopen"]


def test_a_timer_of_the_inner_relay_reaches_it():
    class Clock(Passthrough):
        @collected
        def woke(self, timer):
            yield Note(f"woke at {timer}")

    assert Playbook(SigningIn(Clock(), "far")).woke("clock") == [note("woke at clock")]


# Where the bridge cannot open a browser

ADDRESS = "http://127.0.0.1:5/open/x"
TOLD = (
    "A login to far is needed: there is no stored login; the bridge cannot open a browser here.\\n"
    f"To sign in, open this address in a browser on this machine:\\n{ADDRESS}\\n"
    "Or run: mcp-auth-bridge login far\\nThen call this tool again."
)
LEGACY = {"elicitation": {"form": {}, "url": {}}}
MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
TAKES_URLS = {**MODERN, "io.modelcontextprotocol/clientCapabilities": LEGACY}
ACCEPT = {"login": {"action": "accept"}}
PARAMS = {"mode": "url", "url": ADDRESS, "message": "Sign in to far, whose tool is about to be called."}


def announce(play, address=ADDRESS):
    return list(play.relay.from_server(SIGN_IN_CALL, announcement(address)))


def takes_urls(play):
    play.client({**INITIALIZE, "params": {"capabilities": LEGACY}})
    return held(play, 1, 2)


def elicitation(number):
    params = {**PARAMS, "elicitationId": f"mcp-auth-bridge/login/{number}"}
    return to_client(request(f"mcp-auth-bridge/login/{number}", "elicitation/create", **params))


def answered(play, number, result):
    message = {**answer(f"mcp-auth-bridge/login/{number}"), **result}
    if "error" in message:
        del message["result"]
    return play.relay.from_client(peek(json.dumps(message).encode()))


def asked_of_a_modern_client(actions):
    [(_, reply)] = in_words(actions)
    assert reply["result"]["resultType"] == "input_required"
    assert reply["result"]["inputRequests"] == {"login": {"method": "elicitation/create", "params": PARAMS}}
    return reply["result"]["requestState"]


def test_a_client_that_takes_no_urls_gets_the_address_in_a_failure_and_the_login_goes_on(play):
    held(play)
    assert TOLD in text_of(announce(play))
    play.client(request(2))
    actions = list(play.relay.ended(2, MISSING))
    assert actions[1:] == []
    assert TOLD in text_of(actions)
    assert play.ended(SIGN_IN_CALL) == []


def test_a_client_that_takes_urls_is_asked_to_show_the_address_and_the_call_stays_held(play):
    takes_urls(play)
    assert in_words(announce(play)) == [elicitation(0)]
    assert list(answered(play, 0, {"result": {"action": "accept"}})) == []
    assert play.woke("signing in") == [wake(*TICK)]
    assert play.ended(SIGN_IN_CALL) == [to_server(3, request(1))]


def test_one_elicitation_stands_for_all_calls_of_a_login(play):
    takes_urls(play)
    held(play, 2, 3)
    assert in_words(announce(play)) == [elicitation(0)]
    assert held(play, 3, 4) == []
    assert [action[0] for action in play.ended(SIGN_IN_CALL)] == ["to server"] * 3


@pytest.mark.parametrize(
    "reply",
    [
        {"result": {"action": "decline"}},
        {"result": {"action": "cancel"}},
        {"result": {}},
        {"result": []},
        {"error": {"code": -32601, "message": "no"}},
    ],
)
def test_a_client_that_declines_gets_the_address_in_a_failure_and_is_asked_again_by_the_next_call(play, reply):
    takes_urls(play)
    announce(play)
    assert TOLD in text_of(answered(play, 0, reply))
    assert held(play, 2, 3) == [elicitation(1)]
    assert list(answered(play, 0, reply)) == []  # a late answer to the first
    assert TOLD in text_of(answered(play, 1, reply))


def test_an_answer_to_a_question_that_the_bridge_passed_on_reaches_the_relay_that_asked(play):
    takes_urls(play)
    reply = answer("mcp-auth-bridge/elicitation/create/1", {"action": "accept"})
    assert play.client(reply) == [to_server(3, reply)]


def test_an_address_that_another_process_announces_later_is_shown_too(play):
    takes_urls(play)
    announce(play, "http://127.0.0.1:4/open/y")
    assert in_words(announce(play)) == [elicitation(1)]


def test_a_client_that_never_answers_gets_the_address_after_45_seconds(play):
    takes_urls(play)
    announce(play)
    for _ in range(8):
        play.woke("signing in")
    told = text_of(play.relay.woke("signing in"))
    assert "the login is not finished yet." in told
    assert ADDRESS in told


def test_a_modern_client_that_takes_urls_is_asked_and_calls_again(play):
    held(play, 1, 1, name="add", _meta=TAKES_URLS)
    state = asked_of_a_modern_client(announce(play))
    play.client(request(2, name="add", _meta=TAKES_URLS, inputResponses=ACCEPT, requestState=state))
    assert play.ended(2, MISSING) == []
    assert play.ended(SIGN_IN_CALL) == [to_server(3, request(2, name="add", _meta=TAKES_URLS))]


def test_a_modern_call_that_was_signed_in_for_meanwhile_is_made_without_the_answer(play):
    held(play, 1, 1, _meta=TAKES_URLS)
    state = asked_of_a_modern_client(announce(play))
    play.ended(SIGN_IN_CALL)
    again = request(2, _meta=TAKES_URLS, inputResponses=ACCEPT, requestState=state)
    assert play.client(again) == [to_server(2, request(2, _meta=TAKES_URLS))]
    assert play.server(2, answer(2)) == [to_client(answer(2))]


@pytest.mark.parametrize("responses", [{"login": {"action": "decline"}}, {"login": None}, {}, None, []])
def test_a_modern_client_that_declines_gets_the_address_in_a_failure(play, responses):
    held(play, 1, 1, _meta=TAKES_URLS)
    state = asked_of_a_modern_client(announce(play))
    play.client(request(2, _meta=TAKES_URLS, inputResponses=responses, requestState=state))
    assert TOLD in text_of(play.relay.ended(2, MISSING))


def test_a_modern_client_that_takes_no_urls_gets_the_address_in_a_failure(play):
    held(play, 1, 1, _meta=MODERN)
    assert TOLD in text_of(announce(play))


def test_a_modern_answer_about_an_earlier_login_leads_to_the_address_of_this_one(play):
    held(play, 1, 1, _meta=TAKES_URLS)
    state = asked_of_a_modern_client(announce(play, ADDRESS))
    play.ended(SIGN_IN_CALL, LoginRequired("it took too long"))
    play.client(request(2, _meta=TAKES_URLS, inputResponses=ACCEPT, requestState=state))
    assert SIGN_IN in play.ended(2, MISSING)
    assert "http://127.0.0.1:4/open/y" in text_of(announce(play, "http://127.0.0.1:4/open/y"))


def test_the_servers_own_state_comes_back_after_the_login(play):
    theirs = {"requestState": "s", "inputResponses": {"name": {"action": "accept"}}}
    held(play, 1, 1, _meta=TAKES_URLS, **theirs)
    state = asked_of_a_modern_client(announce(play))
    play.ended(SIGN_IN_CALL)
    again = request(2, _meta=TAKES_URLS, inputResponses=ACCEPT, requestState=state)
    [(_, call, sent, _)] = play.client(again)
    assert (call, sent["params"]) == (2, {"_meta": TAKES_URLS, **theirs})


def test_a_state_of_the_server_passes(play):
    theirs = request(1, requestState="s", inputResponses={})
    assert play.client(theirs) == [to_server(1, theirs)]
    theirs = request(2, requestState=7)
    assert play.client(theirs) == [to_server(2, theirs)]


@pytest.mark.parametrize("state", ["", "{", "7", '{"address": 7, "kept": 7}'])
def test_a_state_that_the_client_damaged_is_not_an_answer(play, state):
    call = request(1, requestState=f"mcp-auth-bridge-login:{state}", inputResponses={})
    assert play.client(call) == [to_server(1, request(1))]


def test_after_a_fault_the_clock_of_held_calls_is_set_again(play):
    assert play.woke("after a fault") == []
    held(play)
    assert play.woke("after a fault") == [wake(*TICK)]
