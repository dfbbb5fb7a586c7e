"""The MCP Python SDK's own authorization server, which FastMCP's in-memory provider is too: python-sdk #3545, #1315."""

import sys
from collections.abc import Iterator

import pytest
from peer import PEERS, Peer
from words import text

BY_HAND = {
    "auth.kind": "browser",
    "auth.client_id": "by-hand",
    "auth.client_secret": "env:S",
    "auth.callback_port": 4711,
}


@pytest.fixture
def sdk(tmp_path) -> Iterator[Peer]:
    peer = Peer([sys.executable, str(PEERS / "sdk_provider.py")], tmp_path / "sdk.log")
    yield peer
    peer.stop()


@pytest.fixture
def scoped(tmp_path) -> Iterator[Peer]:
    peer = Peer([sys.executable, str(PEERS / "sdk_scopes.py")], tmp_path / "sdk.log")
    yield peer
    peer.stop()


def works(bridge) -> bool:
    with bridge.stdio("acme") as client:
        client.initialize()
        return text(client.call("add", {"a": 1, "b": 2})) == "3"


def test_a_registered_bridge_signs_in_works_and_signs_out(bridge, sdk) -> None:
    bridge.add_server("acme", sdk.url)
    bridge.login("acme")
    assert works(bridge)
    assert bridge.run("logout", "acme").stderr == "mcp-auth-bridge: signed out of acme\n"
    assert (sdk.control()["revoked"], sdk.control()["live"]) == (2, 0)


def test_a_registration_without_a_secret_signs_in_and_signs_out_too(bridge, sdk) -> None:
    bridge.add_server("acme", sdk.url, **{"auth.kind": "browser", "auth.auth_method": "none"})
    bridge.login("acme")
    assert set(sdk.control()["clients"].values()) == {"client_secret_basic", "none"}
    assert bridge.run("logout", "acme").stderr == "mcp-auth-bridge: signed out of acme\n"
    assert (sdk.control()["revoked"], sdk.control()["live"]) == (2, 0)


def test_a_step_up_registers_anew_if_a_client_may_only_use_its_registered_scopes(bridge, scoped) -> None:
    """openwork #2629: the SDK's own check, `validate_scope`."""
    bridge.add_server("acme", scoped.url)
    bridge.login("acme")
    assert works(bridge)
    scoped.control({"needFilesWrite": True})
    with bridge.stdio("acme") as client:
        client.initialize()
        assert "lacks a permission: “files:write”" in text(client.call("add", {"a": 1, "b": 2}))
    bridge.login("acme")
    assert works(bridge)
    assert list(scoped.control()["scopes"].values()) == ["mcp", None, "files:write"]
    bridge.login("acme")  # which asks for the scope by itself and needs no other registration
    assert works(bridge)
    assert len(scoped.control()["scopes"]) == 3
    done = bridge.run("login", "acme", "--fresh")
    assert done.returncode == 0, done.stderr
    assert works(bridge)
    assert list(scoped.control()["scopes"].values()) == ["mcp", None, "files:write", "files:write"]
    assert [launch["title"] for launch in bridge.launches] == ["Signed in"] * 4


def test_a_client_registered_by_hand_for_basic_finds_the_basic_variant_that_the_server_accepts(bridge, sdk) -> None:
    bridge.environment["S"] = "s3cret/+"
    bridge.add_server("acme", sdk.url, **BY_HAND, **{"auth.issuer": sdk.about["origin"]})
    bridge.login("acme")
    assert works(bridge)
    assert bridge.run("logout", "acme").stderr == "mcp-auth-bridge: signed out of acme\n"
    assert sdk.control()["live"] == 0
