"""`initialize` waits for the server as long as the client does, and is never answered with an error."""

import json

import pytest
from relaying import (
    INITIALIZE,
    INITIALIZED,
    VERSION,
    WELCOMED,
    Playbook,
    answer,
    fail,
    remember,
    request,
    session_opened,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge import __version__
from mcp_auth_bridge.errors import LoginRequired, OurProtocolError
from mcp_auth_bridge.relay.base import AFTER_FAULT, FORGET_INITIALIZE
from mcp_auth_bridge.relay.client_patience import UNKNOWN
from mcp_auth_bridge.relay.early_initialize import EarlyInitialize
from mcp_auth_bridge.relay.early_opening import QUICK
from mcp_auth_bridge.relay.legacy_session import REOPEN, LegacySession
from mcp_auth_bridge.relay.passthrough import Passthrough

NO_LOGIN = LoginRequired("a login to acme is needed", "run: mcp-auth-bridge login acme")
OPENED = answer(0, WELCOMED)
LISTEN = {"listChanged": True}
MINIMAL = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": LISTEN, "prompts": LISTEN, "resources": LISTEN},
    "serverInfo": {"name": "acme", "version": __version__},
}
REMEMBERED = {**WELCOMED, "capabilities": {"tools": LISTEN}}
MEMORY = {"initialize": json.dumps(WELCOMED).encode()}
TIMER = "early initialize"


def playing(memory=None):
    return Playbook(EarlyInitialize(LegacySession(Passthrough()), "acme", memory or {}))


@pytest.fixture
def play():
    return playing()


def opened(play):
    play.client(INITIALIZE, INITIALIZED)
    play.server(-1, OPENED)
    return play.ended(-2)


def test_a_server_that_answers_in_time_speaks_for_itself(play):
    assert play.client(INITIALIZE) == [wake(TIMER, UNKNOWN), to_server(-1, INITIALIZE), wake("opening", 60.0)]
    assert play.server(-1, OPENED) == [remember("initialize", WELCOMED), to_client(OPENED)]
    assert play.woke(TIMER) == []
    play.client(INITIALIZED)
    assert play.ended(-2) == [*session_opened(**VERSION)]


def test_a_patient_client_waits_longer_for_the_first_words_of_a_server(play):
    opening = request(0, "initialize", protocolVersion="2025-11-25", clientInfo={"name": "claude-code"})
    assert play.client(opening)[0] == wake(TIMER, 20.0)


def test_memory_answers_for_a_slow_server_and_its_own_reply_is_dropped():
    play = playing(MEMORY)
    assert play.client(INITIALIZE)[0] == wake(TIMER, QUICK)
    assert play.woke(TIMER) == [to_client(answer(0, REMEMBERED))]
    assert play.client(INITIALIZED) == []
    new = {**WELCOMED, "instructions": "new"}
    assert play.server(-1, answer(0, new)) == [remember("initialize", new), to_server(-2, INITIALIZED, **VERSION)]
    assert play.ended(-2) == [*session_opened(**VERSION)]


@pytest.mark.parametrize(("memory", "result"), [({}, MINIMAL), (MEMORY, REMEMBERED)])
def test_without_a_login_nobody_waits(memory, result):
    play = playing(memory)
    play.client(INITIALIZE)
    assert play.ended(-1, NO_LOGIN) == [to_client(answer(0, result)), wake(REOPEN, 1.0)]
    assert play.woke(TIMER) == []


def test_a_session_that_opens_later_is_remembered(play):
    play.client(INITIALIZE)
    play.ended(-1, NO_LOGIN)
    play.client(INITIALIZED)
    play.woke(REOPEN)
    assert play.server(-2, OPENED)[0] == remember("initialize", WELCOMED)


def test_initialize_cannot_be_cancelled(play):
    play.client(INITIALIZE)
    play.client({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 0}})
    assert play.woke(TIMER) == [to_client(answer(0, MINIMAL))]


def test_a_second_initialize_is_refused_and_the_first_is_still_answered(play):
    again = {**INITIALIZE, "id": 1}
    play.client(INITIALIZE)
    assert play.client(again) == [fail(again, OurProtocolError)]
    assert play.woke(TIMER) == [to_client(answer(0, MINIMAL))]


def test_a_later_initialize_is_answered_like_the_first(play):
    opened(play)
    again = {**INITIALIZE, "id": "b"}
    assert play.client(again) == [wake(TIMER, QUICK), to_server(-3, again), wake("opening", 60.0)]
    assert play.woke(TIMER) == [to_client(answer("b", REMEMBERED))]
    assert play.server(-3, answer("b", WELCOMED)) == []
    assert play.client(INITIALIZED) == [to_server(-4, INITIALIZED, **VERSION)]


# The revision


def test_a_client_is_told_the_revision_that_its_session_will_have():
    play = playing(MEMORY)
    play.client(request(0, "initialize", protocolVersion="2025-11-25"))
    assert play.woke(TIMER)[0][1]["result"]["protocolVersion"] == "2025-06-18"


def test_a_client_of_an_earlier_revision_changes_nothing_in_memory():
    newest = {**WELCOMED, "protocolVersion": "2025-11-25"}
    play = playing({"initialize": json.dumps(newest).encode()})
    play.client(INITIALIZE)
    assert play.server(-1, OPENED) == [to_client(OPENED)]


def test_a_server_that_has_become_older_is_remembered_so():
    newest = {**WELCOMED, "protocolVersion": "2025-11-25"}
    play = playing({"initialize": json.dumps(newest).encode()})
    asked = request(0, "initialize", protocolVersion="2025-11-25")
    play.client(asked)
    assert play.server(-1, OPENED) == [remember("initialize", WELCOMED), to_client(OPENED)]


def test_what_the_server_says_in_the_other_era_is_remembered_as_it_is(play):
    discovered = {"supportedVersions": ["2026-07-28"], "capabilities": {}}
    opened(play)
    play.client(request("d", "server/discover"))
    assert play.server(1, answer("d", discovered))[0] == remember("server/discover", discovered)


def test_after_a_fault_the_clients_patience_is_counted_again(play):
    play.client(INITIALIZE)
    assert wake(TIMER, QUICK) in play.woke(AFTER_FAULT)


def test_an_initialize_that_a_fault_has_answered_is_forgotten(play):
    play.client(INITIALIZE)
    play.woke(FORGET_INITIALIZE)
    assert play.woke(TIMER) == []
