"""The default store, end to end: the sealing key in a real GNOME Keyring, on a D-Bus session of its own."""

from collections.abc import Iterator

import pytest
from peers.keyring_session import KeyringSession, keyring_session


@pytest.fixture
def session() -> Iterator[KeyringSession]:
    with keyring_session() as session:
        yield session


@pytest.fixture
def keyring_bridge(bridge, session, protected_server):
    """Logged in as `acme`, with the configuration that says nothing about a store."""
    bridge.environment["DBUS_SESSION_BUS_ADDRESS"] = session.environment["DBUS_SESSION_BUS_ADDRESS"]
    bridge.environment["XDG_RUNTIME_DIR"] = session.environment["XDG_RUNTIME_DIR"]
    bridge.store = ""
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    return bridge


def call(bridge) -> dict:
    with bridge.stdio("acme") as client:
        client.initialize()
        return client.call("add", {"a": 1, "b": 2})


def test_a_login_sealed_by_the_keyring_serves_the_next_process(keyring_bridge, authorization_server) -> None:
    assert call(keyring_bridge)["result"]["content"][0]["text"] == "3"
    assert authorization_server.counters["tokenRequests"] == 1
    assert "keyring" in keyring_bridge.run("status").stdout.lower()


def test_a_refresh_is_sealed_with_the_same_key(keyring_bridge, authorization_server, protected_server) -> None:
    protected_server.control(["refuse_seen_tokens"])
    for _ in range(2):
        assert call(keyring_bridge)["result"]["content"][0]["text"] == "3"
    assert authorization_server.refreshes == {"success": 1}


def test_a_locked_keyring_is_named_and_nothing_is_lost(keyring_bridge, session) -> None:
    before = contents(keyring_bridge.home)
    session.lock()
    error = call(keyring_bridge)["error"]
    assert error["code"] == -32010
    assert "the OS keyring (Secret Service) is locked" in error["message"]
    assert contents(keyring_bridge.home) == before
    assert len(keyring_bridge.launches) == 1


def test_without_a_keyring_a_login_names_the_choices(bridge, protected_server) -> None:
    bridge.store = ""
    bridge.add_server("acme", protected_server.url)
    done = bridge.run("login", "acme")
    assert (done.returncode, bridge.launches) == (5, [])
    for choice in ("key_file", "key_command", "memory", "insecure_file"):
        assert choice in done.stderr


def contents(home) -> dict[str, bytes]:
    """Every sealed record below `home`."""
    records = {str(path): path.read_bytes() for path in home.rglob("records/*") if path.is_file()}
    assert records
    return records
