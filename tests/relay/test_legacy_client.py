"""What a legacy client says in its `initialize`, as a modern server hears it, and the answer that it gets."""

import pytest
from relaying import message, request

from mcp_auth_bridge.relay.legacy_client import LegacyClient, changes_listened_to, initialize_result, introduced

TASKS = "io.modelcontextprotocol/tasks"
INFO = {"name": "ide", "version": "2"}


def client(**params):
    return introduced(message(request(0, "initialize", **params)))


def capabilities(declared, revision="2025-11-25"):
    """The capabilities that the server hears of, without the extension that the bridge declares itself."""
    told = dict(
        client(protocolVersion=revision, capabilities=declared).meta["io.modelcontextprotocol/clientCapabilities"]
    )
    extensions = dict(told.pop("extensions"))
    assert extensions.pop(TASKS) == {}
    return {**told, **({"extensions": extensions} if extensions else {})}


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_a_known_revision_is_the_clients_own(revision):
    assert client(protocolVersion=revision).revision == revision


@pytest.mark.parametrize("revision", ["2026-07-28", "1.0", None, ["2025-06-18"]])
def test_any_other_revision_becomes_the_newest_legacy_one(revision):
    assert client(protocolVersion=revision).revision == "2025-11-25"


def test_the_client_is_named_as_it_names_itself():
    assert client(clientInfo=INFO).meta["io.modelcontextprotocol/clientInfo"] == INFO


@pytest.mark.parametrize("info", [None, "ide", []])
def test_a_client_without_a_name_is_the_bridge(info):
    assert client(clientInfo=info).meta["io.modelcontextprotocol/clientInfo"]["name"] == "mcp-auth-bridge"


def test_the_version_is_the_modern_one():
    assert client().meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"


@pytest.mark.parametrize("declared", [None, [], "all"])
def test_capabilities_that_are_not_an_object_are_none(declared):
    assert capabilities(declared) == {}


def test_roots_lose_their_list_changes_and_tasks_are_not_told():
    assert capabilities({"roots": {"listChanged": True}, "tasks": {"list": {}}, "sampling": 1}) == {"roots": {}}


def test_experimental_capabilities_and_extensions_are_kept():
    kept = {"experimental": {"x": {}}, "extensions": {"io.modelcontextprotocol/ui": {"a": 1}}, "vendor": {"y": 1}}
    assert capabilities(kept) == kept


@pytest.mark.parametrize(
    ("declared", "revision", "told"),
    [
        ({"elicitation": {}}, "2025-11-25", {"elicitation": {"form": {}}}),
        ({"elicitation": {"url": {}}}, "2025-11-25", {"elicitation": {"url": {}}}),
        ({"elicitation": {"form": {}, "url": {}}}, "2025-11-25", {"elicitation": {"form": {}, "url": {}}}),
        ({"elicitation": {"url": {}}}, "2025-06-18", {"elicitation": {"form": {}}}),
        ({"elicitation": {}}, "2025-03-26", {}),
        ({"elicitation": {}}, "2024-11-05", {}),
        ({"sampling": {"tools": {}, "context": {}}}, "2025-11-25", {"sampling": {"tools": {}, "context": {}}}),
        ({"sampling": {"tools": {}}}, "2025-06-18", {"sampling": {}}),
    ],
)
def test_a_capability_is_told_as_far_as_the_revision_has_it(declared, revision, told):
    assert capabilities(declared, revision) == told


def test_a_client_that_has_not_spoken_says_nothing():
    assert LegacyClient() == LegacyClient("2025-11-25", {})


def test_the_greeting_says_what_the_server_says_of_itself():
    discovered = {
        "resultType": "complete",
        "supportedVersions": ["2026-07-28"],
        "capabilities": {
            "tools": {"listChanged": True},
            "logging": {},
            "completions": {},
            "experimental": {"x": {}},
            "extensions": {"io.modelcontextprotocol/ui": {}, TASKS: {}},
            "tasks": {},
        },
        "instructions": "be kind",
        "ttlMs": 1,
        "cacheScope": "private",
        "vendor": 1,
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "far", "version": "1"}, "trace": 1},
    }
    assert initialize_result(discovered, "2025-06-18", "mine") == {
        "protocolVersion": "2025-06-18",
        "capabilities": {
            "tools": {"listChanged": True},
            "logging": {},
            "completions": {},
            "experimental": {"x": {}},
            "extensions": {"io.modelcontextprotocol/ui": {}},
        },
        "serverInfo": {"name": "far", "version": "1"},
        "instructions": "be kind",
        "vendor": 1,
        "_meta": {"trace": 1},
    }


def test_a_server_may_name_itself_outside_of_meta():
    named = initialize_result({"serverInfo": {"name": "far", "version": "1"}}, "2025-06-18", "mine")
    assert named["serverInfo"] == {"name": "far", "version": "1"}


@pytest.mark.parametrize("extensions", [{TASKS: {}}, {}, None, []])
def test_a_server_without_other_extensions_has_none(extensions):
    discovered = {"capabilities": {"tools": {}, "extensions": extensions}}
    assert initialize_result(discovered, "2025-06-18", "mine")["capabilities"] == {"tools": {}}


@pytest.mark.parametrize("discovered", [{}, {"serverInfo": "far"}, {"capabilities": [], "_meta": []}])
def test_a_server_without_a_name_has_the_one_on_this_machine(discovered):
    greeting = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "serverInfo": {"name": "mine", "version": "unknown"},
    }
    assert initialize_result(discovered, "2025-06-18", "mine") == greeting


@pytest.mark.parametrize(
    ("capabilities", "lists"),
    [
        (
            {"tools": {"listChanged": True}, "prompts": {}, "resources": {"listChanged": False}},
            {"toolsListChanged": True},
        ),
        (
            {"prompts": {"listChanged": True}, "resources": {"listChanged": True}},
            {"promptsListChanged": True, "resourcesListChanged": True},
        ),
        ({"tools": True}, {}),
        (None, {}),
    ],
)
def test_the_bridge_listens_to_the_lists_whose_changes_the_server_reports(capabilities, lists):
    assert changes_listened_to({"capabilities": capabilities}) == lists
