"""The replies that the bridge makes: errors for programs, texts for models, and changes that keep all other bytes."""

import json

import pytest
from relaying import message, request

from mcp_auth_bridge.errors import LimitExceeded, LoginRequired, Unreachable
from mcp_auth_bridge.relay import replies

MISSING = LoginRequired("a login to acme is needed", "run: mcp-auth-bridge login acme")
MODERN = {"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}


def of(reply):
    return json.loads(reply.raw)


def test_a_missing_login_is_a_tool_result_that_a_model_can_pass_on():
    result = of(replies.failure(message(request(1)), MISSING))["result"]
    assert result["isError"]
    assert result["content"][0]["text"] == (
        "A login to acme is needed.\nRun: mcp-auth-bridge login acme\nThen call this tool again."
    )
    assert "resultType" not in result


def test_since_2026_07_28_a_tool_result_names_its_type():
    assert of(replies.failure(message(request(1, **MODERN)), MISSING))["result"]["resultType"] == "complete"


@pytest.mark.parametrize(
    ("hint", "text"), [("ask for less", "It is too large. Ask for less."), ("", "It is too large.")]
)
def test_a_result_beyond_a_limit_is_a_tool_result_too(hint, text):
    result = of(replies.failure(message(request(1)), LimitExceeded("it is too large", hint)))["result"]
    assert result["content"][0]["text"] == text


@pytest.mark.parametrize(("method", "error"), [("tools/list", MISSING), ("tools/call", Unreachable("away", "look"))])
def test_any_other_failure_is_a_json_rpc_error_with_its_facts(method, error):
    body = of(replies.failure(message(request("x", method)), error))
    assert body["id"] == "x"
    assert body["error"]["data"]["bridge"] is True
    assert body["error"]["message"] == f"mcp-auth-bridge: {error.message}; hint: {error.hint}"


def test_a_result_that_is_json_already_keeps_its_bytes():
    assert replies.raw_result(message(request(1)), b'{"n":1.50}').raw == b'{"jsonrpc":"2.0","id":1,"result":{"n":1.50}}'


def test_another_id_leaves_the_rest_as_it_is():
    asked = message(b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"v":"a","n":1.50}}')
    assert b'"n":1.50' in replies.with_id(asked, b'"z"').raw


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"jsonrpc":"2.0","id":1,"error":{"code":-5,"message":"x"}}', -5),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', None),
        (b'{"jsonrpc":"2.0","id":1,"error":"x"}', None),
    ],
)
def test_the_code_of_an_error_is_read_and_a_result_has_none(raw, code):
    assert replies.error_code(message(raw)) == code


@pytest.mark.parametrize("raw", [None, b"[]", b"{", b'{"x":"\\ud800"}', b"[" * 9000])
def test_a_result_that_was_kept_and_cannot_be_read_is_empty(raw):
    assert replies.members(raw) == {}
    assert replies.members(b'{"a":1}') == {"a": 1}


def test_the_address_of_a_login_that_waits_stands_on_a_line_of_its_own():
    error = LoginRequired("sign in to acme", "run: mcp-auth-bridge login acme")
    error.address = "http://127.0.0.1:1/s/x"
    lines = replies.sign_in_text(error).splitlines()
    assert lines[2] == "http://127.0.0.1:1/s/x"
    assert lines[-2:] == ["Or run: mcp-auth-bridge login acme", "Then call this tool again."]
