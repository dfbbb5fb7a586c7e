"""A client of 2026-07-28 in front of a legacy server: one session on its behalf, and everything in its own era."""

import json

import pytest
from era_models import check_for_legacy_server, check_for_modern_client
from modern_client import EVERYTHING, FAR, INFO_KEY, SERVER_KEY, modern
from parking import ACCEPTED, form
from relaying import (
    INITIALIZED,
    VERSION,
    WELCOMED,
    Playbook,
    answer,
    cancelled,
    fail,
    notification,
    request,
    session_opened,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import (
    EraRefused,
    InvalidParams,
    LoginRequired,
    MethodUnknown,
    OurProtocolError,
    SessionLost,
    TheirProtocolError,
    Unreachable,
    WrongEra,
)
from mcp_auth_bridge.relay.base import Fail, collected
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.modern_to_legacy import ModernToLegacy
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.session_replay import SessionReplay

DISCOVERY = {
    "resultType": "complete",
    "supportedVersions": ["2026-07-28"],
    "capabilities": {"tools": {}},
    "ttlMs": 0,
    "cacheScope": "private",
    "_meta": {SERVER_KEY: FAR},
}
OPENING = wake("opening", 60.0)
DISCOVER = modern(1, "server/discover")


def zeros(size):
    return b"\0" * size


@pytest.fixture
def play():
    return Playbook(ModernToLegacy(SessionReplay(LegacySession(Passthrough())), zeros))


@pytest.fixture
def opened(play):
    play.client(DISCOVER)
    greet(play)
    return play


def greet(play, call=-1, **more):
    """The server's answer to `initialize`, and the confirmation."""
    greeted = play.server(call, answer("mcp-auth-bridge/initialize/0", {**WELCOMED, **more}))
    play.ended(call)
    return greeted + play.ended(call - 1)


def initialize(capabilities=None, **info):
    params = {"protocolVersion": "2025-11-25", "capabilities": capabilities or {}, "clientInfo": info}
    return request("mcp-auth-bridge/initialize/0", "initialize", **params)


def test_the_first_request_opens_a_session_on_the_clients_behalf(play):
    asking = modern(1, "tools/list", capabilities={"roots": {"listChanged": True}})
    asking["params"]["_meta"][INFO_KEY] = {"name": "c", "version": "1"}
    opening = initialize({"roots": {}}, name="c", version="1")
    check_for_legacy_server(json.dumps(opening))
    assert play.client(asking) == [to_server(-1, opening), OPENING]
    assert greet(play) == [
        to_server(-2, INITIALIZED, **VERSION),
        *session_opened(**VERSION),
        to_server(1, request(1, "tools/list"), **VERSION),
    ]
    told = {"tools": [], "resultType": "complete", "_meta": {SERVER_KEY: FAR}, "ttlMs": 0, "cacheScope": "private"}
    assert play.server(1, answer(1, {"tools": []})) == [to_client(answer(1, told))]


def test_discover_is_answered_from_the_session(play):
    play.client(DISCOVER)
    assert to_client(answer(1, DISCOVERY)) in greet(play)
    check_for_modern_client(json.dumps(answer(1, DISCOVERY)), "server/discover")
    assert play.client(modern(2, "server/discover")) == [to_client(answer(2, DISCOVERY))]


def test_requests_wait_for_the_one_session_in_their_order(play):
    play.client(modern(1, "tools/list"))
    assert play.client(modern("b", "prompts/list"), DISCOVER | {"id": 3}) == []
    *_, first, second = greet(play)
    assert (first[2]["method"], second[2]["method"]) == ("tools/list", "prompts/list")


def test_a_request_that_is_cancelled_while_it_waits_is_never_sent(play):
    play.client(modern(1, "tools/list"))
    assert play.client(cancelled(1)) == []
    assert greet(play) == [to_server(-2, INITIALIZED, **VERSION), *session_opened(**VERSION)]


@pytest.mark.parametrize("error", [LoginRequired, Unreachable])
def test_what_waits_fails_with_the_error_of_the_opening_and_the_next_request_tries_again(play, error):
    play.client(DISCOVER, modern(2, "tools/list"))
    failed, other, _ = play.ended(-1, error("no"))
    assert (failed, other) == (fail(DISCOVER, error), fail(modern(2, "tools/list"), error))
    assert play.client(DISCOVER)[0][:2] == ("to server", -2)
    assert to_client(answer(1, DISCOVERY)) in greet(play, -2)


def test_an_opening_that_the_session_repeats_by_itself_serves_the_client(play):
    play.client(DISCOVER)
    play.ended(-1, Unreachable("away"))
    assert play.woke("reopen")[0][:2] == ("to server", -2)
    assert greet(play, -2) == [to_server(-3, INITIALIZED, **VERSION), *session_opened(**VERSION)]
    assert play.client(modern(2, "server/discover")) == [to_client(answer(2, DISCOVERY))]


def test_a_refused_opening_fails_the_clients_own_request(play):
    play.client(DISCOVER)
    refusal = {"jsonrpc": "2.0", "id": "mcp-auth-bridge/initialize/0", "error": {"code": -32603, "message": "no"}}
    [failed, *_] = play.server(-1, refusal)
    assert failed[:2] == ("fail", DISCOVER)


class Refusing(Passthrough):
    """A session that is refused for its era."""

    @collected
    def from_client(self, message):
        yield Fail(message, EraRefused(TheirProtocolError("no")))


def test_a_refused_era_fails_the_clients_own_request_once():
    play = Playbook(ModernToLegacy(Refusing(), zeros))
    assert play.client(DISCOVER) == [fail(DISCOVER, EraRefused)]
    assert play.client(DISCOVER) == [fail(DISCOVER, EraRefused)]


def test_a_server_that_says_other_things_after_a_lost_session_is_listened_to(opened):
    opened.client(modern(2, "tools/list"))
    opened.ended(1, SessionLost("lost"))
    greet(opened, -3, capabilities={"prompts": {}}, instructions="new")
    [(_, told)] = opened.client(modern(3, "server/discover"))
    assert told["result"] == {**DISCOVERY, "capabilities": {"prompts": {}}, "instructions": "new"}


def test_a_reply_that_names_another_request_does_not_open_the_session(play):
    play.client(DISCOVER)
    assert play.server(-1, answer("other", WELCOMED)) == []
    assert to_client(answer(1, DISCOVERY)) in greet(play)


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        (request(1, "server/discover"), InvalidParams),
        (modern(1, "ping"), MethodUnknown),
        (request(1, _meta={"io.modelcontextprotocol/protocolVersion": "2099-01-01"}), WrongEra),
    ],
)
def test_what_no_modern_server_takes_is_refused_at_once(play, refused, error):
    assert play.client(refused) == [fail(refused, error)]


def test_a_second_request_with_the_id_of_a_running_one_fails(opened):
    opened.client(modern(2, "tools/list"))
    assert opened.client(modern(2, "prompts/list")) == [fail(modern(2, "prompts/list"), OurProtocolError)]
    assert opened.server(1, answer(2))[0][1]["id"] == 2
    assert opened.client(modern(2, "prompts/list"))[0][0] == "to server"


def test_a_failed_request_may_be_sent_again_as_it_came(opened):
    calling = modern(2, name="add")
    opened.client(calling)
    assert opened.ended(1, LoginRequired("log in")) == [fail(calling, LoginRequired), wake("reopen", 1.0)]
    assert opened.client(calling)[0][0] == "to server"


def test_a_client_has_no_replies_and_no_other_notifications(opened):
    assert opened.client(answer("s1"), notification("notifications/roots/list_changed"), b"[]") == []


def test_a_cancelled_request_gets_no_reply_and_its_id_is_free(opened):
    opened.client(modern(2, name="add"))
    assert opened.client(cancelled(2)) == [to_server(2, cancelled(2), **VERSION), ("hang up", 1)]
    assert opened.server(1, answer(2)) == []
    assert opened.client(modern(2, name="add"))[0][0] == "to server"


def test_a_call_asks_for_input_sets_its_level_and_goes_on(play):
    play.client(modern(1, "tools/list"))
    greet(play, capabilities={"tools": {}, "logging": {}})
    calling = modern(2, capabilities=EVERYTHING, level="info", name="add")
    assert play.client(calling)[1][2]["params"] == {"level": "info"}
    play.server(2, answer("mcp-auth-bridge/logging/setLevel/-1"))
    play.server(3, form("s1"))
    parked = play.woke("ask for input 4")[0][1]["result"]
    assert (parked["resultType"], parked["requestState"]) == ("input_required", "00" * 24)
    retry = modern(3, capabilities=EVERYTHING, name="add", requestState="00" * 24, inputResponses={"input-1": ACCEPTED})
    assert play.client(retry) == [to_server(4, answer("s1", ACCEPTED), **VERSION)]
    assert play.server(3, answer(2, {"content": []}))[0][1]["id"] == 3


def test_a_listener_hears_of_changes(play):
    play.client(modern(1, "tools/list"))
    greet(play, capabilities={"tools": {"listChanged": True}})
    listen = modern(2, "subscriptions/listen", notifications={"toolsListChanged": True})
    assert play.client(listen)[0][1]["method"] == "notifications/subscriptions/acknowledged"
    [(_, told)] = play.stream(notification("notifications/tools/list_changed"))
    check_for_modern_client(json.dumps(told))
    assert play.client(listen) == [fail(listen, OurProtocolError)]


def test_after_a_fault_the_opening_of_the_session_begins_again(play):
    play.client(DISCOVER)
    sent = [words for words in play.woke("after a fault") if words[0] == "to server"]
    assert [words[2]["method"] for words in sent] == ["initialize"]
    confirmed = play.server(sent[0][1], answer(sent[0][2]["id"], WELCOMED))
    assert ("to client", 1) in [(words[0], words[1].get("id")) for words in confirmed if words[0] == "to client"]
