"""The entries for an IDE after a login: complete, with keys that every client accepts, and none twice."""

import json

import pytest
from commanding import context_of

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.commands.next_step import show_ide_entries
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.shell.console import terminal


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path, "https://mcp.acme.example/mcp")


def bridge(context, target="acme"):
    return Bridge(context.config.choose(ServerChoice(target)), context)


def test_a_login_by_url_has_a_short_key_and_two_servers_never_share_one(context, capsys):
    urls = ["https://mcp.acme.example/a", "https://mcp.acme.example/b"]
    show_ide_entries([bridge(context), *(bridge(context, url) for url in urls)])
    entries = json.loads(capsys.readouterr().out)["mcpServers"]
    assert len(entries) == 3
    assert all(key.replace("-", "").replace("_", "").isalnum() for key in entries)
    assert [entry["args"][-1] for entry in entries.values()] == ["acme", *urls]


def test_on_a_terminal_a_sentence_comes_first(context, monkeypatch, capsys):
    monkeypatch.setattr(terminal, "stdout_is_terminal", lambda: True)
    show_ide_entries([bridge(context)])
    assert not capsys.readouterr().out.startswith("{")
