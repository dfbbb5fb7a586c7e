"""Modern replies, as a client of an earlier revision reads them."""

import json

import pytest
from relaying import answer, message, request

from mcp_auth_bridge.errors import TheirProtocolError
from mcp_auth_bridge.relay.older_results import as_older


def older(reply, method="tools/call", revision="2025-11-25"):
    """The reply as a client of `revision` gets it to a request of `method`."""
    return json.loads(as_older(message(reply), message(request(1, method)), revision).raw)


def older_result(result, method="tools/call", revision="2025-11-25"):
    return older(answer(1, result), method, revision)["result"]


def older_error(code, method="tools/call", **more):
    error = {"code": code, "message": "no", **more}
    return older({"jsonrpc": "2.0", "id": 1, "error": error}, method)["error"]


def text(words):
    return {"type": "text", "text": words}


@pytest.mark.parametrize("method", ["tools/list", "prompts/list", "resources/list", "resources/templates/list"])
def test_a_list_loses_its_freshness_and_its_type(method):
    result = {"resultType": "complete", "ttlMs": 5, "cacheScope": "public", "nextCursor": "", "items": [1]}
    assert older_result(result, method) == {"nextCursor": "", "items": [1]}


def test_a_result_loses_the_servers_name_and_keeps_the_rest_of_meta():
    meta = {"io.modelcontextprotocol/serverInfo": {"name": "far"}, "vendor": 1}
    assert older_result({"content": [], "_meta": meta, "ttlMs": 5}) == {
        "content": [],
        "_meta": {"vendor": 1},
        "ttlMs": 5,
    }


def test_a_result_keeps_the_bytes_of_what_it_keeps():
    raw = b'{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","x":1.10,"y":1E400}}'
    assert as_older(message(raw), message(request(1, "vendor/x")), "2025-06-18").raw == (
        b'{"jsonrpc":"2.0","id":1,"result":{"x":1.10,"y":1E400}}'
    )


@pytest.mark.parametrize("result", [[], 5, None, "x"])
@pytest.mark.parametrize("method", ["tools/call", "vendor/x"])
def test_a_result_that_is_not_an_object_is_an_error(result, method):
    with pytest.raises(TheirProtocolError, match="not an object"):
        older(b'{"jsonrpc":"2.0","id":1,"result":%b}' % json.dumps(result).encode(), method)


@pytest.mark.parametrize("kind", ["song", "task", "input_required", None, 5, ["complete"]])
def test_a_result_of_an_unknown_type_is_an_error(kind):
    with pytest.raises(TheirProtocolError, match="unknown type"):
        older_result({"resultType": kind})


def test_an_output_schema_that_does_not_describe_an_object_is_left_out():
    good = {"name": "a", "outputSchema": {"type": "object", "x-vendor": 1}}
    odd = [{"name": "b", "outputSchema": {"type": "array"}}, {"name": "c", "outputSchema": {"anyOf": []}}]
    odd += [{"name": "d", "outputSchema": True}]
    bare = [{"name": "b"}, {"name": "c"}, {"name": "d"}]
    assert older_result({"tools": [good, *odd, 5]}, "tools/list") == {"tools": [good, *bare, 5]}


@pytest.mark.parametrize("tools", [None, 5, [], [{"name": "a"}], {"name": "a"}])
def test_lists_without_such_schemas_are_left_alone(tools):
    assert older_result({"tools": tools}, "tools/list") == {"tools": tools}


def test_structured_content_is_kept_if_it_is_an_object():
    result = {"content": [text("1")], "structuredContent": {"a": 1}}
    assert older_result(result) == result


@pytest.mark.parametrize("value", [[1], 5, "x", None, True])
def test_structured_content_that_is_not_an_object_is_left_out(value):
    assert older_result({"content": [text("1")], "structuredContent": value}) == {"content": [text("1")]}


@pytest.mark.parametrize("content", [{}, {"content": []}])
def test_structured_content_becomes_text_if_it_is_all_there_is(content):
    assert older_result({**content, "structuredContent": [1, "ü"]}) == {"content": [text('[1, "ü"]')]}


LINK = {"type": "resource_link", "uri": "file:///a", "name": "a"}
AUDIO = {"type": "audio", "mimeType": "audio/wav", "data": ""}


@pytest.mark.parametrize(
    ("block", "revision", "known"),
    [
        (LINK, "2025-06-18", LINK),
        (LINK, "2025-03-26", text("a: file:///a")),
        ({**LINK, "title": "A"}, "2024-11-05", text("A: file:///a")),
        (AUDIO, "2025-03-26", AUDIO),
        (AUDIO, "2024-11-05", text("(audio, audio/wav)")),
        (text("x"), "2024-11-05", text("x")),
        ("x", "2024-11-05", "x"),
    ],
)
def test_content_that_the_revision_does_not_know_becomes_text(block, revision, known):
    assert older_result({"content": [text("1"), block]}, "tools/call", revision) == {"content": [text("1"), known]}
    prompt = {"messages": [{"role": "user", "content": block}, "odd"]}
    assert older_result(prompt, "prompts/get", revision) == {"messages": [{"role": "user", "content": known}, "odd"]}


@pytest.mark.parametrize("messages", [None, 5, {}])
def test_odd_prompts_are_passed_on(messages):
    assert older_result({"messages": messages}, "prompts/get", "2024-11-05") == {"messages": messages}


def test_a_missing_capability_is_named():
    data = {"requiredCapabilities": {"elicitation": {"url": {}}, "roots": {}, "sampling": True}}
    assert older_error(-32021, data=data) == {
        "code": -32603,
        "message": "the server needs a client with the capability “elicitation.url”, “roots”, “sampling”: “no”",
        "data": data,
    }


@pytest.mark.parametrize("code", [-32020, -32021, -32022])
def test_codes_of_the_modern_era_become_an_internal_error(code):
    told = {"code": -32603, "message": f"the server refused the request with the error {code}: “no”"}
    assert older_error(code) == told


def test_a_missing_resource_has_the_code_of_its_time():
    assert older_error(-32602, "resources/read", data={"uri": "a"})["code"] == -32002


@pytest.mark.parametrize(
    ("code", "method", "data"),
    [
        (-32602, "resources/read", {}),
        (-32602, "resources/read", None),
        (-32602, "tools/call", {"uri": "a"}),
        (-32601, "resources/read", {"uri": "a"}),
        (-1, "tools/call", {}),
    ],
)
def test_other_errors_keep_their_codes(code, method, data):
    assert older_error(code, method, data=data) == {"code": code, "message": "no", "data": data}


@pytest.mark.parametrize("code", [[], {}, "x", None])
def test_an_error_whose_code_is_not_a_number_is_passed_on(code):
    assert older_error(code) == {"code": code, "message": "no"}


def test_an_error_that_is_not_an_object_is_passed_on():
    odd = {"jsonrpc": "2.0", "id": 1, "error": "no"}
    assert older(odd) == odd
