"""A secret for the OS keyring: typed where a terminal is, else read from stdin, and never empty."""

import asyncio

import pytest

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.commands import secret
from mcp_auth_bridge.config.config_file import Config
from mcp_auth_bridge.config.store import KeyringStoreSettings
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.console import hidden_prompt, terminal
from mcp_auth_bridge.shell.files.kept_secrets import KeptSecrets
from mcp_auth_bridge.shell.files.paths import paths_below


@pytest.fixture
def kept(monkeypatch):
    """The keyring's entries."""
    entries = {}

    async def put_in_keyring(name, value):
        entries[name] = value.reveal()

    monkeypatch.setattr(secret, "put_in_keyring", put_in_keyring)
    return entries


@pytest.fixture
def context(tmp_path):
    paths = paths_below(tmp_path)
    return Context(paths, Config(paths.config, KeyringStoreSettings()), {})


def given(monkeypatch, context, typed=None, piped=b""):
    async def read_stdin():
        return piped

    monkeypatch.setattr(hidden_prompt, "ask_secret", lambda question: typed)
    monkeypatch.setattr(terminal, "read_stdin", read_stdin)
    return asyncio.run(secret.run(secret.Input("acme"), context))


def test_a_secret_that_is_typed_is_kept_and_the_reference_to_it_is_told(monkeypatch, context, kept, capsys):
    assert given(monkeypatch, context, Secret("hunter2")) == 0
    assert kept == {"acme": "hunter2"}
    said = capsys.readouterr().err
    assert "keyring:acme" in said
    assert "hunter2" not in said
    assert KeptSecrets(context.paths).names() == {"acme"}


def test_without_a_terminal_stdin_is_the_secret_without_its_last_line_end(monkeypatch, context, kept):
    given(monkeypatch, context, None, b"hunter2\r\n")
    assert kept == {"acme": "hunter2"}


def test_an_empty_stdin_keeps_nothing(monkeypatch, context, kept):
    with pytest.raises(ConfigError, match="there is no secret on stdin"):
        given(monkeypatch, context, None, b"\n")
    assert kept == {}
