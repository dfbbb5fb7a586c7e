"""The headers `Mcp-Param-*` by script, in both eras: learned from lists, and the second attempt after -32020."""

import json

import pytest
from relaying import (
    INITIALIZE,
    INITIALIZED,
    VERSION,
    WELCOMED,
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
from mcp_auth_bridge.errors import LoginRequired, OutcomeUnknown, Overdue, SessionLost, Unreachable
from mcp_auth_bridge.relay.base import Kind, ToClient
from mcp_auth_bridge.relay.call_numbers import LISTINGS
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.parameter_headers import ParameterHeaders, hide_invalid, show_all
from mcp_auth_bridge.relay.passthrough import Passthrough

PREFIX = "io.modelcontextprotocol/"
META = {PREFIX + "protocolVersion": "2026-07-28", PREFIX + "clientCapabilities": {}}
REGION = {"mcp-param-region": "eu"}
FIRST, SECOND = LISTINGS[:2]


@pytest.fixture(params=[hide_invalid, show_all])
def play(request):
    return Playbook(ParameterHeaders(Passthrough(), request.param))


@pytest.fixture
def modern():
    return Playbook(ParameterHeaders(Passthrough(), hide_invalid))


@pytest.fixture
def legacy():
    return Playbook(ParameterHeaders(Passthrough(), show_all))


def call(id_, name="add", **params):
    return request(id_, "tools/call", name=name, arguments={"region": "eu"}, **params)


def modern_call(id_, **more):
    return call(id_, _meta={**META, **more})


def own_id(listing):
    return f"mcp-auth-bridge/tools/list/{-listing}"


def listing(number, **params):
    return to_server(number, {"jsonrpc": "2.0", "id": own_id(number), "method": "tools/list", "params": params})


def listed(number, *tools, **more):
    return answer(own_id(number), {"tools": list(tools), **more})


def tool(name="add", header="Region"):
    return {"name": name, "inputSchema": {"properties": {"region": {"type": "string", "x-mcp-header": header}}}}


def mismatch(id_):
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": -32020, "message": "HeaderMismatch"}}


def test_a_list_that_is_on_its_way_is_a_sign_of_life_of_the_call_that_waits_for_it():
    play = Playbook(ParameterHeaders(Living(), hide_invalid))
    refused(play)
    assert play.alive(LISTINGS[0]) == [note("alive: 1")]
    assert play.alive(2) == [note("alive: 2")]


def refused(play, id_=1, number=1):
    """A call with headers that are refused: the tools are listed anew."""
    play.client(call(id_))
    assert play.server(number, mismatch(id_)) == []
    return play.ended(number)


# Learned headers.


def test_a_listed_tool_is_called_with_its_parameters_headers(play):
    assert play.client(request(1, "tools/list")) == [to_server(1, request(1, "tools/list"))]
    assert play.server(1, answer(1, {"tools": [tool()]})) == [to_client(answer(1, {"tools": [tool()]}))]
    assert play.client(call(2)) == [to_server(2, call(2), **REGION)]
    assert play.client(call(3, "other")) == [to_server(3, call(3, "other"))]


def test_tools_of_all_pages_are_known_and_the_newest_listing_counts(play):
    play.client(request(1, "tools/list"), request(2, "tools/list", cursor="2"))
    play.server(1, answer(1, {"tools": [tool()], "nextCursor": "2"}))
    play.server(2, answer(2, {"tools": [tool("sub")]}))
    assert play.client(call(3)) == [to_server(3, call(3), **REGION)]
    play.client(request(4, "tools/list"))
    play.server(4, answer(4, {"tools": [tool(header="Zone")]}))
    assert play.client(call(5)) == [to_server(5, call(5), **{"mcp-param-zone": "eu"})]
    assert play.client(call(6, "sub")) == [to_server(6, call(6, "sub"), **REGION)]


def test_a_tool_that_becomes_invalid_loses_its_headers(play):
    play.client(request(1, "tools/list"), request(2, "tools/list"))
    play.server(1, answer(1, {"tools": [tool()]}))
    play.server(2, answer(2, {"tools": [tool(header="a b")]}))
    assert play.client(call(3)) == [to_server(3, call(3))]


def test_a_list_without_invalid_tools_passes_byte_for_byte(play):
    play.client(request(1, "tools/list"))
    raw = b'{ "id":1 ,"result":{"tools":[{"name":"a","n":1.10}]}}'
    assert list(play.relay.from_server(1, message(raw))) == [ToClient(message(raw))]


@pytest.mark.parametrize("result", [None, 5, [], "x", {}, {"tools": 5}, {"tools": [5, None, "x", [], {}]}])
def test_a_result_without_a_list_of_tools_passes_unchanged(play, result):
    play.client(request(1, "tools/list"))
    assert play.server(1, {"id": 1, "result": result}) == [to_client({"id": 1, "result": result})]


def test_other_requests_and_notifications_pass_as_they_are(play):
    prompts = request(1, "prompts/list")
    assert play.client(prompts) == [to_server(1, prompts)]
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.ended(1) == []
    assert play.client(notification("n")) == [to_server(2, notification("n"))]
    assert play.woke("some timer") == []


# Invalid tools.


def test_a_modern_client_does_not_see_a_tool_that_cannot_be_called_properly_and_the_log_says_why(modern):
    modern.client(request(1, "tools/list"))
    both = {"tools": [tool("bad\u202e", "a b"), tool()], "ttlMs": 5}
    hidden = note("the tool “bad” is hidden: an x-mcp-header is not a header name")
    assert modern.server(1, answer(1, both)) == [hidden, to_client(answer(1, {"tools": [tool()], "ttlMs": 5}))]


def test_a_legacy_client_sees_every_tool_byte_for_byte_and_an_invalid_one_is_called_without_headers(legacy):
    legacy.client(request(1, "tools/list"))
    raw = b'{ "id":1,"result":{"tools":[%b, %b]}}' % (
        json.dumps(tool("bad", "a b")).encode(),
        json.dumps(tool()).encode(),
    )
    assert list(legacy.relay.from_server(1, message(raw))) == [ToClient(message(raw))]
    assert legacy.client(call(2, "bad")) == [to_server(2, call(2, "bad"))]
    assert legacy.client(call(3)) == [to_server(3, call(3), **REGION)]


def test_a_listing_of_the_bridges_own_logs_the_tools_that_it_hides(modern):
    refused(modern)
    hidden = note("the tool “add” is hidden: an x-mcp-header is not a header name")
    assert modern.server(FIRST, listed(FIRST, tool(header=""))) == [hidden, to_server(1, call(1))]


# -32020: list, then call once more.


def test_a_refused_call_is_sent_again_with_the_headers_of_a_new_listing(play):
    assert refused(play) == [listing(FIRST)]
    assert play.server(FIRST, listed(FIRST, tool())) == [to_server(1, call(1), **REGION)]
    assert play.ended(FIRST) == []
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.ended(1) == []


def test_a_call_with_outdated_headers_is_sent_again_with_new_ones(play):
    play.client(request(1, "tools/list"))
    play.server(1, answer(1, {"tools": [tool(header="Zone")]}))
    assert refused(play, 2, 2) == [listing(FIRST)]
    assert play.server(FIRST, listed(FIRST, tool())) == [to_server(2, call(2), **REGION)]


def test_the_call_waits_until_its_own_end_before_its_number_is_used_again(play):
    play.client(call(1))
    assert play.server(1, mismatch(1)) == []
    assert play.server(1, notification("n")) == [to_client(notification("n"))]
    assert play.ended(1) == [listing(FIRST)]


def test_a_cut_after_the_refusal_changes_nothing(play):
    play.client(call(1))
    play.server(1, mismatch(1))
    assert play.ended(1, OutcomeUnknown("cut")) == [listing(FIRST)]


def test_the_second_refusal_is_the_reply(play):
    refused(play)
    play.server(FIRST, listed(FIRST, tool()))
    assert play.server(1, mismatch(1)) == [to_client(mismatch(1))]
    assert play.ended(1) == []


def test_the_listing_reads_all_pages_and_an_empty_cursor_counts(play):
    refused(play)
    assert play.server(FIRST, listed(FIRST, nextCursor="")) == [listing(SECOND, cursor="")]
    assert play.ended(FIRST) == []
    assert play.server(SECOND, listed(SECOND, tool(), nextCursor=None)) == [to_server(1, call(1), **REGION)]


def test_a_list_without_an_end_is_given_up(play):
    refused(play)
    for number in range(99):
        ((_, own, *_),) = play.server(LISTINGS[number], listed(LISTINGS[number], nextCursor="again"))
        assert own == LISTINGS[number + 1]
    assert play.server(LISTINGS[99], listed(LISTINGS[99], nextCursor="again")) == [to_server(1, call(1))]


def test_a_tool_that_is_not_listed_is_called_once_more_all_the_same(play):
    refused(play)
    assert play.server(FIRST, listed(FIRST, tool("other"))) == [to_server(1, call(1))]


@pytest.mark.parametrize(
    "told",
    [{"jsonrpc": "2.0", "id": own_id(FIRST), "error": {"code": -32603, "message": "no"}}, answer(own_id(FIRST), 5)],
)
def test_when_the_listing_fails_the_refusal_is_the_reply(play, told):
    refused(play)
    assert play.server(FIRST, told) == [to_client(mismatch(1))]
    assert play.ended(FIRST) == []


@pytest.mark.parametrize("error", [None, Unreachable("away"), OutcomeUnknown("cut")])
def test_when_the_listing_ends_without_a_reply_the_refusal_is_the_reply(play, error):
    refused(play)
    assert play.ended(FIRST, error) == [to_client(mismatch(1))]
    assert play.client(call(1)) == [to_server(2, call(1))]


def test_when_the_listing_needs_a_login_so_does_the_call(play):
    refused(play)
    assert play.ended(FIRST, LoginRequired("log in")) == [fail(call(1), LoginRequired)]
    assert play.client(call(1)) == [to_server(2, call(1))]


def test_other_messages_under_the_listing_reach_the_client(play):
    refused(play)
    assert play.server(FIRST, notification("notifications/message")) == [
        to_client(notification("notifications/message"))
    ]
    assert play.server(FIRST, request("s1", "ping")) == [to_client(request("s1", "ping"))]


def test_the_listing_repeats_the_modern_metadata_of_the_call_and_nothing_else(modern):
    modern.client(modern_call(1, progressToken=7, **{"vendor/x": 1}))
    modern.server(1, mismatch(1))
    assert modern.ended(1) == [listing(FIRST, _meta=META)]
    assert modern.server(FIRST, listed(FIRST, nextCursor="2")) == [listing(SECOND, _meta=META, cursor="2")]


@pytest.mark.parametrize("meta", [None, 5, [], "x", {"progressToken": 7, PREFIX + "related-task": {"taskId": "t"}}])
def test_a_legacy_listing_has_no_metadata(legacy, meta):
    legacy.client(call(1, _meta=meta))
    legacy.server(1, mismatch(1))
    assert legacy.ended(1) == [listing(FIRST)]


def test_two_refused_calls_have_a_listing_each(play):
    refused(play, 1, 1)
    assert refused(play, 2, 2) == [listing(SECOND)]
    assert play.server(SECOND, listed(SECOND, tool())) == [to_server(2, call(2), **REGION)]
    assert play.server(FIRST, listed(FIRST, tool())) == [to_server(1, call(1), **REGION)]


@pytest.mark.parametrize("method", ["tools/list", "prompts/get", "resources/read"])
def test_only_a_tools_call_is_repeated(play, method):
    play.client(request(1, method))
    assert play.server(1, mismatch(1)) == [to_client(mismatch(1))]


@pytest.mark.parametrize("told", [{"content": [{"type": "text", "text": "-32020"}]}, {"isError": True, "code": -32020}])
def test_a_result_that_mentions_the_code_is_a_result(play, told):
    play.client(call(1))
    assert play.server(1, answer(1, told)) == [to_client(answer(1, told))]


def test_a_refusal_of_another_request_does_not_count(play):
    play.client(call(1))
    assert play.server(1, mismatch(2)) == []
    assert play.ended(1) == [fail(call(1), OutcomeUnknown)]


def test_a_result_after_the_refusal_is_the_reply_and_nothing_is_repeated(play):
    play.client(call(1))
    play.server(1, mismatch(1))
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.ended(1) == []


def cancelling(play, id_=1):
    """What cancelling the call leads to, apart from the notification that legacy servers get."""
    return [words for words in play.client(cancelled(id_)) if words[0] != "to server"]


def test_cancelling_between_the_refusal_and_its_end_repeats_nothing(play):
    play.client(call(1))
    play.server(1, mismatch(1))
    assert cancelling(play) == [hangup(1)]
    assert play.ended(1) == []


def test_cancelling_during_the_listing_ends_the_listing_too(play):
    refused(play)
    assert cancelling(play) == [hangup(FIRST), hangup(1)]
    assert play.server(FIRST, listed(FIRST, tool())) == []
    assert play.ended(FIRST) == []


def test_cancelling_the_second_attempt_hangs_up(play):
    refused(play)
    play.server(FIRST, listed(FIRST, tool()))
    assert cancelling(play) == [hangup(1)]
    assert play.server(1, mismatch(1)) == []
    assert play.ended(1) == []


def test_a_reply_is_never_made_up(play):
    for told in (answer(1), mismatch(1), notification("n")):
        assert all(action.message.kind is not Kind.REPLY for action in play.relay.from_server(9, message(told)))
    assert in_words(play.relay.ended(9, None)) == []


# With retries and deadlines.


@pytest.fixture
def delivered():
    return Playbook(ParameterHeaders(Delivery(Passthrough(), RelaySettings(deadline=20)), hide_invalid))


def test_a_deadline_ends_the_listing_too(delivered):
    refused(delivered)
    for _ in range(20):
        assert delivered.woke("deadline") == [wake("deadline", 1)]
    _, *ended = delivered.woke("deadline")  # the first one tells a legacy server
    assert ended == [hangup(FIRST), hangup(1), fail(call(1), Overdue)]
    assert delivered.server(FIRST, listed(FIRST, tool())) == []


def test_a_second_attempt_that_was_not_sent_is_tried_again_with_its_headers(delivered):
    refused(delivered)
    delivered.server(FIRST, listed(FIRST, tool()))
    ((word, timer, _),) = delivered.ended(1, Unreachable("away"))
    assert word == "wake"
    assert delivered.woke(timer) == [to_server(1, call(1), **REGION)]


# In a legacy session.

LOST = SessionLost("the server no longer knows the MCP session")


@pytest.fixture
def session():
    play = Playbook(LegacySession(ParameterHeaders(Passthrough(), show_all)))
    play.client(INITIALIZE)
    opened(play, -1)
    return play


def opened(play, number):
    """The session is open, after the call `number` for `initialize` and the next one for the confirmation."""
    play.server(number, answer(0, WELCOMED))
    play.ended(number)
    play.client(INITIALIZED)
    return play.ended(number - 1)


def in_session(action):
    word, number, value, headers = action
    return word, number, value, {**headers, **VERSION}


def test_in_a_legacy_session_the_listing_and_the_second_attempt_have_the_sessions_headers(session):
    assert session.client(call(1)) == [to_server(1, call(1), **VERSION)]
    session.server(1, mismatch(1))
    assert session.ended(1) == [in_session(listing(FIRST))]
    assert session.server(FIRST, listed(FIRST, tool())) == [to_server(1, call(1), **VERSION, **REGION)]
    assert session.ended(FIRST) == []
    assert session.server(1, answer(1)) == [to_client(answer(1))]


def test_a_call_of_a_lost_session_is_replayed_with_its_headers(session):
    session.client(request(1, "tools/list"))
    session.server(1, answer(1, {"tools": [tool()]}))
    session.ended(1)
    session.client(call(2))
    assert session.ended(2, LOST)[0] == to_server(-3, INITIALIZE)
    assert opened(session, -3)[-1] == to_server(2, call(2), **VERSION, **REGION)


def test_a_listing_in_a_lost_session_is_replayed_in_the_next_one(session):
    refused(session)
    assert session.ended(FIRST, LOST)[0] == to_server(-3, INITIALIZE)
    assert opened(session, -3)[-1] == in_session(listing(FIRST))
    assert session.server(FIRST, listed(FIRST, tool())) == [to_server(1, call(1), **VERSION, **REGION)]


def test_a_listing_whose_session_cannot_be_opened_again_ends_its_call_with_the_refusal(session):
    refused(session)
    session.ended(FIRST, LOST)
    assert to_client(mismatch(1)) in session.ended(-3, Unreachable("away"))


def test_cancelling_a_call_while_its_listing_waits_for_a_session_ends_both(session):
    refused(session)
    session.ended(FIRST, LOST)
    assert session.client(cancelled(1)) == [hangup(FIRST), hangup(1)]
    assert not any("tools" in str(words) for words in opened(session, -3) if words[0] == "to server")
