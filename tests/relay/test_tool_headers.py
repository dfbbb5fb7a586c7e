"""The headers of tools' calls, learned from the lists that pass; an invalid tool is taken out of its list."""

import json

import pytest
from relaying import answer, message, request

from mcp_auth_bridge.relay.tool_headers import InvalidTool, ToolHeaders, result_in, without


def tool(name, header="Region", kind="string"):
    schema = {"type": "object", "properties": {"region": {"type": kind, "x-mcp-header": header}}}
    return {"name": name, "inputSchema": schema}


def listed(*tools):
    return message(answer(1, {"tools": list(tools)}))


def headers(known, name="add", **arguments):
    return known.of(message(request(2, name=name, arguments=arguments)))


@pytest.fixture
def known():
    return ToolHeaders()


def test_a_call_of_a_listed_tool_has_its_headers(known):
    assert known.learn(listed(tool("add"), {"name": "plain", "inputSchema": {"type": "object"}})) == []
    assert headers(known, region="eu") == {"mcp-param-region": "eu"}
    assert headers(known, "plain", region="eu") == {}


def test_before_any_list_and_for_an_unknown_tool_there_are_no_headers(known):
    assert headers(known, region="eu") == {}
    known.learn(listed(tool("add")))
    assert headers(known, "other", region="eu") == {}
    assert known.of(message(request(2, name=5))) == {}


def test_a_tool_that_is_listed_again_replaces_the_earlier_one(known):
    known.learn(listed(tool("add"), tool("keep")))
    known.learn(listed({"name": "add", "inputSchema": {"type": "object"}}))
    assert headers(known, region="eu") == {}
    assert headers(known, "keep", region="eu") == {"mcp-param-region": "eu"}


def test_a_tool_with_an_invalid_header_is_reported_and_has_no_headers(known):
    (bad,) = known.learn(listed(tool("add"), tool("b\u202ead", kind="object")))
    rule = "the x-mcp-header Region belongs to a parameter that is not a string, integer or boolean"
    assert bad == InvalidTool(1, "“b ad”", rule)
    assert headers(known, "b\u202ead", region="eu") == {}
    assert headers(known, region="eu") == {"mcp-param-region": "eu"}


def test_a_list_can_be_shown_without_a_tool_and_the_others_keep_their_bytes():
    kept = b'{"name":"n","x":[1e400, 1.10, 18446744073709551617, {"a":1,"a":2}]}'
    bad = json.dumps(tool("bad")).encode()
    raw = b'{"id":1,"extra":1.0,"result":{"tools":[%b,%b,5],"y":1E5},"jsonrpc":"2.0"}' % (bad, kept)
    shown = without(message(raw), [InvalidTool(0, "bad", "a rule")])
    for spelling in (kept, b'"extra":1.0', b'"y":1E5', b",5]"):
        assert spelling in shown.raw
    assert b"x-mcp-header" not in shown.raw


def test_a_list_without_invalid_tools_keeps_its_bytes():
    reply = message(b'{ "id":1 ,"result":{"tools":[{"name":"a","n":1.10}]}}')
    assert without(reply, []) is reply


def test_a_lone_surrogate_does_not_save_an_invalid_tool():
    raw = b'{"jsonrpc":"2.0","id":1,"result":{"tools":[%b,{"name":"\\ud800"}]}}' % json.dumps(tool("bad")).encode()
    shown = without(message(raw), [InvalidTool(0, "bad", "a rule")])
    assert json.loads(shown.raw)["result"]["tools"] == [{"name": "\ud800"}]


@pytest.mark.parametrize("result", [{}, {"tools": None}, {"tools": "x"}, {"tools": [1, "x", None]}])
def test_a_list_of_anything_else_is_left_to_the_client(known, result):
    assert known.learn(message(answer(1, result))) == []


def test_a_result_that_is_not_an_object_is_none():
    assert result_in(message(answer(1, {"a": 1}))) == {"a": 1}
    assert result_in(message({"jsonrpc": "2.0", "id": 1, "result": [1]})) is None
    assert result_in(message({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}})) is None
