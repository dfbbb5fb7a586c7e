"""A server that keeps no legacy session is asked once whether it speaks the modern era as well."""

import msgspec
import pytest
from relaying import (
    INITIALIZE,
    INITIALIZED,
    WELCOMED,
    Playbook,
    answer,
    fail,
    hangup,
    in_words,
    message,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import EraRefused, Unreachable, UpstreamFailed
from mcp_auth_bridge.relay.call_numbers import PROBES
from mcp_auth_bridge.relay.dual_server import PATIENCE, DualServer
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.own_handshake import META
from mcp_auth_bridge.relay.passthrough import Passthrough

WELCOME = answer(0, WELCOMED)
PROBE = PROBES[0]
OPENING = -1
ID = f"mcp-auth-bridge/server/discover/{-PROBE}"
DISCOVER = {"jsonrpc": "2.0", "id": ID, "method": "server/discover", "params": {"_meta": META}}
HEADERS = {"mcp-method": "server/discover", "mcp-protocol-version": "2026-07-28"}
MODERN = answer(ID, {"supportedVersions": ["2026-07-28"]})
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "t"}}
ASKED = [to_server(PROBE, DISCOVER, **HEADERS), wake("dual server", PATIENCE)]


@pytest.fixture
def play():
    play = Playbook(DualServer(LegacySession(Passthrough())))
    play.client(INITIALIZE)
    return play


def welcomed_without_session(play, call=OPENING, reply=WELCOME):
    return in_words(play.relay.from_server(call, msgspec.structs.replace(message(reply), is_stateless=True)))


def test_a_server_that_keeps_a_session_is_not_asked(play):
    assert play.server(OPENING, WELCOME) == [to_client(WELCOME)]


def test_a_server_that_refuses_to_open_one_is_not_asked(play):
    refused = {"jsonrpc": "2.0", "id": 0, "error": {"code": 1, "message": "no"}}
    assert welcomed_without_session(play, reply=refused) == [fail(INITIALIZE, EraRefused)]


def test_a_server_that_speaks_both_is_spoken_to_in_the_modern_era(play):
    assert welcomed_without_session(play) == ASKED
    assert play.ended(OPENING) == []
    assert play.server(PROBE, MODERN) == [fail(INITIALIZE, EraRefused)]
    assert play.ended(PROBE) == []
    assert play.woke("dual server") == []


def test_a_server_that_opens_a_session_of_a_modern_revision_is_asked(play):
    claimed = answer(0, {**WELCOMED, "protocolVersion": "2026-07-28"})
    assert play.server(OPENING, claimed) == ASKED
    assert play.ended(OPENING) == []
    assert play.server(PROBE, MODERN) == [fail(INITIALIZE, EraRefused)]


def test_a_tool_may_say_what_it_likes_about_revisions(play):
    play.server(OPENING, WELCOME)
    play.ended(OPENING)
    play.client(INITIALIZED)
    play.ended(OPENING - 1)
    play.client(CALL)
    told = answer(1, {"protocolVersion": "2026-07-28"})
    assert play.server(1, told) == [to_client(told)]


def test_what_waits_for_the_session_goes_to_the_modern_era_too(play):
    welcomed_without_session(play)
    assert play.client(CALL) == []  # of a client that was greeted from memory
    assert play.server(PROBE, MODERN) == [fail(INITIALIZE, EraRefused), fail(CALL, EraRefused)]


@pytest.mark.parametrize("result", [{}, {"supportedVersions": ["2025-11-25"]}])
def test_a_server_that_speaks_the_legacy_era_alone_keeps_its_session(play, result):
    welcomed_without_session(play)
    assert play.server(PROBE, answer(ID, result)) == [to_client(WELCOME)]


@pytest.mark.parametrize("error", [None, Unreachable("away"), UpstreamFailed("no", status=404)])
def test_without_a_reply_the_session_goes_on(play, error):
    welcomed_without_session(play)
    assert play.ended(PROBE, error) == [to_client(WELCOME)]


def test_the_client_does_not_wait_long_for_it(play):
    welcomed_without_session(play)
    assert play.woke("dual server") == [hangup(PROBE), to_client(WELCOME)]
    assert play.server(PROBE, MODERN) == []


def test_a_notification_before_the_reply_does_not_count(play):
    welcomed_without_session(play)
    assert play.server(PROBE, {"jsonrpc": "2.0", "method": "n"}) == []
    assert play.server(PROBE, answer(ID, {})) == [to_client(WELCOME)]


def test_it_is_asked_once(play):
    welcomed_without_session(play)
    play.server(PROBE, answer(ID, {}))
    again = {**INITIALIZE, "id": 5}
    play.client(again)
    assert welcomed_without_session(play, OPENING - 1, answer(5, WELCOMED)) == [to_client(answer(5, WELCOMED))]


def test_other_calls_and_timers_are_for_the_relay_within(play):
    assert play.woke("deadline") == []
    assert play.ended(OPENING, Unreachable("away"))[0] == fail(INITIALIZE, Unreachable)
