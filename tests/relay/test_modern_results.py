"""The replies of a legacy server as those of 2026-07-28."""

import json

import pytest
from era_models import check_for_modern_client
from modern_client import FAR, SERVER_KEY, modern
from relaying import answer, fail, in_words, message, to_client

from mcp_auth_bridge.errors import TheirProtocolError
from mcp_auth_bridge.relay.modern_results import modern_error, modern_reply, urls_not_declared

META = {SERVER_KEY: FAR}


def translated(method, result, meta=META):
    reply = result if isinstance(result, bytes) or "jsonrpc" in result else answer(1, result)
    return in_words([modern_reply(message(modern(1, method)), message(reply), meta)])


def error(code, **more):
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": "no", **more}}


def test_a_result_is_complete_and_names_the_server():
    result = {"content": [], "_meta": {"acme/k": 1}}
    told = {**result, "resultType": "complete", "_meta": {"acme/k": 1, **META}}
    assert translated("tools/call", result) == [to_client(answer(1, told))]
    assert translated("tools/call", {"content": []}, {}) == [
        to_client(answer(1, {"content": [], "resultType": "complete"}))
    ]


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("tools/list", {"tools": []}),
        ("prompts/list", {"prompts": [], "nextCursor": ""}),
        ("resources/list", {"resources": []}),
        ("resources/templates/list", {"resourceTemplates": []}),
        ("resources/read", {"contents": []}),
    ],
)
def test_lists_and_resources_may_not_be_cached(method, result):
    [(_, told)] = translated(method, result)
    assert told["result"] == {
        **result,
        "resultType": "complete",
        "_meta": META,
        "ttlMs": 0,
        "cacheScope": "private",
    }
    check_for_modern_client(json.dumps(told), method)


@pytest.mark.parametrize("raw", [b"5", b"[]", b'"x"', b"null"])
def test_a_result_that_is_not_an_object_is_the_servers_fault(raw):
    reply = b'{"jsonrpc":"2.0","id":1,"result":%b}' % raw
    assert translated("tools/list", reply) == [fail(modern(1, "tools/list"), TheirProtocolError)]


def test_a_tool_loses_its_execution_and_keeps_all_else():
    schema = {"type": "object", "x-unknown": 1.50}
    tools = [{"name": "slow", "inputSchema": schema, "execution": {"taskSupport": "required"}}, {"name": "plain"}]
    [(_, told)] = translated("tools/list", {"tools": tools})
    assert told["result"]["tools"] == [{"name": "slow", "inputSchema": schema}, {"name": "plain"}]


@pytest.mark.parametrize(
    ("tools", "left"),
    [
        ('[{"name":"\\ud800","execution":{}}]', [{"name": "\ud800"}]),
        ('[5,{"name":"a","execution":[]}]', [5, {"name": "a"}]),
        ('{"execution":1}', {"execution": 1}),
    ],
)
def test_tools_that_only_pythons_parser_reads_and_lists_that_are_none_are_kept(tools, left):
    reply = f'{{"jsonrpc":"2.0","id":1,"result":{{"tools":{tools}}}}}'.encode()
    [(_, told)] = translated("tools/list", reply)
    assert told["result"]["tools"] == left


@pytest.mark.parametrize("code", [-32602, -32601, -32603, 7, -32000, -32001, -32100, "x"])
def test_an_error_with_a_code_of_its_own_right_stays(code):
    assert translated("tools/call", error(code, data=1)) == [to_client(error(code, data=1))]


def test_a_missing_resource_has_invalid_params():
    assert translated("resources/read", error(-32002, data={"uri": "x"})) == [
        to_client(error(-32602, data={"uri": "x"}))
    ]


@pytest.mark.parametrize("code", [-32020, -32021, -32022, -32042, -32050, -32099])
def test_a_code_that_belongs_to_the_specification_is_kept_in_the_data(code):
    assert json.loads(modern_error(message(error(code))).raw) == error(-32603, data={"code": code})
    told = json.loads(modern_error(message(error(code, data=[1]))).raw)
    assert told == error(-32603, data={"code": code, "data": [1]})


def test_a_client_that_shows_no_urls_is_told_which_capability_is_missing():
    told = json.loads(urls_not_declared(message(error(-32042, data={"elicitations": []}))).raw)
    assert told == error(-32021, data={"requiredCapabilities": {"elicitation": {"url": {}}}})
