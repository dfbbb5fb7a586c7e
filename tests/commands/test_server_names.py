"""The names of servers for completion: without a keyring, and without an error."""

import asyncio

import msgspec
import pytest
from commanding import context_of
from stored_login import BROWSER, URL, log_in

from mcp_auth_bridge.commands.server_names import server_names
from mcp_auth_bridge.config.store import KeyringStoreSettings
from mcp_auth_bridge.stores import os_keyring

BY_URL = "https://mcp.suite.example/mcp"


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path, URL, BROWSER, more="[servers.zeta]\nurl = 'https://zeta.example'\nulr = 1\n")


def test_configured_servers_come_first_then_logins_by_url_with_their_short_names(context):
    log_in(context, BY_URL)
    log_in(context, "acme")
    names = asyncio.run(server_names(context))
    assert list(names.items()) == [("acme", URL), ("zeta", "https://zeta.example"), ("suite", BY_URL)]


def test_a_keyring_is_not_opened(context, monkeypatch):
    log_in(context, BY_URL)

    def opened(*_):
        raise AssertionError("a keyring was opened")

    for name in (
        name for name, value in vars(os_keyring).items() if callable(value) and value.__module__ == os_keyring.__name__
    ):
        monkeypatch.setattr(os_keyring, name, opened)
    config = msgspec.structs.replace(context.config, store=KeyringStoreSettings())
    names = asyncio.run(server_names(msgspec.structs.replace(context, config=config)))
    assert list(names) == ["acme", "zeta"]


def test_a_store_that_cannot_be_opened_is_left_out(context, tmp_path):
    log_in(context, BY_URL)
    (tmp_path / "sealing.key").unlink()
    assert list(asyncio.run(server_names(context))) == ["acme", "zeta"]
