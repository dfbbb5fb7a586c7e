"""A legacy server's requests as input that a modern client is asked for."""

import json

import pytest
from modern_client import modern
from relaying import message, request

from mcp_auth_bridge.relay.input_required import (
    digest_of,
    input_request,
    refusal_code,
    refused,
    responses_in,
    takes_urls,
    visits_in,
)

FORM = request("s1", "elicitation/create", message="?", requestedSchema={"type": "object"})
URL = request("s1", "elicitation/create", mode="url", message="?", url="https://far.example", elicitationId="e1")
SAMPLING = request("s1", "sampling/createMessage", messages=[], maxTokens=1)
WITH_TOOLS = request("s1", "sampling/createMessage", messages=[], maxTokens=1, tools=[])
ROOTS = {"jsonrpc": "2.0", "id": "s1", "method": "roots/list"}
ODD = request("s1", "elicitation/create", mode=["form"])


@pytest.mark.parametrize(
    ("asked", "capabilities", "code"),
    [
        (FORM, {}, -32601),
        (FORM, {"elicitation": True}, -32601),
        (FORM, {"elicitation": {}}, None),
        (FORM, {"elicitation": {"form": {}}}, None),
        (FORM, {"elicitation": {"url": {}}}, -32602),
        (URL, {"elicitation": {}}, -32602),
        (URL, {"elicitation": {"form": {}, "url": {}}}, None),
        (ODD, {"elicitation": {}}, -32602),
        (SAMPLING, {}, -32601),
        (SAMPLING, {"sampling": {}}, None),
        (WITH_TOOLS, {"sampling": {}}, -32602),
        (WITH_TOOLS, {"sampling": {"tools": {}}}, None),
        (ROOTS, {"sampling": {}}, -32601),
        (ROOTS, {"roots": {}}, None),
        (request("s1", "tasks/get"), {"elicitation": {}, "sampling": {}, "roots": {}}, -32601),
    ],
)
def test_only_what_the_client_declared_is_asked_for(asked, capabilities, code):
    assert refusal_code(message(asked), capabilities) == code


def test_an_input_request_is_the_method_and_the_parameters():
    assert json.loads(bytes(input_request(message(FORM)))) == {"method": "elicitation/create", "params": FORM["params"]}
    assert json.loads(bytes(input_request(message(ROOTS)))) == {"method": "roots/list"}


def test_an_input_request_lacks_what_only_the_legacy_era_knows():
    legacy_only = {"progressToken": 1, "io.modelcontextprotocol/related-task": {"taskId": "t"}}
    asked = {**URL, "params": {**URL["params"], "task": {}, "_meta": {"acme/k": 1, **legacy_only}}}
    assert json.loads(bytes(input_request(message(asked))))["params"] == {
        "mode": "url",
        "message": "?",
        "url": "https://far.example",
        "_meta": {"acme/k": 1},
    }


@pytest.mark.parametrize("code", [-32601, -32602])
def test_a_refusal_answers_the_servers_request(code):
    told = json.loads(refused(message(FORM), code).raw)
    assert (told["id"], told["error"]["code"]) == ("s1", code)


@pytest.mark.parametrize("given", [None, [], 5, {"a": 5}])
def test_responses_that_are_not_objects_are_none(given):
    assert responses_in(message(request(1, inputResponses=given))) == {}


def test_the_responses_are_those_that_are_objects():
    assert responses_in(message(request(1, inputResponses={"a": {"action": "accept"}, "b": None}))) == {
        "a": {"action": "accept"}
    }


@pytest.mark.parametrize("data", [None, 5, {}, {"elicitations": 5}, {"elicitations": [5, {"url": 5}]}])
def test_an_error_without_urls_names_no_visits(data):
    assert visits_in(message({"id": 1, "error": {"code": -32042, "message": "", "data": data}})) == []


def test_the_visits_are_url_elicitations_without_an_id():
    visits = [
        {"mode": "url", "elicitationId": "e", "url": "https://a.example", "message": "go"},
        {"url": "https://b.example"},
    ]
    assert visits_in(
        message({"id": 1, "error": {"code": -32042, "message": "", "data": {"elicitations": visits}}})
    ) == [
        {"method": "elicitation/create", "params": {"mode": "url", "url": "https://a.example", "message": "go"}},
        {"method": "elicitation/create", "params": {"mode": "url", "url": "https://b.example", "message": ""}},
    ]


def test_urls_are_shown_by_clients_that_declare_them():
    assert takes_urls({"elicitation": {"url": {}}})
    assert not takes_urls({"elicitation": {"form": {}}})
    assert not takes_urls({"elicitation": True})


def test_a_request_and_its_retry_have_one_digest_and_others_another():
    first = digest_of(message(modern(1, name="add", arguments={"a": 1, "b": 2})))
    retry = modern(2, token=5, name="add", arguments={"b": 2, "a": 1}, requestState="s", inputResponses={"x": {}})
    assert digest_of(message(retry)) == first
    assert digest_of(message(modern(1, name="add", arguments={"a": 1, "b": 3}))) != first
    assert digest_of(message(modern(1, "prompts/get", name="add", arguments={"a": 1, "b": 2}))) != first
