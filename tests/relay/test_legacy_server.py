"""What a legacy server says of itself, and what a modern client is told of it."""

import json

import pytest
from era_models import check_for_legacy_server, check_for_modern_client
from modern_client import CAPABILITIES_KEY, FAR, INFO_KEY, SERVER_KEY, modern
from relaying import WELCOMED, message, request

from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.legacy_server import LegacyServer, initialize_for


def server(**result):
    known = LegacyServer()
    known.learn(json.dumps({**WELCOMED, **result}).encode())
    return known


def opening(capabilities=None, **meta):
    value = request(1, _meta={CAPABILITIES_KEY: capabilities or {}, **meta})
    initialize = initialize_for(message(value))
    check_for_legacy_server(initialize.raw)
    return initialize.params


def test_the_discovery_has_what_the_server_said_and_lists_the_modern_version():
    discovery = server(capabilities={"tools": {"listChanged": True}, "tasks": {}}, instructions="be brief").discovery
    assert discovery == {
        "resultType": "complete",
        "supportedVersions": ["2026-07-28"],
        "capabilities": {"tools": {"listChanged": True}},
        "instructions": "be brief",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {SERVER_KEY: FAR},
    }
    asked = message(modern(1, "server/discover"))
    check_for_modern_client(replies.result(asked, discovery).raw, "server/discover")


@pytest.mark.parametrize("info", [None, "far", {"name": "far"}, {"name": 1, "version": "1"}])
def test_a_server_without_a_name_and_a_version_is_not_named(info):
    assert server(serverInfo=info).meta == {}


@pytest.mark.parametrize("instructions", [None, 5])
def test_instructions_that_are_not_a_text_are_left_out(instructions):
    assert "instructions" not in server(instructions=instructions).discovery


def test_a_server_is_unknown_until_it_has_answered():
    assert not LegacyServer().is_known
    assert server().is_known


def test_a_server_offers_what_it_declared():
    known = server(capabilities={"logging": {}, "tools": {"listChanged": False}, "resources": {"subscribe": True}})
    assert known.offers("logging")
    assert known.offers("tools")
    assert not known.offers("tools", option="listChanged")
    assert known.offers("resources", option="subscribe")
    assert not known.offers("prompts")


def test_capabilities_that_are_not_an_object_offer_nothing():
    assert not server(capabilities=[]).offers("tools")


def test_the_session_is_opened_with_the_latest_legacy_revision_on_behalf_of_the_client():
    assert opening(**{INFO_KEY: {"name": "c", "version": "2"}}) == {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "c", "version": "2"},
    }


def test_a_client_without_a_name_is_the_bridge():
    assert opening()["clientInfo"]["name"] == "mcp-auth-bridge"


def test_the_session_has_the_clients_capabilities_without_changing_roots_and_tasks():
    capabilities = {
        "roots": {"listChanged": True},
        "elicitation": {"url": {}},
        "tasks": {},
        "extensions": {"io.modelcontextprotocol/ui": {}, "io.modelcontextprotocol/tasks": {}},
    }
    assert opening(capabilities)["capabilities"] == {
        "roots": {},
        "elicitation": {"url": {}},
        "extensions": {"io.modelcontextprotocol/ui": {}},
    }


@pytest.mark.parametrize(
    ("tasks", "runs"),
    [({"requests": {"tools": {"call": {}}}}, True), ({"requests": {"tools": {}}}, False), ({}, False), (5, False)],
)
def test_tools_run_as_tasks_where_the_server_declares_it(tasks, runs):
    assert server(capabilities={"tasks": tasks}).runs_tools_as_tasks is runs
