"""`server/discover` is answered in the server's place if it is remembered, lacks a login or is away."""

import json

import pytest
from mcp_types import _v2026_07_28 as modern
from relaying import Playbook, answer, remember, request, to_client, to_server, wake

from mcp_auth_bridge.errors import LoginRequired, Unreachable
from mcp_auth_bridge.relay.early_discover import PATIENCE, EarlyDiscover
from mcp_auth_bridge.relay.early_opening import QUICK
from mcp_auth_bridge.relay.greetings import discover_result
from mcp_auth_bridge.relay.passthrough import Passthrough

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
DISCOVER = request("server-discover-probe-1", "server/discover", _meta=META)
DISCOVERED = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "instructions": "x"}
MEMORY = {"server/discover": json.dumps(DISCOVERED).encode()}
TIMER = "early server/discover"


def playing(memory):
    return Playbook(EarlyDiscover(Passthrough(), "acme", memory))


def test_silence_is_not_an_era_so_an_unknown_server_has_its_time():
    play = playing({})
    assert play.client(DISCOVER) == [wake(TIMER, PATIENCE), to_server(1, DISCOVER)]
    discovered = answer("server-discover-probe-1", DISCOVERED)
    assert play.server(1, discovered) == [remember("server/discover", DISCOVERED), to_client(discovered)]


@pytest.mark.parametrize("memory", [MEMORY, {"initialize": b'{"capabilities":{"tools":{}}}'}])
def test_a_remembered_server_of_either_era_is_described_after_a_moment(memory):
    play = playing(memory)
    assert play.client(DISCOVER)[0] == wake(TIMER, QUICK)
    ((_, told),) = play.woke(TIMER)
    assert told["result"] == discover_result("acme", memory)
    modern.DiscoverResult.model_validate(told["result"])


@pytest.mark.parametrize("error", [LoginRequired("log in"), Unreachable("no route")])
def test_a_missing_login_and_an_absent_server_are_no_reason_to_keep_the_client_waiting(error):
    play = playing({})
    play.client(DISCOVER)
    assert play.ended(1, error) == [to_client(answer(DISCOVER["id"], discover_result("acme", {})))]
