"""Where logins are kept if the configuration does not say: in the keyring, unless nobody is there whom it could ask."""

import pytest

from mcp_auth_bridge import world
from mcp_auth_bridge.config import load
from mcp_auth_bridge.store_settings import KeyFileStore, KeyringStore, MemoryStore
from mcp_auth_bridge.world import nobody, perhaps_somebody

SERVERS = """
[servers.never]
url = "https://mcp.example.com/never"
login = "never"
[servers.auto]
url = "https://mcp.example.com/auto"
"""
WRITTEN = """
[store]
kind = "key_file"
path = "key"
"""


@pytest.fixture
def stores(tmp_path):
    def of(unwritten, text=SERVERS):
        path = tmp_path / "config.toml"
        path.write_text(text)
        config = load(path, unwritten)
        return config.store, config.profiles["never"].store, config.profiles["auto"].store

    return of


@pytest.fixture
def without_a_session(monkeypatch):
    monkeypatch.setattr(world, "has_session", lambda environ: False)
    monkeypatch.setattr(world.terminal, "is_interactive", lambda: False)


def test_headless_nothing_is_kept_unless_a_store_is_written_down(stores):
    assert stores(nobody) == (MemoryStore(),) * 3
    assert stores(nobody, SERVERS + WRITTEN) == (KeyFileStore("key"),) * 3
    assert stores(nobody, SERVERS + "[store]\nkind = 'keyring'") == (KeyringStore(),) * 3


def test_headless_a_server_that_no_file_names_is_kept_nowhere_either(tmp_path):
    config = load(tmp_path / "none.toml", nobody)
    assert config.profile("https://mcp.example.com/mcp").store == MemoryStore()


def test_a_server_that_never_signs_in_needs_no_keyring_where_there_can_be_none(stores, without_a_session):
    assert stores(perhaps_somebody) == (KeyringStore(), MemoryStore(), KeyringStore())
    assert stores(perhaps_somebody, SERVERS + WRITTEN) == (KeyFileStore("key"),) * 3


@pytest.mark.parametrize("there", ["has_session", "is_interactive"])
def test_with_a_session_or_at_a_terminal_it_is_the_keyring(stores, without_a_session, monkeypatch, there):
    if there == "has_session":
        monkeypatch.setattr(world, "has_session", lambda environ: True)
    else:
        monkeypatch.setattr(world.terminal, "is_interactive", lambda: True)
    assert stores(perhaps_somebody) == (KeyringStore(),) * 3
