"""A legacy client and a modern server: the opening, and what each side gets of the other's messages."""

import pytest
from relaying import (
    INITIALIZED,
    Playbook,
    answer,
    cancelled,
    fail,
    hangup,
    message,
    notification,
    remember,
    request,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import (
    AccessDenied,
    EraRefused,
    LoginRequired,
    MethodUnknown,
    OurProtocolError,
    StepUpRequired,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.relay.legacy_session import REOPEN
from mcp_auth_bridge.relay.legacy_to_modern import LegacyToModern
from mcp_auth_bridge.relay.passthrough import Passthrough

INITIALIZE = request(
    0,
    "initialize",
    protocolVersion="2025-06-18",
    capabilities={"roots": {"listChanged": True}, "tasks": {}},
    clientInfo={"name": "ide", "version": "2"},
)
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "ide", "version": "2"},
    "io.modelcontextprotocol/clientCapabilities": {"roots": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}},
}
DISCOVERED = {
    "resultType": "complete",
    "supportedVersions": ["2026-07-28"],
    "capabilities": {"tools": {}, "logging": {}},
    "instructions": "be kind",
    "ttlMs": 5,
    "cacheScope": "public",
    "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "far", "version": "1"}},
}
GREETING = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}, "logging": {}},
    "instructions": "be kind",
    "serverInfo": {"name": "far", "version": "1"},
}


def discover_id(number):
    return f"mcp-auth-bridge/opening/{number}"


def discover(number=1):
    return {"jsonrpc": "2.0", "id": discover_id(number), "method": "server/discover", "params": {"_meta": META}}


def stamped(value):
    """The request `value` as the server gets it."""
    return {**value, "params": {**value["params"], "_meta": META}}


@pytest.fixture
def idle():
    return Playbook(LegacyToModern(Passthrough(), "far"))


@pytest.fixture
def greeted(idle):
    """The call for `server/discover` was 1."""
    idle.client(INITIALIZE)
    idle.server(1, answer(discover_id(1), DISCOVERED))
    idle.ended(1)
    return idle


@pytest.fixture
def opened(greeted):
    greeted.client(INITIALIZED)
    return greeted


def test_initialize_is_answered_from_the_servers_own_description(idle):
    assert idle.client(INITIALIZE) == [to_server(1, discover())]
    assert idle.server(1, answer(discover_id(1), DISCOVERED)) == [
        remember("initialize", GREETING),
        to_client(answer(0, GREETING)),
    ]
    assert idle.client(INITIALIZED) == [("session opened",)]
    assert idle.client(INITIALIZED) == []


def test_the_changes_that_the_server_reports_are_listened_to_once_the_client_is_ready(idle):
    idle.client(INITIALIZE)
    changing = {**DISCOVERED, "capabilities": {"tools": {"listChanged": True}}}
    assert [words[0] for words in idle.server(1, answer(discover_id(1), changing))] == ["remember", "to client"]
    told = idle.client(INITIALIZED)
    assert told[0] == ("session opened",)
    assert told[-1][2]["params"] == {"_meta": META, "notifications": {"toolsListChanged": True}}


def test_a_request_waits_for_the_server_to_be_discovered(idle):
    idle.client(INITIALIZE)
    assert idle.client(INITIALIZED, request(1), request(2)) == []
    told = idle.server(1, answer(discover_id(1), DISCOVERED))
    assert told[2:] == [("session opened",), to_server(2, stamped(request(1))), to_server(3, stamped(request(2)))]


def test_a_request_that_is_cancelled_while_it_waits_is_not_sent(idle):
    idle.client(INITIALIZE, request(1), request(2))
    assert idle.client(cancelled(1)) == []
    assert idle.server(1, answer(discover_id(1), DISCOVERED))[2:] == [to_server(2, stamped(request(2)))]
    assert idle.client(cancelled(2)) == [to_server(3, cancelled(2)), hangup(2)]


def test_an_id_that_waits_already_is_refused(idle):
    idle.client(INITIALIZE, request(1))
    assert idle.client(request(1, "tools/list")) == [fail(request(1, "tools/list"), OurProtocolError)]


@pytest.mark.parametrize("state", ["idle", "opening", "opened"])
def test_a_ping_is_answered_at_once_in_every_state(idle, state):
    if state != "idle":
        idle.client(INITIALIZE)
    if state == "opened":
        idle.server(1, answer(discover_id(1), DISCOVERED))
    assert idle.client(request(9, "ping")) == [to_client(answer(9))]


def test_a_log_level_does_not_wait(idle):
    idle.client(INITIALIZE)
    assert idle.client(request(1, "logging/setLevel", level="info")) == [to_client(answer(1))]


@pytest.mark.parametrize("method", ["tools/list", "server/discover", "logging/setLevel"])
def test_nothing_else_precedes_initialize(idle, method):
    assert idle.client(request(1, method)) == [fail(request(1, method), MethodUnknown)]
    assert idle.client(INITIALIZED, cancelled(1), answer(1)) == []


def test_the_client_cannot_discover_for_itself(opened):
    probe = request(1, "server/discover")
    assert opened.client(probe) == [fail(probe, MethodUnknown)]


def test_a_second_initialize_waits_for_the_first(idle):
    idle.client(INITIALIZE)
    assert idle.client({**INITIALIZE, "id": 1}) == [fail({**INITIALIZE, "id": 1}, OurProtocolError)]


def test_another_initialize_introduces_the_client_anew(opened):
    other = request(1, "initialize", protocolVersion="2024-11-05", capabilities={}, clientInfo={"name": "x"})
    ((_, call, told, _),) = opened.client(other)
    assert told["params"]["_meta"]["io.modelcontextprotocol/clientInfo"] == {"name": "x"}
    assert opened.server(call, answer(discover_id(2), DISCOVERED))[1:] == [
        to_client(answer(1, {**GREETING, "protocolVersion": "2024-11-05"}))
    ], "the client has yet to confirm"


@pytest.mark.parametrize(
    "reply",
    [
        answer(discover_id(1), {"supportedVersions": ["2027-01-01"]}),
        answer(discover_id(1), {"supportedVersions": "2026-07-28"}),
        answer(discover_id(1), {}),
        answer(discover_id(1), [1]),
        {"jsonrpc": "2.0", "id": discover_id(1), "error": {"code": -32601, "message": "what?"}},
        {"jsonrpc": "2.0", "id": discover_id(1), "error": 5},
    ],
)
def test_a_server_of_another_era_fails_initialize_and_all_that_waits(idle, reply):
    idle.client(INITIALIZE, request(1))
    assert idle.server(1, reply) == [fail(INITIALIZE, EraRefused), fail(request(1), EraRefused)]
    assert idle.client(request(2)) == [to_server(2, discover(2))]


UNSUPPORTED = {"code": -32022, "message": "no", "data": {"supported": ["2026-07-28"], "requested": "2026-07-28"}}


def test_a_server_that_refuses_the_version_that_it_names_is_asked_once_more(idle):
    idle.client(INITIALIZE)
    assert idle.server(1, {"jsonrpc": "2.0", "id": discover_id(1), "error": UNSUPPORTED}) == [to_server(2, discover(2))]
    assert idle.server(2, answer(discover_id(2), DISCOVERED))[1] == to_client(answer(0, GREETING))


def test_a_server_that_refuses_it_again_is_of_another_era(idle):
    idle.client(INITIALIZE)
    idle.server(1, {"jsonrpc": "2.0", "id": discover_id(1), "error": UNSUPPORTED})
    refused = {"jsonrpc": "2.0", "id": discover_id(2), "error": UNSUPPORTED}
    assert idle.server(2, refused) == [fail(INITIALIZE, EraRefused)]


def test_the_words_of_a_server_of_another_era_are_kept(idle):
    actions = idle.relay
    list(actions.from_client(message(INITIALIZE)))
    refused = {"jsonrpc": "2.0", "id": discover_id(1), "error": {"code": -32601, "message": "what?"}}
    (failed,) = actions.from_server(1, message(refused))
    assert failed.error.message == "the server does not speak MCP 2026-07-28: “what?”"


@pytest.mark.parametrize("error", [EraRefused(TheirProtocolError("x")), AccessDenied("no")])
def test_a_refusal_is_not_tried_again_before_the_next_request(idle, error):
    idle.client(INITIALIZE)
    assert idle.ended(1, error) == [fail(INITIALIZE, type(error))]
    assert idle.client(request(1)) == [to_server(2, discover(2))]


def test_an_unreachable_server_is_tried_again_after_a_growing_pause(idle):
    idle.client(INITIALIZE, request(1))
    assert idle.ended(1, Unreachable("away")) == [
        fail(INITIALIZE, Unreachable),
        fail(request(1), Unreachable),
        wake(REOPEN, 1.0),
    ]
    pauses = []
    for call in range(2, 8):
        assert idle.woke(REOPEN) == [to_server(call, discover(call))]
        pauses += [seconds for _, _, seconds in idle.ended(call, Unreachable("away"))]
    assert pauses == [2, 4, 8, 16, 30, 30]


def test_a_server_that_asks_for_a_pause_gets_it_and_the_client_is_told(idle):
    idle.client(INITIALIZE)
    busy = UpstreamFailed("…", status=503, retry_after=7.0)
    assert idle.ended(1, busy) == [fail(INITIALIZE, UpstreamFailed), wake(REOPEN, 7.0)]
    assert idle.client(request(1)) == [fail(request(1), UpstreamFailed)]
    assert idle.woke(REOPEN) == [to_server(2, discover(2))]
    assert idle.client(request(1)) == []
    assert idle.server(2, answer(discover_id(2), DISCOVERED))[1:] == [to_server(3, stamped(request(1)))]


def test_a_missing_login_is_looked_for_every_second_and_the_client_told_of_the_session(idle):
    idle.client(INITIALIZE, INITIALIZED)
    for call in (1, 2, 3):
        assert idle.ended(call, LoginRequired("log in"))[-1] == wake(REOPEN, 1.0)
        assert idle.woke(REOPEN) == [to_server(call + 1, discover(call + 1))]
    assert idle.server(4, answer(discover_id(4), DISCOVERED)) == [remember("initialize", GREETING), ("session opened",)]


def test_a_request_opens_a_closed_session_and_waits_for_it(idle):
    idle.client(INITIALIZE, INITIALIZED)
    idle.ended(1, LoginRequired("log in"))
    assert idle.client(request(1)) == [to_server(2, discover(2))]
    assert idle.woke(REOPEN) == [], "it is on its way"
    told = idle.server(2, answer(discover_id(2), DISCOVERED))
    assert told[1:] == [("session opened",), to_server(3, stamped(request(1)))]


def test_a_request_that_lacks_a_login_closes_the_session(opened):
    opened.client(request(1), request(2))
    assert opened.ended(2, LoginRequired("log in")) == [fail(request(1), LoginRequired), wake(REOPEN, 1.0)]
    assert opened.ended(3, LoginRequired("log in")) == [fail(request(2), LoginRequired)]
    assert opened.woke(REOPEN) == [to_server(4, discover(2))]


@pytest.mark.parametrize("error", [StepUpRequired("more"), Unreachable("away")])
def test_other_failures_concern_their_request_only(opened, error):
    opened.client(request(1))
    assert opened.ended(2, error) == [fail(request(1), type(error))]
    assert opened.client(request(2)) == [to_server(3, stamped(request(2)))]
    assert opened.woke(REOPEN) == []


def test_an_initialize_in_a_reopening_hangs_up_on_the_older_question(opened):
    opened.client(request(1))
    opened.ended(2, LoginRequired("log in"))
    opened.woke(REOPEN)
    assert opened.client({**INITIALIZE, "id": 5}) == [
        to_server(4, cancelled(discover_id(2))),
        hangup(3),
        to_server(5, discover(3)),
    ]


def test_messages_of_an_open_session_pass_through_the_translation(opened):
    opened.client(request(1))
    told = notification("notifications/message", level="info", data="x")
    assert opened.server(2, told) == [to_client(told)]
    assert opened.server(2, answer(1, {"resultType": "complete", "content": []})) == [
        to_client(answer(1, {"content": []}))
    ]


def test_after_a_fault_an_opening_begins_again(idle):
    idle.client(INITIALIZE)
    assert discover(2) in [words[2] for words in idle.woke("after a fault") if words[0] == "to server"]


def test_an_initialize_that_a_fault_has_answered_makes_way_for_another(idle):
    idle.client(INITIALIZE)
    idle.woke("forget initialize")
    again = idle.client({**INITIALIZE, "id": 7})
    assert discover(2) in [words[2] for words in again if words[0] == "to server"]
