"""The address of a login: announced by the shell, shown by clients in either era, and answered without consequences."""

import json

import pytest
from relaying import answer, message, request

from mcp_auth_bridge.relay import login_offer

ADDRESS = "http://127.0.0.1:5/open/x"
MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
SHOWN = {"mode": "url", "url": ADDRESS, "message": "Sign in to far, whose tool is about to be called."}
OURS = "mcp-auth-bridge/login/3"


def call(**params):
    return message(request(1, name="add", _meta=MODERN, **params))


def result_of(reply):
    return json.loads(reply.raw)["result"]


def in_words(retry):
    return json.loads(retry.request.raw)


def again(responses, state, **params):
    return login_offer.retry_in(call(inputResponses=responses, requestState=state, **params))


def test_what_the_shell_announces_is_read_back():
    assert login_offer.announced_address(login_offer.announcement(ADDRESS)) == ADDRESS


def test_an_elicitation_has_an_id_of_the_bridges_own():
    asked = json.loads(login_offer.elicitation("far", ADDRESS, 3).raw)
    assert (asked["id"], asked["method"]) == (OURS, "elicitation/create")
    assert asked["params"] == {**SHOWN, "elicitationId": OURS}


@pytest.mark.parametrize(
    ("line", "is_ours"),
    [
        (answer(OURS), True),
        (answer("mcp-auth-bridge/ping/3"), False),
        (answer("mcp-auth-bridge/elicitation/create/3"), False),  # a modern server's question, `input_rounds.py`
        (answer(3), False),
        (request(OURS), False),
        ({"jsonrpc": "2.0", "error": {"code": -32700, "message": "?"}, "id": None}, False),
    ],
)
def test_an_answer_is_known_by_its_id(line, is_ours):
    assert login_offer.is_answer(message(line)) is is_ours


def test_only_accept_is_agreement():
    assert login_offer.is_accepted(message(answer(OURS, {"action": "accept"})))
    assert not login_offer.is_accepted(message(answer(OURS, {"action": "decline"})))
    assert not login_offer.is_accepted(message({"jsonrpc": "2.0", "id": OURS, "error": {"code": -32601}}))


def test_a_modern_call_comes_back_as_it_was():
    asked = result_of(login_offer.input_required(call(), "far", ADDRESS))
    assert asked["inputRequests"] == {"login": {"method": "elicitation/create", "params": SHOWN}}
    retry = again({"login": {"action": "accept"}}, asked["requestState"])
    assert retry.accepted == ADDRESS
    assert in_words(retry) == json.loads(call().raw)


def test_a_modern_call_keeps_the_answer_that_it_carried_to_the_server():
    theirs = {"requestState": "s", "inputResponses": {"name": {"action": "accept"}}}
    asked = result_of(login_offer.input_required(call(**theirs), "far", ADDRESS))
    retry = again({"login": {"action": "cancel"}}, asked["requestState"])
    assert retry.accepted == ""
    assert retry.request.params == {"name": "add", "_meta": MODERN, **theirs}


@pytest.mark.parametrize("state", [None, 7, "", "theirs", "their mcp-auth-bridge-login:"])
def test_a_state_of_the_server_is_not_an_answer_to_the_bridge(state):
    assert again({"login": {"action": "accept"}}, state) is None


@pytest.mark.parametrize("damage", ["", "{", "7", '{"kept": 7}'])
@pytest.mark.parametrize("responses", [None, [], {}, {"login": 7}, {"login": {"action": "accept"}}])
def test_a_state_that_the_client_damaged_agrees_to_nothing(damage, responses):
    retry = again(responses, f"mcp-auth-bridge-login:{damage}")
    assert (retry.accepted, in_words(retry)) == ("", json.loads(call().raw))
