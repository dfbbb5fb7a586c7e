"""The headers of tools' calls, learned from the lists that pass; an invalid tool is taken out of its list."""

import json

import pytest
from relaying import answer, message, request

from mcp_auth_bridge.relay.tool_headers import ToolHeaders, result_in


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
    kept, notes = known.learn(listed(tool("add"), {"name": "plain", "inputSchema": {"type": "object"}}))
    assert notes == []
    assert json.loads(kept.raw)["result"]["tools"][0]["name"] == "add"
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


def test_a_tool_with_an_invalid_header_is_hidden_and_the_others_keep_their_bytes(known):
    raw = json.dumps(answer(1, {"tools": [tool("bad", kind="object"), tool("add")], "x": 1.50})).encode()
    kept, notes = known.learn(message(raw))
    assert [each["name"] for each in json.loads(kept.raw)["result"]["tools"]] == ["add"]
    assert json.dumps(tool("add")).encode() in kept.raw
    assert "bad" in notes[0].text
    assert headers(known, "bad", region="eu") == {}


def test_a_lone_surrogate_does_not_save_an_invalid_tool(known):
    raw = b'{"jsonrpc":"2.0","id":1,"result":{"tools":[%b,{"name":"\\ud800"}]}}'
    kept, notes = known.learn(message(raw % json.dumps(tool("bad", kind="object")).encode()))
    assert json.loads(kept.raw)["result"]["tools"] == [{"name": "\ud800"}]
    assert len(notes) == 1


@pytest.mark.parametrize("result", [{}, {"tools": None}, {"tools": "x"}, {"tools": [1, "x", None]}])
def test_a_list_of_anything_else_is_left_to_the_client(known, result):
    reply = message(answer(1, result))
    assert known.learn(reply) == (reply, [])


def test_a_result_that_is_not_an_object_is_none():
    assert result_in(message(answer(1, {"a": 1}))) == {"a": 1}
    assert result_in(message({"jsonrpc": "2.0", "id": 1, "result": [1]})) is None
    assert result_in(message({"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "x"}})) is None
