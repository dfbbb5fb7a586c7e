"""`initialize` is answered in time and never with an error. A missing login is told where users and models look."""

import json

import pytest
from relaying import (
    INITIALIZE,
    INITIALIZED,
    SIGN_IN,
    VERSION,
    WELCOMED,
    Playbook,
    answer,
    cancelled,
    fail,
    notification,
    remember,
    request,
    session_opened,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge import __version__
from mcp_auth_bridge.errors import AccessDenied, LoginRequired, OurProtocolError, Unreachable
from mcp_auth_bridge.relay.call_numbers import SIGN_IN as SIGN_IN_CALL
from mcp_auth_bridge.relay.early_initialize import PATIENCE, EarlyInitialize
from mcp_auth_bridge.relay.legacy_session import REOPEN, LegacySession
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.signing_in import SigningIn

NO_LOGIN = LoginRequired("a login to acme is needed", "run: mcp-auth-bridge login acme")
AWAY = Unreachable("no route")
OPENED = answer(0, WELCOMED)
TOOLS = {"tools": [{"name": "add"}]}
LISTEN = {"listChanged": True}
MINIMAL = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": LISTEN, "prompts": LISTEN, "resources": LISTEN},
    "serverInfo": {"name": "acme", "version": __version__},
}
REMEMBERED = {**WELCOMED, "capabilities": {"tools": LISTEN}}
MEMORY = {"initialize": json.dumps(WELCOMED).encode(), "tools/list": json.dumps(TOOLS).encode()}
LIST = request(1, "tools/list")
CHANGED = "notifications/tools/list_changed"


def playing(memory=None):
    return Playbook(EarlyInitialize(LegacySession(Passthrough()), "acme", memory or {}))


@pytest.fixture
def play():
    return playing()


def opened(play):
    play.client(INITIALIZE, INITIALIZED)
    play.server(-1, OPENED)
    return play.ended(-2)


def told(words):
    """The first message to the client among `words`."""
    return next(word[1] for word in words if word[0] == "to client" and "id" in word[1])


# The opening


def test_a_fast_server_answers_by_itself(play):
    assert play.client(INITIALIZE) == [
        wake("early initialize", PATIENCE),
        to_server(-1, INITIALIZE),
        wake("opening", 60.0),
    ]
    assert play.server(-1, OPENED) == [remember("initialize", WELCOMED), to_client(OPENED)]
    assert play.woke("early initialize") == []
    play.client(INITIALIZED)
    assert play.ended(-2) == [*session_opened(**VERSION)]


@pytest.mark.parametrize(("memory", "result"), [({}, MINIMAL), (MEMORY, REMEMBERED)])
def test_memory_answers_for_a_slow_server_and_its_own_reply_is_dropped(memory, result):
    play = playing(memory)
    play.client(INITIALIZE)
    assert play.woke("early initialize") == [to_client(answer(0, result))]
    assert play.client(INITIALIZED) == []
    late = play.server(-1, answer(0, {**WELCOMED, "instructions": "new"}))
    assert late == [
        remember("initialize", {**WELCOMED, "instructions": "new"}),
        to_server(-2, INITIALIZED, **VERSION),
    ]
    changed = [
        to_client({"jsonrpc": "2.0", "method": f"notifications/{name}/list_changed"}) for name in result["capabilities"]
    ]
    assert play.ended(-2) == [*session_opened(**VERSION), *changed]


def test_the_list_changed_is_told_once_for_each_session(play):
    play.client(INITIALIZE)
    play.woke("early initialize")
    play.client(INITIALIZED)
    play.server(-1, OPENED)
    assert len(play.ended(-2)) == len(session_opened()) + 3
    play.client(request(5))
    play.ended(1, NO_LOGIN)
    play.woke(REOPEN)
    play.server(-3, OPENED)
    assert len(play.ended(-4)) == len(session_opened()) + 3


@pytest.mark.parametrize("error", [NO_LOGIN, AWAY, AccessDenied("no"), OurProtocolError("no")])
def test_a_failed_initialize_is_answered_from_memory(error):
    play = playing(MEMORY)
    play.client(INITIALIZE)
    assert to_client(answer(0, REMEMBERED)) in play.ended(-1, error)
    assert play.woke("early initialize") == []


def test_a_failure_after_the_reply_from_memory_is_dropped(play):
    play.client(INITIALIZE)
    play.woke("early initialize")
    assert play.ended(-1, NO_LOGIN) == [wake(REOPEN, 1.0)]


def test_a_refusal_after_the_reply_from_memory_is_dropped(play):
    play.client(INITIALIZE)
    play.woke("early initialize")
    assert play.server(-1, {"jsonrpc": "2.0", "id": 0, "error": {"code": 1, "message": "no"}}) == []


def test_a_refusal_in_time_is_answered_from_memory(play):
    refusal = {"jsonrpc": "2.0", "id": 0, "error": {"code": 1, "message": "no"}}
    play.client(INITIALIZE)
    assert told(play.server(-1, refusal))["result"]["serverInfo"]["name"]
    assert play.woke("early initialize") == []


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("2024-11-05", "2024-11-05"), ("2025-11-25", "2025-11-25"), ("2099-01-01", "2025-11-25"), ([], "2025-11-25")],
)
def test_a_reply_from_memory_names_the_clients_version(asked, answered):
    play = playing(MEMORY)
    play.client(request("a", "initialize", protocolVersion=asked))
    assert told(play.woke("early initialize"))["result"]["protocolVersion"] == answered


def test_a_reply_from_memory_keeps_the_spelling_of_the_id(play):
    play.client(b'{"id":1.0,"method":"initialize"}')
    (action,) = play.relay.woke("early initialize")
    assert action.message.id == b"1.0"
    assert b'"id":1.0,' in action.message.raw


@pytest.mark.parametrize(
    "remembered",
    [
        b"5",
        b"[]",
        b"null",
        b"not JSON",
        b"[" * 100_000,
        b'{"capabilities":[],"serverInfo":5}',
        b'{"capabilities":5}',
        b'{"capabilities":{}}',
        b'{"instructions":"\\ud800"}',
    ],
)
def test_a_strange_memory_does_not_count(remembered):
    play = playing({"initialize": remembered})
    play.client(INITIALIZE)
    assert play.woke("early initialize") == [to_client(answer(0, MINIMAL))]


def test_a_strange_capability_is_replaced_by_a_plain_one():
    play = playing({"initialize": b'{"capabilities":{"tools":true,"logging":1}}'})
    play.client(INITIALIZE)
    assert told(play.woke("early initialize"))["result"]["capabilities"] == {"tools": LISTEN, "logging": 1}


@pytest.mark.parametrize("result", [5, [], None, "x"])
def test_a_strange_result_is_relayed_and_not_remembered(play, result):
    play.client(INITIALIZE)
    reply = {"jsonrpc": "2.0", "id": 0, "result": result}
    assert play.server(-1, reply) == [to_client(reply)]


def test_a_second_initialize_is_refused_and_the_first_is_still_answered(play):
    again = {**INITIALIZE, "id": 1}
    play.client(INITIALIZE)
    assert play.client(again) == [fail(again, OurProtocolError)]
    assert play.woke("early initialize") == [to_client(answer(0, MINIMAL))]


def test_a_later_initialize_is_answered_like_the_first(play):
    opened(play)
    again = {**INITIALIZE, "id": "b"}
    assert play.client(again) == [wake("early initialize", PATIENCE), to_server(-3, again), wake("opening", 60.0)]
    assert told(play.woke("early initialize"))["id"] == "b"
    assert play.server(-3, answer("b", WELCOMED)) == []
    assert play.client(INITIALIZED) == [to_server(-4, INITIALIZED, **VERSION)]


# What is remembered


def test_an_unchanged_result_is_not_remembered_again():
    play = playing({"initialize": json.dumps(WELCOMED).encode()})
    play.client(INITIALIZE)
    assert play.server(-1, OPENED) == [to_client(OPENED)]


def test_a_new_session_of_the_bridges_own_is_remembered_too(play):
    opened(play)
    play.client(request(1))
    play.ended(1, NO_LOGIN)
    play.woke(REOPEN)
    assert play.server(-3, answer(0, {**WELCOMED, "instructions": "new"}))[0] == remember(
        "initialize", {**WELCOMED, "instructions": "new"}
    )


def test_a_whole_list_of_tools_is_remembered(play):
    opened(play)
    assert play.client(LIST) == [to_server(1, LIST, **VERSION)]
    assert play.server(1, answer(1, TOOLS)) == [remember("tools/list", TOOLS), to_client(answer(1, TOOLS))]


@pytest.mark.parametrize("result", [{"tools": [], "nextCursor": ""}, 5, [], {"tools": 5}, {}])
def test_a_partial_or_strange_list_is_passed_on_and_not_remembered(play, result):
    opened(play)
    play.client(LIST)
    assert play.server(1, answer(1, result)) == [to_client(answer(1, result))]


def test_a_later_page_is_not_remembered(play):
    opened(play)
    play.client(request(1, "tools/list", cursor="2"))
    assert play.server(1, answer(1, TOOLS)) == [to_client(answer(1, TOOLS))]


def test_an_error_is_not_remembered(play):
    opened(play)
    play.client(LIST)
    refusal = {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}}
    assert play.server(1, refusal) == [to_client(refusal)]


def test_the_id_of_a_cancelled_list_may_be_used_for_another_request(play):
    opened(play)
    play.client(LIST, cancelled(1), request(1))
    assert play.server(3, answer(1, TOOLS)) == [to_client(answer(1, TOOLS))]


# Without a login


def without_login(memory=None):
    play = playing(memory)
    play.client(INITIALIZE)
    play.ended(-1, NO_LOGIN)
    play.client(INITIALIZED)
    return play


def test_without_a_login_the_remembered_tools_are_listed_and_a_call_fails():
    play = without_login(MEMORY)
    assert play.client(LIST) == [to_server(-2, INITIALIZE), wake("opening", 60.0)]
    assert to_client(answer(1, TOOLS)) in play.ended(-2, NO_LOGIN)
    play.client(request(2, name="add"))
    assert fail(request(2, name="add"), LoginRequired) in play.ended(-3, NO_LOGIN)


def test_without_a_login_and_a_memory_one_tool_says_how_to_log_in():
    play = without_login()
    play.client(LIST)
    (tool,) = told(play.ended(-2, NO_LOGIN))["result"]["tools"]
    assert tool["name"] == "acme_login"
    assert play.client(request(2, name="acme_login")) == [fail(request(2, name="acme_login"), LoginRequired)]


def test_that_tool_starts_the_login_and_tells_when_it_is_done():
    play = without_login()
    play.relay = SigningIn(play.relay, "acme")
    play.client(LIST)
    play.ended(-2, NO_LOGIN)
    assert SIGN_IN in play.client(request(2, name="acme_login"))
    done = told(play.ended(SIGN_IN_CALL))
    assert done["result"]["isError"] is False
    assert "signed in" in done["result"]["content"][0]["text"]


def test_that_tool_tells_that_there_is_a_login():
    play = without_login()
    play.client(LIST)
    play.ended(-2, NO_LOGIN)
    play.woke(REOPEN)
    play.server(-3, OPENED)
    assert to_client({"jsonrpc": "2.0", "method": CHANGED}) in play.ended(-4)
    done = told(play.client(request(2, name="acme_login")))
    assert done["result"]["isError"] is False
    assert "signed in" in done["result"]["content"][0]["text"]


def test_a_tool_of_the_server_with_that_name_is_called_unless_the_bridge_lists_its_own(play):
    opened(play)
    call = request(2, name="acme_login")
    assert play.client(call) == [to_server(1, call, **VERSION)]


def test_only_the_list_of_tools_is_answered_without_a_login():
    play = without_login(MEMORY)
    prompts = request(1, "prompts/list")
    play.client(prompts)
    assert fail(prompts, LoginRequired) in play.ended(-2, NO_LOGIN)


def test_a_name_that_is_a_url_makes_a_name_that_tools_may_have():
    play = Playbook(EarlyInitialize(LegacySession(Passthrough()), "https://mcp.acme.example/mcp?" + "x" * 80, {}))
    play.client(INITIALIZE)
    play.ended(-1, NO_LOGIN)
    play.client(LIST)
    (tool,) = told(play.ended(-2, NO_LOGIN))["result"]["tools"]
    assert tool["name"] == "acme_login"


# Without a server


def test_without_a_server_the_remembered_tools_are_listed():
    play = playing(MEMORY)
    play.client(INITIALIZE, INITIALIZED, LIST)
    assert to_client(answer(1, TOOLS)) in play.ended(-1, AWAY)
    play.woke(REOPEN)
    play.server(-2, OPENED)
    assert play.ended(-3) == [*session_opened(**VERSION), to_client({"jsonrpc": "2.0", "method": CHANGED})]


def test_without_a_server_and_a_memory_the_list_fails():
    play = playing()
    play.client(INITIALIZE, INITIALIZED, LIST)
    assert fail(LIST, Unreachable) in play.ended(-1, AWAY)


def test_a_server_that_denies_the_list_is_not_answered_for():
    play = playing(MEMORY)
    opened(play)
    play.client(LIST)
    assert play.ended(1, AccessDenied("no")) == [fail(LIST, AccessDenied)]


def test_everything_else_passes_untouched(play):
    opened(play)
    call = request(7, name="x", arguments={"a": 1})
    assert play.client(call) == [to_server(1, call, **VERSION)]
    assert play.server(1, notification("n")) == [to_client(notification("n"))]
    assert play.server(1, answer(7)) == [to_client(answer(7))]
    assert play.stream(request("s", "roots/list")) == [to_client(request("s", "roots/list"))]
    assert play.client(answer("s")) == [to_server(2, answer("s"), **VERSION)]
    assert play.woke("another") == []
