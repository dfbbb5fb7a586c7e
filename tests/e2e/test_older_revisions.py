"""A server that refuses a newer revision of MCP (peers/strict_revision.py), by each command that opens a session."""

import sys
from collections.abc import Iterator

import pytest
from installed import Bridge
from peer import PEERS, Peer
from words import text


@pytest.fixture(scope="module", params=["400", "-32602"])
def running(request, tmp_path_factory) -> Iterator[Peer]:
    script = str(PEERS / "strict_revision.py")
    peer = Peer([sys.executable, script, request.param], tmp_path_factory.mktemp("peer") / "log")
    yield peer
    peer.stop()


@pytest.fixture
def acme(bridge, running) -> Bridge:
    """Logged in: the verification of the login has already opened a session at the server."""
    running.control(["reset"])
    bridge.add_server("acme", running.url)
    bridge.login("acme")
    return bridge


@pytest.mark.plays("Slack")
def test_a_login_is_verified_and_its_tools_are_remembered(acme, running) -> None:
    assert "tools/list" in [each["method"] for each in running.control()["requests"]]
    memory = "".join(path.read_text() for path in (acme.home / "memory").rglob("*") if path.is_file())
    assert "search" in memory


def test_a_client_of_a_newer_revision_gets_the_servers_revision(acme) -> None:
    with acme.stdio("acme", "--headless") as client:
        assert client.initialize()["result"]["protocolVersion"] == "2025-06-18"
        assert text(client.call("search")) == "found"
        assert (client.close(), client.stderr) == (0, "")


def test_a_client_that_gets_a_cached_initialize_reply_can_call_tools(acme) -> None:
    with acme.stdio("acme") as client:
        client.initialize()
        assert text(client.call("search")) == "found"
        assert (client.close(), client.stderr) == (0, "")


def test_the_commands_with_their_own_session_get_their_replies(acme) -> None:
    listed = acme.run("tools", "acme")
    assert (listed.returncode, listed.stdout) == (0, "search\n"), listed.stderr
    called = acme.run("call", "acme", "search")
    assert (called.returncode, called.stdout) == (0, "found\n"), called.stderr
