"""The entry for an IDE is complete, with a key that every client accepts."""

import json

import pytest
from commanding import context_of

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.ide_entry import entry_key, entry_text, ide_entry
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.shell.files.paths import HOME_VARIABLE


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path, "https://mcp.acme.example/mcp")


def bridge(context, target="acme"):
    return Bridge(context.config.choose(ServerChoice(target)), context)


def test_an_entry_starts_the_bridge_of_its_server_with_its_options(context):
    entry = ide_entry(bridge(context), "--ipv4")
    assert entry.args[-3:] == ("run", "acme", "--ipv4")
    assert entry.env == {}


def test_a_home_of_its_own_goes_with_the_entry(tmp_path):
    context = context_of(tmp_path, "https://mcp.acme.example/mcp", environ={HOME_VARIABLE: "/srv/bridge"})
    assert ide_entry(bridge(context)).env == {HOME_VARIABLE: "/srv/bridge"}


def test_the_entry_as_text_is_json_on_one_line(context):
    text = entry_text(bridge(context))
    assert "\n" not in text
    assert json.loads(text)["args"][-2:] == ["run", "acme"]


def test_the_entry_has_the_headers_of_the_command_line_without_their_values(context):
    headers = {"X-Org": "env:ORG", "X-Key": "canary"}
    given = Bridge(context.config.choose(ServerChoice("https://a.example/mcp", headers)), context)
    options = json.loads(entry_text(given))["args"][-5:]
    assert options == ["https://a.example/mcp", "--header", "X-Org: env:ORG", "--header", "X-Key: …"]


def test_the_key_is_the_name_or_for_a_url_the_short_name(context):
    assert entry_key(bridge(context)) == "acme"
    assert entry_key(bridge(context, "http://127.0.0.1:8000/mcp")) == "127-0-0-1-8000"
