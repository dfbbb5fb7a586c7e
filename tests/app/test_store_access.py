"""Where logins are stored if the configuration does not say: in the keyring, and with --headless nowhere."""

import asyncio
import os

import pytest

from mcp_auth_bridge.app.context import load_context
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config.config_file import load
from mcp_auth_bridge.config.store import KeyFileStoreSettings, KeyringStoreSettings, MemoryStoreSettings
from mcp_auth_bridge.errors import ConfigError, StoreError
from mcp_auth_bridge.shell.files.lock import Locks
from mcp_auth_bridge.shell.files.paths import paths
from mcp_auth_bridge.stores.sealed import SealedStore

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


def test_headless_nothing_is_kept_unless_a_store_is_written_down(stores):
    assert stores(MemoryStoreSettings()) == (MemoryStoreSettings(),) * 3
    assert stores(MemoryStoreSettings(), SERVERS + WRITTEN) == (KeyFileStoreSettings("key"),) * 3
    assert stores(MemoryStoreSettings(), SERVERS + "[store]\nkind = 'keyring'") == (KeyringStoreSettings(),) * 3


@pytest.mark.parametrize("store", [MemoryStoreSettings(), KeyringStoreSettings()])
def test_a_configuration_that_the_command_line_names_must_exist(tmp_path, monkeypatch, store):
    monkeypatch.setenv("MCP_AUTH_BRIDGE_HOME", str(tmp_path))
    assert load_context(paths(), None, store).config.store == store
    with pytest.raises(ConfigError, match=r"--config: there is no /.*/bridge\.toml"):
        load_context(paths(), tmp_path / "bridge.toml", store)


def test_headless_a_server_that_no_file_names_is_kept_nowhere_either(tmp_path):
    config = load(tmp_path / "none.toml", MemoryStoreSettings())
    assert config.profile("https://mcp.example.com/mcp").store == MemoryStoreSettings()


@pytest.mark.parametrize("key", ["session acme https://mcp.example.com/mcp", "client https://id.example.com"])
def test_a_store_that_forgets_does_not_say_that_there_is_nothing_where_others_keep_logins(tmp_path, monkeypatch, key):
    """A container that mounts the user's folder, or a cron job on their desktop, without a line for the key."""
    monkeypatch.setenv("MCP_AUTH_BRIDGE_HOME", str(tmp_path))
    places = paths()
    records = SealedStore(places.records, lambda: bytes(32), os.urandom, Locks(places.locks).mutex)

    async def story():
        store_access = StoreAccess(MemoryStoreSettings(), places)
        assert (await store_access.open_to_list()).keys() == []
        assert (await store_access.open_to_read(key)).load(key) is None
        records.save(key, "x", None)
        for look in (store_access.open_to_list(), store_access.open_to_read(key)):
            with pytest.raises(StoreError, match="holds sealed logins, which the memory store used here") as raised:
                await look
            assert "[store]" in raised.value.hint
        assert (await store_access.open_to_read("session other https://mcp.example.com/mcp")).keys() == []

    asyncio.run(story())
