"""Requests for input, as a client of an earlier revision gets them."""

import pytest
from relaying import message, request

from mcp_auth_bridge.errors import InputRefused, TheirProtocolError
from mcp_auth_bridge.relay.input_requests import (
    InputRequest,
    as_older,
    capabilities_in,
    declared,
    refused_error,
)

EVERYTHING = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}
ASK, SAMPLE, ROOTS = "elicitation/create", "sampling/createMessage", "roots/list"


def entry(method, **params):
    return {"method": method, "params": params}


def test_the_capabilities_are_those_in_the_requests_meta():
    meta = {"io.modelcontextprotocol/clientCapabilities": EVERYTHING}
    assert capabilities_in(message(request(1, _meta=meta))) == EVERYTHING


@pytest.mark.parametrize("meta", [{}, None, [], {"io.modelcontextprotocol/clientCapabilities": "all"}])
def test_a_request_without_capabilities_has_none(meta):
    assert capabilities_in(message(request(1, _meta=meta))) == {}


@pytest.mark.parametrize(
    "asked",
    [
        entry(ASK, message="who?"),
        entry(ASK, mode="form"),
        entry(ASK, mode="url", url="https://x.example"),
        entry(SAMPLE, messages=[]),
        entry(SAMPLE, tools=[]),
        entry(ROOTS),
    ],
)
def test_a_declared_kind_is_asked_of_the_client(asked):
    assert declared(asked, EVERYTHING) == InputRequest(asked["method"], asked["params"])


def test_a_request_needs_no_params():
    assert declared({"method": ROOTS}, EVERYTHING) == InputRequest(ROOTS, {})


@pytest.mark.parametrize(
    ("asked", "capabilities", "named"),
    [
        (entry(ASK), {}, "elicitation.form"),
        (entry(ASK), {"elicitation": {"url": {}}}, "elicitation.form"),
        (entry(ASK, mode="url"), {"elicitation": {"form": {}}}, "elicitation.url"),
        (entry(SAMPLE), {}, "sampling"),
        (entry(SAMPLE, toolChoice={}), {"sampling": {}}, "sampling.tools"),
        (entry(ROOTS), {"roots": True}, "roots"),
    ],
)
def test_a_kind_that_is_not_declared_is_refused_by_its_name(asked, capabilities, named):
    with pytest.raises(InputRefused, match=rf"^the server needs {named} for"):
        declared(asked, capabilities)


@pytest.mark.parametrize("odd", [None, 5, {}, {"method": 5}, {"method": ROOTS, "params": []}])
def test_an_entry_that_is_not_a_request_is_an_error(odd):
    with pytest.raises(TheirProtocolError, match="not a request"):
        declared(odd, EVERYTHING)


def test_an_unknown_method_is_an_error():
    with pytest.raises(TheirProtocolError, match="vendor/x"):
        declared(entry("vendor/x"), EVERYTHING)


def field_for(field, revision="2025-06-18"):
    """The field of a form as a client of `revision` gets it, None if the form cannot be asked."""
    schema = {"type": "object", "properties": {"a": field}, "required": ["a"]}
    form = as_older(InputRequest(ASK, {"mode": "form", "message": "?", "requestedSchema": schema}), revision)
    if form is None:
        return None
    assert form.params["requestedSchema"]["required"] == ["a"]
    return form.params["requestedSchema"]["properties"]["a"]


TITLED = {"type": "string", "title": "T", "oneOf": [{"const": "r", "title": "Red"}, {"const": "g"}]}
SEVERAL = {"type": "array", "items": {"type": "string", "enum": ["a"]}}


@pytest.mark.parametrize("field", [TITLED, SEVERAL, {"type": "string"}])
def test_a_client_of_2025_11_25_gets_every_form(field):
    assert field_for(field, "2025-11-25") == field


@pytest.mark.parametrize(
    ("field", "older"),
    [
        (TITLED, {"type": "string", "title": "T", "enum": ["r", "g"], "enumNames": ["Red", "g"]}),
        ({"type": "string", "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
        ({"type": "boolean", "default": True}, {"type": "boolean", "default": True}),
        ({"type": "string", "oneOf": 5}, {"type": "string", "oneOf": 5}),
        ({"type": "string", "oneOf": ["a"]}, {"type": "string", "oneOf": ["a"]}),
        ("odd", "odd"),
        (SEVERAL, None),
    ],
)
def test_a_client_of_2025_06_18_gets_the_forms_of_its_time(field, older):
    assert field_for(field) == older


def test_a_form_of_2025_06_18_has_no_mode():
    form = {"mode": "form", "message": "?", "requestedSchema": {"type": "object", "properties": {}}}
    older = {"message": "?", "requestedSchema": {"type": "object", "properties": {}}}
    assert as_older(InputRequest(ASK, form), "2025-06-18") == InputRequest(ASK, older)


@pytest.mark.parametrize("schema", [None, 5, {}, {"properties": []}])
def test_a_strange_form_is_passed_on(schema):
    odd = InputRequest(ASK, {"requestedSchema": schema})
    assert as_older(odd, "2025-06-18") == odd


def test_roots_are_asked_for_alike_in_every_revision():
    assert as_older(InputRequest(ROOTS, {}), "2024-11-05") == InputRequest(ROOTS, {})


def test_several_blocks_of_a_message_become_messages_before_2025_11_25():
    text, image = {"type": "text", "text": "a"}, {"type": "image"}
    messages = [{"role": "user", "content": [text, image]}, {"role": "assistant", "content": text}, "odd"]
    asked = InputRequest(SAMPLE, {"messages": messages, "maxTokens": 5})
    assert as_older(asked, "2025-11-25") == asked
    single = [{"role": "user", "content": text}, {"role": "user", "content": image}, messages[1], "odd"]
    assert as_older(asked, "2025-06-18") == InputRequest(SAMPLE, {"messages": single, "maxTokens": 5})


@pytest.mark.parametrize("messages", [None, 5])
def test_strange_messages_are_passed_on(messages):
    odd = InputRequest(SAMPLE, {"messages": messages})
    assert as_older(odd, "2025-06-18") == odd


@pytest.mark.parametrize(
    ("error", "words"), [({"code": -1, "message": "User\nsaid no"}, ": “User said no”"), ({}, ""), (None, ""), (5, "")]
)
def test_a_refusal_quotes_the_client(error, words):
    assert refused_error(ROOTS, error).message == f"the MCP client refused the server's roots/list{words}"
