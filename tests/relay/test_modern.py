"""The modern era by script: headers, hidden tools, the second attempt after -32020, cancelling by hanging up."""

import json

import pytest
from relaying import (
    Living,
    Playbook,
    answer,
    cancelled,
    fail,
    hangup,
    in_words,
    message,
    note,
    notification,
    request,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.errors import OurProtocolError, OutcomeUnknown, Overdue, Unreachable
from mcp_auth_bridge.relay.base import Kind, ToClient
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.modern import Modern
from mcp_auth_bridge.relay.passthrough import Passthrough

PREFIX = "io.modelcontextprotocol/"
META = {PREFIX + "protocolVersion": "2026-07-28", PREFIX + "clientCapabilities": {}}
VERSION = {"mcp-protocol-version": "2026-07-28"}
BARE = {"mcp-method": "tools/call", "mcp-name": "add", **VERSION}
REGION = {"mcp-param-region": "eu"}


@pytest.fixture
def play():
    return Playbook(Modern(Passthrough()))


def modern(id_, method, **params):
    return request(id_, method, **params, _meta=META)


def call(id_, name="add", **params):
    return modern(id_, "tools/call", name=name, arguments={"region": "eu"}, **params)


def listing(number, **params):
    own = {"jsonrpc": "2.0", "id": f"mcp-auth-bridge/tools/list/{number}", "method": "tools/list"}
    return {**own, "params": {"_meta": META, **params}}


def listed(number, *tools, **more):
    return answer(f"mcp-auth-bridge/tools/list/{number}", {"tools": list(tools), **more})


def list_headers():
    return {"mcp-method": "tools/list", **VERSION}


def tool(name="add", header="Region"):
    return {"name": name, "inputSchema": {"properties": {"region": {"type": "string", "x-mcp-header": header}}}}


def mismatch(id_):
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": -32020, "message": "HeaderMismatch"}}


def test_a_list_that_is_on_its_way_is_a_sign_of_life_of_the_call_that_waits_for_it():
    play = Playbook(Modern(Living()))
    refused(play)
    assert play.alive(-1) == [note("alive: 1")]
    assert play.alive(2) == [note("alive: 2")]


def test_a_request_that_is_given_up_is_cancelled_by_the_end_of_its_stream_alone():
    play = Playbook(Modern(Delivery(Passthrough(), RelaySettings(deadline=20))))
    play.client(call(1))
    for _ in range(20):
        play.woke("deadline")
    assert play.woke("deadline") == [hangup(1), fail(call(1), Overdue)]


def refused(play, id_=1, number=1):
    """A call with headers that are refused: the tools are listed anew."""
    play.client(call(id_))
    assert play.server(number, mismatch(id_)) == []
    return play.ended(number)


# Headers and tools.


def test_a_request_has_the_headers_of_its_body(play):
    assert play.client(call(1)) == [to_server(1, call(1), **BARE)]
    assert play.client(modern(2, "tools/list")) == [to_server(2, modern(2, "tools/list"), **list_headers())]


def test_a_listed_tool_is_called_with_its_parameters_headers(play):
    play.client(modern(1, "tools/list"))
    assert play.server(1, answer(1, {"tools": [tool()]})) == [to_client(answer(1, {"tools": [tool()]}))]
    assert play.client(call(2)) == [to_server(2, call(2), **BARE, **REGION)]
    assert play.client(call(3, "other")) == [to_server(3, call(3, "other"), **{**BARE, "mcp-name": "other"})]


def test_tools_of_all_pages_are_known_and_the_newest_listing_counts(play):
    play.client(modern(1, "tools/list"), modern(2, "tools/list", cursor="2"))
    play.server(1, answer(1, {"tools": [tool()], "nextCursor": "2"}))
    play.server(2, answer(2, {"tools": [tool("sub")]}))
    assert play.client(call(3)) == [to_server(3, call(3), **BARE, **REGION)]
    play.client(modern(4, "tools/list"))
    play.server(4, answer(4, {"tools": [tool(header="Zone")]}))
    assert play.client(call(5)) == [to_server(5, call(5), **BARE, **{"mcp-param-zone": "eu"})]
    assert play.client(call(6, "sub")) == [to_server(6, call(6, "sub"), **{**BARE, "mcp-name": "sub"}, **REGION)]


def test_a_tool_that_cannot_be_called_properly_is_hidden_and_the_log_says_why(play):
    play.client(modern(1, "tools/list"))
    both = {"tools": [tool("bad\u202e", "a b"), tool()], "ttlMs": 5}
    hidden = note("the tool “bad” is hidden: an x-mcp-header is not a header name")
    assert play.server(1, answer(1, both)) == [hidden, to_client(answer(1, {"tools": [tool()], "ttlMs": 5}))]


def test_a_tool_that_becomes_invalid_loses_its_headers(play):
    play.client(modern(1, "tools/list"), modern(2, "tools/list"))
    play.server(1, answer(1, {"tools": [tool()]}))
    play.server(2, answer(2, {"tools": [tool(header="a b")]}))
    assert play.client(call(3)) == [to_server(3, call(3), **BARE)]


def test_other_tools_keep_their_bytes_beside_a_hidden_one(play):
    play.client(modern(1, "tools/list"))
    bad = json.dumps(tool(header="")).encode()
    kept = b'{"name":"n","x":[1e400, 1.10, 18446744073709551617, {"a":1,"a":2}]}'
    raw = b'{"id":1,"extra":1.0,"result":{"tools":[%b,%b,5],"y":1E5},"jsonrpc":"2.0"}'
    (_, action) = play.relay.from_server(1, message(raw % (bad, kept)))
    assert isinstance(action, ToClient)
    for spelling in (kept, b'"extra":1.0', b'"y":1E5', b",5]"):
        assert spelling in action.message.raw
    assert b"x-mcp-header" not in action.message.raw


def test_a_lone_surrogate_beside_a_hidden_tool_survives(play):
    play.client(modern(1, "tools/list"))
    bad = json.dumps(tool(header="")).encode()
    _, (_, shown) = play.server(1, b'{"id":1,"result":{"tools":[%b,{"name":"\\ud800"}]}}' % bad)
    assert shown["result"]["tools"] == [{"name": "\ud800"}]


def test_a_list_without_invalid_tools_passes_byte_for_byte(play):
    play.client(modern(1, "tools/list"))
    raw = b'{ "id":1 ,"result":{"tools":[{"name":"a","n":1.10}]}}'
    assert list(play.relay.from_server(1, message(raw))) == [ToClient(message(raw))]


@pytest.mark.parametrize("result", [None, 5, [], "x", {}, {"tools": 5}, {"tools": [5, None, "x", [], {}]}])
def test_a_result_without_a_list_of_tools_passes_unchanged(play, result):
    play.client(modern(1, "tools/list"))
    assert play.server(1, {"id": 1, "result": result}) == [to_client({"id": 1, "result": result})]


# Messages that this era does not have.


def test_notifications_of_the_client_are_not_sent(play):
    assert play.client(notification("notifications/roots/list_changed"), answer("s1")) == []


def test_requests_of_the_server_are_not_relayed(play):
    play.client(call(1))
    assert play.server(1, request("s1", "sampling/createMessage")) == []
    assert play.server(1, notification("notifications/progress")) == [to_client(notification("notifications/progress"))]


def test_cancelling_is_hanging_up(play):
    play.client(call(1))
    assert play.client(cancelled(1)) == [hangup(1)]
    assert play.server(1, answer(1)) == []
    assert play.ended(1, OutcomeUnknown("cut")) == []


def test_an_id_in_use_is_refused(play):
    play.client(call(1))
    assert play.client(call(1)) == [fail(call(1), OurProtocolError)]


# -32020: list, then call once more.


def test_a_refused_call_is_sent_again_with_the_headers_of_a_new_listing(play):
    assert refused(play) == [to_server(-1, listing(1), **list_headers())]
    assert play.server(-1, listed(1, tool())) == [to_server(1, call(1), **BARE, **REGION)]
    assert play.ended(-1) == []
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.ended(1) == []


def test_the_call_waits_until_its_own_end_before_its_number_is_used_again(play):
    play.client(call(1))
    assert play.server(1, mismatch(1)) == []
    assert play.server(1, notification("n")) == [to_client(notification("n"))]
    assert play.ended(1) == [to_server(-1, listing(1), **list_headers())]


def test_a_cut_after_the_refusal_changes_nothing(play):
    play.client(call(1))
    play.server(1, mismatch(1))
    assert play.ended(1, OutcomeUnknown("cut")) == [to_server(-1, listing(1), **list_headers())]


def test_the_second_refusal_is_the_reply(play):
    refused(play)
    play.server(-1, listed(1, tool()))
    assert play.server(1, mismatch(1)) == [to_client(mismatch(1))]
    assert play.ended(1) == []


def test_the_listing_reads_all_pages_and_an_empty_cursor_counts(play):
    refused(play)
    second = to_server(-2, listing(2, cursor=""), **list_headers())
    assert play.server(-1, listed(1, nextCursor="")) == [second]
    assert play.ended(-1) == []
    assert play.server(-2, listed(2, tool(), nextCursor=None)) == [to_server(1, call(1), **BARE, **REGION)]


def test_a_list_without_an_end_is_given_up(play):
    refused(play)
    for number in range(1, 100):
        ((_, own, *_),) = play.server(-number, listed(number, nextCursor="again"))
        assert own == -number - 1
    assert play.server(-100, listed(100, nextCursor="again")) == [to_server(1, call(1), **BARE)]


def test_a_tool_that_is_not_listed_is_called_once_more_all_the_same(play):
    refused(play)
    assert play.server(-1, listed(1, tool("other"))) == [to_server(1, call(1), **BARE)]


def test_a_listing_logs_the_tools_that_it_hides(play):
    refused(play)
    hidden = note("the tool “add” is hidden: an x-mcp-header is not a header name")
    assert play.server(-1, listed(1, tool(header=""))) == [hidden, to_server(1, call(1), **BARE)]


ERROR = {"jsonrpc": "2.0", "id": "mcp-auth-bridge/tools/list/1", "error": {"code": -32603, "message": "no"}}


@pytest.mark.parametrize("told", [ERROR, listed(1) | {"result": 5}])
def test_when_the_listing_fails_the_refusal_is_the_reply(play, told):
    refused(play)
    assert play.server(-1, told) == [to_client(mismatch(1))]
    assert play.ended(-1) == []


@pytest.mark.parametrize("error", [None, Unreachable("away"), OutcomeUnknown("cut")])
def test_when_the_listing_ends_without_a_reply_the_refusal_is_the_reply(play, error):
    refused(play)
    assert play.ended(-1, error) == [to_client(mismatch(1))]
    assert play.client(call(1)) == [to_server(2, call(1), **BARE)]


def test_other_messages_under_the_listing_are_dropped(play):
    refused(play)
    assert play.server(-1, notification("notifications/progress")) == []
    assert play.server(-1, request("s1", "ping")) == []


def test_the_listing_repeats_the_metadata_of_the_call_and_nothing_else(play):
    first = call(1)
    first["params"]["_meta"] = {**META, "progressToken": 7, "vendor/x": 1}
    play.client(first)
    play.server(1, mismatch(1))
    assert play.ended(1) == [to_server(-1, listing(1), **list_headers())]


@pytest.mark.parametrize("meta", [None, 5, [], "x"])
def test_a_call_without_metadata_is_repeated_too(play, meta):
    play.client(request(1, "tools/call", name="add", _meta=meta))
    play.server(1, mismatch(1))
    ((_, own, sent, _),) = play.ended(1)
    assert (own, sent["params"]) == (-1, {"_meta": {}})


def test_two_refused_calls_have_a_listing_each(play):
    refused(play, 1, 1)
    assert refused(play, 2, 2) == [to_server(-2, listing(2), **list_headers())]
    assert play.server(-2, listed(2, tool())) == [to_server(2, call(2), **BARE, **REGION)]
    assert play.server(-1, listed(1, tool())) == [to_server(1, call(1), **BARE, **REGION)]


@pytest.mark.parametrize("method", ["tools/list", "prompts/get", "resources/read"])
def test_only_a_tools_call_is_repeated(play, method):
    play.client(modern(1, method))
    assert play.server(1, mismatch(1)) == [to_client(mismatch(1))]


def test_a_refusal_of_another_request_does_not_count(play):
    play.client(call(1))
    assert play.server(1, mismatch(2)) == []
    assert play.ended(1) == [fail(call(1), OutcomeUnknown)]


def test_a_result_after_the_refusal_is_the_reply_and_nothing_is_repeated(play):
    play.client(call(1))
    play.server(1, mismatch(1))
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.ended(1) == []


def test_cancelling_between_the_refusal_and_its_end_repeats_nothing(play):
    play.client(call(1))
    play.server(1, mismatch(1))
    assert play.client(cancelled(1)) == [hangup(1)]
    assert play.ended(1) == []


def test_cancelling_during_the_listing_ends_the_listing_too(play):
    refused(play)
    assert play.client(cancelled(1)) == [hangup(-1), hangup(1)]
    assert play.server(-1, listed(1, tool())) == []
    assert play.ended(-1) == []


def test_cancelling_the_second_attempt_hangs_up(play):
    refused(play)
    play.server(-1, listed(1, tool()))
    assert play.client(cancelled(1)) == [hangup(1)]
    assert play.server(1, mismatch(1)) == []
    assert play.ended(1) == []


# With retries and deadlines.


@pytest.fixture
def delivered():
    return Playbook(Modern(Delivery(Passthrough(), RelaySettings(deadline=20))))


def test_a_deadline_ends_the_listing_too(delivered):
    refused(delivered)
    for _ in range(20):
        assert delivered.woke("deadline") == [wake("deadline", 1)]
    assert delivered.woke("deadline") == [hangup(-1), hangup(1), fail(call(1), Overdue)]
    assert delivered.server(-1, listed(1, tool())) == []


def test_a_second_attempt_that_was_not_sent_is_tried_again_with_its_headers(delivered):
    refused(delivered)
    delivered.server(-1, listed(1, tool()))
    ((word, timer, _),) = delivered.ended(1, Unreachable("away"))
    assert word == "wake"
    assert delivered.woke(timer) == [to_server(1, call(1), **BARE, **REGION)]


def test_a_cancelled_retry_is_not_sent(delivered):
    delivered.client(call(1))
    ((_, timer, _),) = delivered.ended(1, Unreachable("away"))
    assert delivered.client(cancelled(1)) == [hangup(1)]
    assert delivered.woke(timer) == []


def test_a_reply_is_never_made_up(play):
    for told in (answer(1), mismatch(1), notification("n")):
        assert all(action.message.kind is not Kind.REPLY for action in play.relay.from_server(9, message(told)))
    assert in_words(play.relay.ended(9, None)) == []
