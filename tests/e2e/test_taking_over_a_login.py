"""`install --migrate` with a login of mcp-remote: no new sign-in, and its files stay as they are."""

import hashlib
import json

import pytest
from test_install import entry_of, started
from words import text

from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.oauth.session import SESSIONS, load_session
from mcp_auth_bridge.shell.files.paths import paths_below


def session_of(bridge):
    """The session in the store of `bridge`, as it is."""
    config = config_file.load(bridge.home / "config.toml")
    store = StoreAccess(config.store, paths_below(bridge.home)).store
    keys = store.keys()
    (key,) = [key for key in keys if key.startswith(SESSIONS)]
    return load_session(store.load(key).secret)


@pytest.fixture
def old_files(bridge, protected_server):
    """The files of a login that mcp-remote made, and an entry that uses it; nothing of the bridge knows them."""
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    session = session_of(bridge)
    for folder in ("records", "memory", "locks"):
        for path in (bridge.home / folder).rglob("*"):
            path.unlink()
    (bridge.home / "config.toml").write_text(bridge.store + "\n")
    name = hashlib.md5(protected_server.url.encode()).hexdigest()
    folder = bridge.home / ".mcp-auth" / "mcp-remote-v1"
    folder.mkdir(parents=True)
    client = {"client_id": session.client.id, "redirect_uris": [session.client.redirect_uri]}
    if session.client.secret is not None:
        client["client_secret"] = session.client.secret.reveal()
    tokens = {
        "access_token": session.access.reveal(),
        "refresh_token": session.refresh.reveal(),
        "scope": session.scope,
        "issuer": session.issuer,
        "expires_at": session.expires_at * 1000,
    }
    (folder / f"{name}_client_info.json").write_text(json.dumps(client))
    (folder / f"{name}_tokens.json").write_text(json.dumps(tokens))
    entry = {"command": "npx", "args": ["-y", "mcp-remote", protected_server.url]}
    (bridge.home / ".cursor").mkdir()
    (bridge.home / ".cursor" / "mcp.json").write_text(json.dumps({"mcpServers": {"far": entry}}))
    return folder


def test_a_login_of_mcp_remote_works_here_without_a_new_one(bridge, old_files):
    before = {path: path.read_bytes() for path in old_files.iterdir()}
    logins = len(bridge.launches)
    done = bridge.run("install", "--migrate")
    assert done.returncode == 0, done.stderr
    assert "the login of mcp-remote is taken over" in done.stderr
    with started(bridge, entry_of(bridge, ".cursor/mcp.json", "far")) as client:
        client.initialize()
        assert text(client.call("add", {"a": 1, "b": 2})) == "3"
    assert len(bridge.launches) == logins
    assert {path: path.read_bytes() for path in old_files.iterdir()} == before


@pytest.mark.parametrize("issuer", ["https://other.example", ""])
def test_a_login_of_another_or_an_unknown_issuer_is_not_taken_over(bridge, old_files, issuer):
    path = next(path for path in old_files.iterdir() if path.name.endswith("_tokens.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "issuer": issuer}))
    done = bridge.run("install", "--migrate")
    assert done.returncode == 0, done.stderr
    assert "is taken over" not in done.stderr
    assert ("another authorization server" in done.stderr) == bool(issuer)
    assert json.loads(bridge.run("status", "--json").stdout)[0]["state"] == "signed out"
