"""A legacy client and a modern server: the opening, and what each side gets of the other's messages."""

import pytest
from relaying import (
    INITIALIZED,
    Playbook,
    answer,
    fail,
    remember,
    request,
    to_client,
    to_server,
)

from mcp_auth_bridge.errors import (
    TheirProtocolError,
)
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


def refusal(id_, code, text="no", **data):
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": text, **data}}


@pytest.fixture
def idle():
    return Playbook(LegacyToModern(Passthrough(), "far"))


@pytest.fixture
def opened(idle):
    """The call for `server/discover` was 1."""
    idle.client(INITIALIZE)
    idle.server(1, answer(discover_id(1), DISCOVERED))
    idle.ended(1)
    idle.client(INITIALIZED)
    return idle


def test_initialize_is_answered_from_the_servers_own_description(idle):
    assert idle.client(INITIALIZE) == [to_server(1, discover())]
    assert idle.server(1, answer(discover_id(1), DISCOVERED)) == [
        remember("initialize", GREETING),
        to_client(answer(0, GREETING)),
    ]
    assert idle.client(INITIALIZED) == [("session opened",)]


def test_a_request_gets_what_a_modern_client_says_in_each(opened):
    meta = {"progressToken": 7, "traceparent": "00-x", "vendor.example/key": [1]}
    call = request(1, name="add", task={"ttl": 5}, _meta=meta)
    told = request(1, name="add", _meta={**meta, **META})
    assert opened.client(call) == [to_server(2, told)]


def test_a_result_loses_what_only_modern_clients_know(opened):
    opened.client(request(1, "tools/list"))
    listed = {"tools": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "private", "_meta": {"x": 1}}
    assert opened.server(2, answer(1, listed)) == [to_client(answer(1, {"tools": [], "_meta": {"x": 1}}))]


def test_an_unknown_type_of_result_is_an_error(opened):
    opened.client(request(1))
    assert opened.server(2, answer(1, {"resultType": "song"})) == [fail(request(1), TheirProtocolError)]


@pytest.mark.parametrize("state", ["idle", "opening", "opened"])
def test_a_ping_is_answered_at_once_in_every_state(idle, state):
    if state != "idle":
        idle.client(INITIALIZE)
    if state == "opened":
        idle.server(1, answer(discover_id(1), DISCOVERED))
    assert idle.client(request(9, "ping")) == [to_client(answer(9))]
