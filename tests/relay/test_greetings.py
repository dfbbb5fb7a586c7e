"""What a client is told of a server that does not answer for itself."""

import json

import pytest
from mcp_types import _v2025_11_25 as legacy
from mcp_types import _v2026_07_28 as modern

from mcp_auth_bridge import __version__
from mcp_auth_bridge.relay.greetings import (
    discover_result,
    initialize_result,
    lists_in,
    proves_server,
    worth_remembering,
)

INFO = {"name": "far", "version": "7"}
LISTEN = {"listChanged": True}
CAPABILITIES = {
    "tools": {},
    "logging": {},
    "completions": {},
    "experimental": {"x": {}},
    "extensions": {"io.modelcontextprotocol/ui": {}},
}
INITIALIZED = {
    "protocolVersion": "2025-06-18",
    "capabilities": {**CAPABILITIES, "tasks": {}},
    "serverInfo": INFO,
    "instructions": "Always call echo first.",
}
DISCOVERED = {
    "supportedVersions": ["2026-07-28", "2027-01-01"],
    "capabilities": CAPABILITIES,
    "instructions": "Always call echo first.",
    "resultType": "complete",
    "ttlMs": 60000,
    "cacheScope": "public",
    "_meta": {"io.modelcontextprotocol/serverInfo": INFO, "vendor/x": 1},
}


def memory(**results):
    return {name.replace("_", "/"): json.dumps(result).encode() for name, result in results.items()}


def initialize(known, asked="2025-11-25"):
    result = initialize_result("acme", known, asked)
    legacy.InitializeResult.model_validate(result)
    return result


def discover(known):
    result = discover_result("acme", known)
    modern.DiscoverResult.model_validate(result)
    assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == ("complete", 0, "private")
    assert result["supportedVersions"] == ["2026-07-28"]
    return result


def test_nothing_of_a_remembered_server_is_lost():
    result = initialize(memory(initialize=INITIALIZED))
    assert result == {**INITIALIZED, "capabilities": {**INITIALIZED["capabilities"], "tools": LISTEN}}


def test_a_modern_client_learns_the_same_of_a_legacy_server_except_tasks():
    result = discover(memory(initialize=INITIALIZED))
    assert result["capabilities"] == {**CAPABILITIES, "tools": LISTEN}
    assert result["instructions"] == INITIALIZED["instructions"]
    assert result["_meta"] == {"io.modelcontextprotocol/serverInfo": INFO}
    assert "protocolVersion" not in result


def test_a_legacy_client_learns_the_same_of_a_modern_server():
    result = initialize(memory(server_discover=DISCOVERED))
    assert result == {
        "protocolVersion": "2025-11-25",
        "capabilities": {**CAPABILITIES, "tools": LISTEN},
        "serverInfo": INFO,
        "instructions": DISCOVERED["instructions"],
        "_meta": {"vendor/x": 1},
    }


def test_each_client_gets_what_was_remembered_in_its_own_era():
    both = memory(initialize=INITIALIZED, server_discover={**DISCOVERED, "instructions": "modern"})
    assert initialize(both)["instructions"] == INITIALIZED["instructions"]
    assert discover(both)["instructions"] == "modern"
    assert discover(both)["_meta"]["vendor/x"] == 1


def test_of_an_unknown_server_only_the_lists_are_promised():
    lists = {"tools": LISTEN, "prompts": LISTEN, "resources": LISTEN}
    info = {"name": "acme", "version": __version__}
    assert initialize({}) == {"protocolVersion": "2025-11-25", "capabilities": lists, "serverInfo": info}
    result = discover({})
    assert result["capabilities"] == lists
    assert result["_meta"] == {"io.modelcontextprotocol/serverInfo": info}


@pytest.mark.parametrize(
    "strange",
    [
        b"",
        b"5",
        b"[]",
        b"null",
        b"not JSON",
        b"[" * 100_000,
        b'{"capabilities":[],"serverInfo":5,"_meta":5}',
        b'{"capabilities":5}',
        b'{"capabilities":{}}',
        b'{"instructions":"\\ud800"}',
    ],
)
def test_a_strange_memory_does_not_count(strange):
    known = {"initialize": strange, "server/discover": strange}
    assert initialize(known) == initialize({})
    assert discover(known) == discover({})


def test_a_strange_capability_is_replaced_by_a_plain_one():
    known = {"initialize": b'{"capabilities":{"tools":true,"logging":1}}'}
    assert initialize_result("acme", known, "2025-11-25")["capabilities"] == {"tools": LISTEN, "logging": 1}


# The revision


@pytest.mark.parametrize(
    ("asked", "newest", "answered"),
    [
        ("2025-11-25", "2025-06-18", "2025-06-18"),
        ("2025-06-18", "2025-06-18", "2025-06-18"),
        ("2024-11-05", "2025-06-18", "2024-11-05"),
        ("2099-01-01", "2025-06-18", "2025-06-18"),
        ("2099-01-01", "2025-11-25", "2025-11-25"),
        ([], None, "2025-11-25"),
        (None, "2026-07-28", "2025-11-25"),
        ("2025-03-26", 5, "2025-03-26"),
    ],
)
def test_a_reply_names_the_revision_that_the_server_would_name(asked, newest, answered):
    known = memory(initialize={**INITIALIZED, "protocolVersion": newest})
    assert initialize_result("acme", known, asked)["protocolVersion"] == answered


def remembered(requested, granted, earlier=None):
    result = json.dumps({**INITIALIZED, "protocolVersion": granted}).encode()
    before = None if earlier is None else json.dumps({"protocolVersion": earlier}).encode()
    return json.loads(worth_remembering(result, requested, before))


def test_a_client_of_an_earlier_revision_does_not_make_the_server_forget_its_newest():
    assert remembered("2025-06-18", "2025-06-18", "2025-11-25") == {**INITIALIZED, "protocolVersion": "2025-11-25"}


@pytest.mark.parametrize(
    ("requested", "granted", "earlier"),
    [
        ("2025-06-18", "2025-06-18", None),
        ("2025-11-25", "2025-11-25", "2025-06-18"),
        ("2025-11-25", "2025-06-18", "2025-11-25"),
        ("2025-06-18", "2025-06-18", "2099-01-01"),
        ("odd", "odd", "2025-11-25"),
    ],
)
def test_otherwise_the_newest_is_what_the_server_says_now(requested, granted, earlier):
    assert remembered(requested, granted, earlier)["protocolVersion"] == granted


# What counts


def test_the_lists_of_a_result_are_its_capabilities_that_have_lists():
    assert lists_in(json.dumps(INITIALIZED).encode()) == {"tools"}
    assert lists_in(b'{"capabilities":5}') == lists_in(None) == frozenset()


@pytest.mark.parametrize(
    ("method", "result", "proof"),
    [
        ("initialize", b'{"x":1}', True),
        ("initialize", b"{}", False),
        ("initialize", b"5", False),
        ("server/discover", b'{"supportedVersions":["2026-07-28"]}', True),
        ("server/discover", b'{"supportedVersions":["2025-11-25"]}', False),
        ("server/discover", b'{"supportedVersions":"2026-07-28"}', False),
        ("server/discover", b"{}", False),
    ],
)
def test_not_every_result_describes_the_server(method, result, proof):
    assert proves_server(method, result) is proof
