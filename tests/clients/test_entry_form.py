"""The form of an entry, for each client as it reads it."""

import pytest

from mcp_auth_bridge.clients.client import Platform, System
from mcp_auth_bridge.clients.entries import read_entries
from mcp_auth_bridge.clients.entry_form import Scope, StartCommand, hidden_variables, write_entry
from mcp_auth_bridge.clients.targets import TARGETS

START = StartCommand(("/bin/bridge", "run", "acme"), {"HOME_OF_IT": "/h"}, ("ACME_KEY", "ACME_URL"))
LINUX = System(Platform.LINUX, "/home/u", "/p", {})


def entry(key, number=-1):
    target = TARGETS[key]
    return write_entry([*target.forms.values()][number], "acme", START, target.client)


@pytest.mark.parametrize("key", TARGETS)
def test_each_client_reads_what_is_written_for_it(key):
    target = TARGETS[key]
    for table, form in target.forms.items():
        for file in (*target.user, *target.workspace):
            assert table in file.tables
        written = write_entry(form, "acme", START, target.client)
        assert "ACME_URL" not in str(written) or form.forwards
        assert written


def test_the_forms_differ():
    plain = {"command": "/bin/bridge", "args": ["run", "acme"], "env": {"HOME_OF_IT": "/h"}}
    assert entry("cursor") == plain
    assert entry("vscode") == entry("claude-code") == {"type": "stdio", **plain}
    assert entry("copilot") == {"type": "local", **plain, "tools": ["*"]}
    assert entry("cline") == {**plain, "timeout": 60}
    assert entry("gemini") == {**plain, "env": {"HOME_OF_IT": "/h", "ACME_KEY": "${ACME_KEY}"}}
    assert entry("opencode", 0) == {
        "type": "local",
        "command": ["/bin/bridge", "run", "acme"],
        "environment": {"HOME_OF_IT": "/h"},
    }
    assert entry("opencode") == {**entry("opencode", 0), "enabled": True, "timeout": 60000}
    goose = entry("goose")
    assert (goose["name"], goose["cmd"], goose["envs"], goose["timeout"]) == (
        "acme",
        "/bin/bridge",
        {"HOME_OF_IT": "/h"},
        300,
    )
    codex = entry("codex")
    assert codex["startup_timeout_sec"] == 60
    assert codex["env_vars"][-2:] == ["ACME_KEY", "ACME_URL"]


@pytest.mark.parametrize(
    ("key", "hidden"),
    [("kiro", ["ACME_KEY", "ACME_URL"]), ("codex", []), ("gemini", []), ("claude-code", []), ("zed", [])],
)
def test_a_variable_that_a_client_hides_is_known(key, hidden):
    target = TARGETS[key]
    form = next(iter(target.forms.values()))
    assert hidden_variables(target.client, form, LINUX, START.needs) == hidden


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_each_target_says_what_is_next_and_where_that_is_from(target):
    for scope in Scope:
        assert target.next_step(scope)
        assert all(file in target.client.files for file in target.files(scope))
    assert target.source.endswith("2026-11-30")
    assert read_entries(target.client, target.user[0], "/f", "") == []
