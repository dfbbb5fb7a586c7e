"""Lists are answered from memory while the server is away, slow or lacks a login. The truth follows when it comes."""

import json

import pytest
from relaying import (
    INITIALIZE,
    INITIALIZED,
    VERSION,
    WELCOMED,
    Playbook,
    answer,
    cancelled,
    fail,
    remember,
    report,
    request,
    session_opened,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import (
    AccessDenied,
    LoginRequired,
    OurProtocolError,
    OutcomeUnknown,
    StoreError,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.relay.away import may_be_wrong_url
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.list_results import COMPLETE
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.remembered_lists import (
    AGAIN,
    PATIENCE,
    PATIENCE_FOR_UNKNOWN_TOOLS,
    PATIENCE_WITH_THE_SLOW,
    RememberedLists,
)

FIELDS = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
KNOWN = {method: {field: [{"name": "old"}]} for method, field in FIELDS.items()}
MEMORY = {method: json.dumps(result).encode() for method, result in KNOWN.items()}
TOOLS = {"tools": [{"name": "new"}]}
LIST = request(1, "tools/list")
PROMPTS = request(2, "prompts/list")
OWN = {**LIST, "id": "mcp-auth-bridge/tools/list/2"}

NO_LOGIN = LoginRequired("a login to acme is needed")
BUSY = UpstreamFailed("the server answered with HTTP 429", status=429, retry_after=7.0)
AWAY = [
    Unreachable("no route"),
    OutcomeUnknown("cut"),
    BUSY,
    *(UpstreamFailed("…", status=status) for status in (404, 405, 500, 502, 503, 504)),
]
OPENING = request("o", "initialize")
OPENED = {**WELCOMED, "capabilities": {"tools": {}, "resources": {}}}
CHANGED = to_client({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
OTHERS_CHANGED = to_client({"jsonrpc": "2.0", "method": "notifications/resources/list_changed"})


def playing(memory=None):
    """A client that knows of tools and resources, and has no list yet."""
    play = Playbook(RememberedLists(Passthrough(), memory or {}))
    play.client(OPENING)
    play.server(1, answer("o", OPENED))
    return play


@pytest.fixture
def play():
    return playing()


def first_call(words):
    return next(word[1] for word in words if word[0] == "to server")


# What is remembered


@pytest.mark.parametrize("method", FIELDS)
def test_a_whole_list_is_passed_on_and_remembered(play, method):
    asked = request(1, method)
    assert to_server(2, asked) in play.client(asked)
    assert play.server(2, answer(1, KNOWN[method])) == [
        remember(method, KNOWN[method]),
        to_client(answer(1, KNOWN[method])),
    ]
    assert play.woke("list 1") == []


def test_an_unchanged_list_is_not_remembered_again():
    play = playing(MEMORY)
    play.client(LIST)
    assert play.server(2, answer(1, KNOWN["tools/list"])) == [to_client(answer(1, KNOWN["tools/list"]))]


@pytest.mark.parametrize("result", [{"tools": [], "nextCursor": ""}, 5, [], {"tools": 5}, {}])
def test_a_partial_or_strange_list_is_passed_on_and_not_remembered(play, result):
    play.client(LIST)
    assert play.server(2, answer(1, result)) == [to_client(answer(1, result))]


def test_a_later_page_is_not_remembered_and_fails_as_it_fails(play):
    page = request(1, "tools/list", cursor="2")
    assert play.client(page) == [to_server(2, page)]
    assert play.ended(2, Unreachable("no route")) == [fail(page, Unreachable)]
    play.client(page)
    assert play.server(3, answer(1, TOOLS)) == [to_client(answer(1, TOOLS))]


def test_an_error_of_the_server_is_its_own(play):
    refusal = {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}}
    play.client(LIST)
    assert play.server(2, refusal) == [to_client(refusal)]


@pytest.mark.parametrize("memory", [{"tools/list": b"5"}, {"tools/list": b'{"tools":[],"nextCursor":"x"}'}])
def test_a_strange_memory_does_not_count(memory):
    play = playing(memory)
    play.client(LIST)
    assert to_client(answer(1, {"tools": []})) in play.ended(2, Unreachable("no route"))


# A server that is away, or lacks a login


@pytest.mark.parametrize("error", [*AWAY, NO_LOGIN, StoreError("locked")])
@pytest.mark.parametrize("method", FIELDS)
def test_a_list_is_answered_from_memory(method, error):
    play = playing(MEMORY)
    play.client(request(1, method))
    assert play.ended(2, error)[0] == to_client(answer(1, KNOWN[method]))


@pytest.mark.parametrize("error", [error for error in AWAY if not may_be_wrong_url(error)])
@pytest.mark.parametrize(("method", "field"), FIELDS.items())
def test_an_unknown_list_of_a_server_that_is_away_is_empty_and_the_log_says_why(play, method, field, error):
    play.client(request(1, method))
    answered, noted, again = play.ended(2, error)
    assert sorted([answered, noted]) == sorted([to_client(answer(1, {field: []})), report(type(error))])
    assert again[:2] == ("wake", AGAIN)


@pytest.mark.parametrize("error", [error for error in AWAY if may_be_wrong_url(error)])
def test_unknown_tools_fail_with_the_error_of_a_url_that_may_be_wrong(play, error):
    play.client(LIST, PROMPTS)
    assert play.ended(2, error)[0] == fail(LIST, type(error))
    assert to_client(answer(PROMPTS["id"], {"prompts": []})) in play.ended(3, error)


def test_the_log_names_a_reason_once(play):
    play.client(LIST, PROMPTS)
    assert report(Unreachable) in play.ended(2, Unreachable("no route"))
    assert report(Unreachable) not in play.ended(3, Unreachable("no route"))


def test_without_a_login_unknown_lists_are_empty_and_the_tools_are_for_the_login_tool(play):
    play.client(LIST, PROMPTS)
    assert play.ended(2, NO_LOGIN) == [fail(LIST, LoginRequired), wake(AGAIN, 1.0)]
    assert play.ended(3, NO_LOGIN) == [to_client(answer(2, {"prompts": []}))]


@pytest.mark.parametrize("error", [AccessDenied("no"), StoreError("locked"), OurProtocolError("no")])
def test_where_a_person_must_act_the_tools_fail_and_the_other_lists_are_empty_until_the_server_is_heard(play, error):
    play.client(LIST, PROMPTS)
    assert play.ended(2, error) == [fail(LIST, type(error))]
    assert play.ended(3, error) == [to_client(answer(2, {"prompts": []}))]
    play.client(LIST)
    play.server(4, answer(1, TOOLS))
    play.client(PROMPTS)
    assert play.ended(5, error) == [fail(PROMPTS, type(error))]


def test_a_denied_list_is_not_answered_from_memory():
    play = playing(MEMORY)
    play.client(LIST)
    assert play.ended(2, AccessDenied("no")) == [fail(LIST, AccessDenied)]


def test_a_modern_client_gets_a_modern_result_and_a_legacy_client_a_legacy_one():
    modern = {**KNOWN["tools/list"], **COMPLETE, "ttlMs": 60000, "cacheScope": "public"}
    memory = {"tools/list": json.dumps(modern).encode()}
    for meta, expected in (
        ({"io.modelcontextprotocol/protocolVersion": "2026-07-28"}, {**KNOWN["tools/list"], **COMPLETE}),
        ({}, KNOWN["tools/list"]),
    ):
        play = playing(memory)
        play.client(request(1, "tools/list", _meta=meta))
        assert play.ended(2, Unreachable("no route"))[0] == to_client(answer(1, expected))


# The truth, later


def away(play, *asked):
    """A server that was away when the client asked for these lists."""
    for call, message in enumerate(asked, 2):
        play.client(message)
        play.ended(call, Unreachable("no route"))
    return play


def test_the_relay_asks_again_by_itself_and_the_client_is_told():
    play = away(playing(MEMORY), LIST)
    assert play.woke(AGAIN) == [to_server(3, OWN)]
    assert play.server(3, answer(OWN["id"], TOOLS)) == [remember("tools/list", TOOLS), CHANGED]
    assert play.woke(AGAIN) == []


def test_a_list_that_has_not_changed_is_not_told():
    play = away(playing(MEMORY), LIST)
    play.woke(AGAIN)
    assert play.server(3, answer(OWN["id"], KNOWN["tools/list"])) == []


def test_a_list_that_failed_is_told_when_it_is_there(play):
    play.client(LIST)
    play.ended(2, NO_LOGIN)
    play.woke(AGAIN)
    assert play.server(3, answer(OWN["id"], TOOLS)) == [remember("tools/list", TOOLS), CHANGED]


def test_the_other_lists_that_the_client_lacks_are_told_with_it():
    play = away(playing(MEMORY), request(2, "resources/list"), LIST)
    (sent,) = play.woke(AGAIN)
    assert sent[2]["method"] == "tools/list"
    assert play.server(4, answer(sent[2]["id"], TOOLS))[1:] == [CHANGED, OTHERS_CHANGED]


def test_a_list_that_the_client_does_not_know_of_is_not_told():
    play = away(playing(MEMORY), PROMPTS)
    (sent,) = play.woke(AGAIN)
    assert play.server(3, answer(sent[2]["id"], {"prompts": []})) == [remember("prompts/list", {"prompts": []})]


def test_a_server_that_refuses_the_list_later_ends_the_asking():
    play = away(playing(MEMORY), LIST)
    play.woke(AGAIN)
    refusal = {"jsonrpc": "2.0", "id": OWN["id"], "error": {"code": 1, "message": "no"}}
    assert play.server(3, refusal) == []
    assert play.woke(AGAIN) == []


def test_the_relay_does_not_ask_again_what_the_client_has_got_meanwhile():
    play = away(playing(MEMORY), LIST)
    play.client(LIST)
    play.server(3, answer(1, TOOLS))
    assert play.woke(AGAIN) == []


@pytest.mark.parametrize(
    ("error", "pauses"), [(Unreachable("no route"), [1, 2, 4, 8, 16, 30, 30]), (NO_LOGIN, [1] * 7)]
)
def test_the_relay_asks_less_and_less_often_but_looks_for_a_login_every_second(play, error, pauses):
    play.client(LIST)
    seen = []
    for call in range(2, 9):
        (*_, (_, timer, pause)) = play.ended(call, error)
        seen.append(pause)
        play.woke(timer)
    assert seen == pauses


def test_a_clients_own_attempts_do_not_lengthen_the_pauses(play):
    away(play, LIST)
    for call in (3, 4, 5):
        play.client(LIST)
        assert play.ended(call, Unreachable("no route")) == [to_client(answer(1, {"tools": []}))]
    (sent,) = play.woke(AGAIN)
    assert play.ended(sent[1], Unreachable("no route")) == [wake(AGAIN, 2.0)]


def test_the_pause_that_a_server_asks_for_is_kept(play):
    play.client(LIST)
    assert play.ended(2, BUSY)[-1] == wake(AGAIN, 7.0)


def test_an_error_that_needs_a_person_ends_the_asking():
    play = away(playing(MEMORY), LIST)
    play.woke(AGAIN)
    assert play.ended(3, AccessDenied("no")) == []


def test_a_repeated_request_does_not_report_progress_for_the_clients():
    play = away(playing(MEMORY), request(1, "tools/list", _meta={"progressToken": 1, "x": 2}))
    ((_, _, sent, _),) = play.woke(AGAIN)
    assert sent["params"] == {"_meta": {"x": 2}}


# A slow server


@pytest.mark.parametrize(
    ("memory", "asked", "seconds"),
    [
        (MEMORY, LIST, PATIENCE),
        ({}, LIST, PATIENCE_FOR_UNKNOWN_TOOLS),
        ({}, PROMPTS, PATIENCE),
    ],
)
def test_a_list_waits_for_less_time_than_clients_do(memory, asked, seconds):
    assert playing(memory).client(asked)[0] == wake("list 1", seconds)
    assert seconds < 20


@pytest.mark.parametrize(("memory", "told"), [(MEMORY, KNOWN["tools/list"]), ({}, {"tools": []})])
def test_a_list_that_comes_too_late_is_told_as_a_change(memory, told):
    play = playing(memory)
    play.client(LIST)
    assert play.woke("list 1") == [to_client(answer(1, told))]
    assert play.server(2, answer(1, TOOLS)) == [remember("tools/list", TOOLS), CHANGED]


def test_a_late_list_without_news_is_dropped():
    play = playing(MEMORY)
    play.client(LIST)
    play.woke("list 1")
    assert play.server(2, answer(1, KNOWN["tools/list"])) == []


def test_a_late_failure_is_dropped_and_the_list_asked_for_again():
    play = playing(MEMORY)
    play.client(LIST)
    play.woke("list 1")
    assert play.ended(2, Unreachable("no route")) == [wake(AGAIN, 1.0)]
    assert play.woke(AGAIN) == [to_server(3, OWN)]


def test_a_slow_server_is_asked_once_and_a_second_request_waits_for_the_same_reply():
    play = playing(MEMORY)
    play.client(LIST)
    play.woke("list 1")
    assert play.client(request(5, "tools/list")) == [wake("list 2", PATIENCE_WITH_THE_SLOW)]
    assert play.server(2, answer(1, TOOLS)) == [remember("tools/list", TOOLS), to_client(answer(5, TOOLS))]
    assert play.woke("list 2") == []


def test_the_second_request_does_not_wait_for_long():
    play = playing(MEMORY)
    play.client(LIST)
    play.woke("list 1")
    play.client(request(5, "tools/list"))
    assert play.woke("list 2") == [to_client(answer(5, KNOWN["tools/list"]))]
    assert play.server(2, answer(1, TOOLS)) == [remember("tools/list", TOOLS), CHANGED]


def test_a_client_that_lists_in_turn_waits_for_the_first_only():
    play = playing(MEMORY)
    play.client(LIST)
    play.woke("list 1")
    assert play.client(PROMPTS) == [wake("list 2", PATIENCE_WITH_THE_SLOW), to_server(3, PROMPTS)]


def test_lists_on_their_way_are_told_each_for_itself():
    play = playing(MEMORY)
    play.client(LIST, request(2, "resources/list"))
    play.woke("list 1")
    play.woke("list 2")
    assert play.server(2, answer(1, TOOLS)) == [remember("tools/list", TOOLS), CHANGED]
    assert play.server(3, answer(2, {"resources": []}))[1:] == [OTHERS_CHANGED]


def test_the_relay_asks_for_nothing_while_a_list_is_on_its_way():
    play = away(playing(MEMORY), LIST)
    play.client(PROMPTS)
    play.woke("list 2")
    assert play.woke(AGAIN) == []


def test_an_id_is_not_free_while_its_late_reply_is_awaited():
    play = playing(MEMORY)
    play.client(LIST)
    play.woke("list 1")
    assert play.client(request(1, "tools/call")) == [fail(request(1, "tools/call"), OurProtocolError)]


# Cancellation


def test_a_cancelled_list_gets_no_reply(play):
    play.client(LIST)
    assert play.client(cancelled(1))[-1][0] == "hang up"
    assert play.woke("list 1") == []
    assert play.server(2, answer(1, TOOLS)) == []


def test_a_late_list_is_wanted_although_its_request_is_cancelled():
    play = playing(MEMORY)
    play.client(LIST)
    play.woke("list 1")
    play.client(request(5, "tools/list"))
    assert play.client(cancelled(1), cancelled(5)) == []
    assert play.woke("list 2") == []
    assert play.server(2, answer(1, TOOLS)) == [remember("tools/list", TOOLS), CHANGED]


# Sessions


def in_sessions(memory=None):
    play = Playbook(RememberedLists(LegacySession(Passthrough()), memory or {}))
    play.client(INITIALIZE)
    return play


def test_a_session_that_opens_late_is_told_to_a_client_with_lists_from_memory():
    play = in_sessions(MEMORY)
    play.server(-1, answer(0, WELCOMED))
    play.client(INITIALIZED, LIST)
    play.woke("list 1")
    assert play.ended(-2) == [*session_opened(**VERSION), CHANGED, to_server(1, LIST, **VERSION)]
    assert play.client(request(5, "tools/list")) == [wake("list 2", PATIENCE_WITH_THE_SLOW)]
    assert play.server(1, answer(1, TOOLS)) == [remember("tools/list", TOOLS), to_client(answer(5, TOOLS))]


def test_a_session_that_opens_in_time_is_nothing_to_tell():
    play = in_sessions()
    play.server(-1, answer(0, WELCOMED))
    play.client(INITIALIZED, LIST)
    assert play.ended(-2) == [*session_opened(**VERSION), to_server(1, LIST, **VERSION)]


def test_a_session_in_place_of_a_lost_one_is_told():
    play = in_sessions()
    play.server(-1, answer(0, WELCOMED))
    play.client(INITIALIZED)
    play.ended(-2)
    play.client(request(5))
    play.ended(1, NO_LOGIN)
    play.woke("reopen")
    play.server(-3, answer(0, WELCOMED))
    assert play.ended(-4) == [*session_opened(**VERSION), CHANGED]


def test_a_new_session_of_the_clients_own_is_not():
    play = in_sessions()
    play.server(-1, answer(0, WELCOMED))
    play.client(INITIALIZED)
    play.ended(-2)
    play.client({**INITIALIZE, "id": 7})
    play.server(-3, answer(7, WELCOMED))
    play.client(INITIALIZED)
    assert play.ended(-4) == [*session_opened(**VERSION)]


def test_everything_else_passes(play):
    call = request(7, name="x", arguments={"a": 1})
    assert play.client(call) == [to_server(2, call)]
    assert play.ended(2, NO_LOGIN) == [fail(call, LoginRequired)]
    assert play.woke("another") == []


def test_it_has_nothing_to_do_between_the_replies_that_it_looks_at():
    play = Playbook(RememberedLists(Passthrough(), {}))
    assert play.relay.is_idle
    play.client(OPENING)
    assert not play.relay.is_idle
    play.server(1, answer("o", OPENED))
    assert play.relay.is_idle
    play.client(request(1, "tools/list"))
    assert not play.relay.is_idle
    play.server(2, answer(1, {"tools": []}))
    assert play.relay.is_idle
