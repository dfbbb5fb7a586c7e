"""Whose login it is, and what becomes of one that the MCP server refuses: the installed command, real peers."""

import json
from typing import Any

import pytest
from words import text

BROWSER = {"auth.kind": "browser"}
ALICE = "alice@example.test"  # the only account of the authorization server


def lines(bridge) -> dict[str, dict[str, Any]]:
    """The lines of `status --json` by server."""
    done = bridge.run("status", "--json")
    assert done.returncode == 0, done.stderr
    return {line["server"]: line for line in json.loads(done.stdout)}


@pytest.fixture
def spoilt(authorization_server):
    """The authorization server issues tokens for somebody else than the MCP server."""
    authorization_server.control({"audience": "https://another.example/mcp"})
    return authorization_server


def test_two_servers_with_one_url_keep_two_logins(bridge, authorization_server, protected_server) -> None:
    for name in ("work", "home"):
        bridge.add_server(name, protected_server.url)
    bridge.login("work")
    assert {name: line["state"] for name, line in lines(bridge).items()} == {"work": "signed in", "home": "signed out"}
    bridge.login("home")
    assert bridge.run("logout", "work").returncode == 0
    assert {name: line["state"] for name, line in lines(bridge).items()} == {"work": "signed out", "home": "signed in"}
    with bridge.stdio("home") as client:
        client.initialize()
        assert text(client.call("whoami")) == ALICE


@pytest.mark.parametrize("command", ["run", "login", "logout"])
def test_a_url_that_two_servers_share_is_an_error_that_names_both(bridge, protected_server, command) -> None:
    for name in ("work", "home"):
        bridge.add_server(name, protected_server.url)
    done = bridge.run(command, protected_server.url)
    assert done.returncode == 2
    assert "several servers with this URL: work, home" in done.stderr


def test_the_expected_account_signs_in_and_all_is_told(bridge, authorization_server, protected_server) -> None:
    bridge.add_server("acme", protected_server.url, **BROWSER, **{"auth.account": ALICE.upper()})
    done = bridge.run("login", "acme")
    assert done.returncode == 0, done.stderr
    assert f"signed in to acme as {ALICE}" in done.stderr
    assert "couldn't verify" not in done.stderr
    assert "scopes “mcp" in done.stderr
    assert "renewed automatically" in done.stderr
    line = lines(bridge)["acme"]
    assert (line["account"], line["renews"]) == (ALICE, True)
    assert "mcp" in line["asked"].split()


def test_another_account_is_refused_and_its_login_revoked(bridge, authorization_server, protected_server) -> None:
    bridge.add_server("acme", protected_server.url, **BROWSER, **{"auth.account": "mia@example.test"})
    done = bridge.run("login", "acme")
    assert done.returncode == 4
    assert f"“{ALICE}” signed in, but this server is to be used as “mia@example.test”; nothing was kept" in done.stderr
    assert lines(bridge)["acme"]["state"] == "signed out"
    assert "signed in" not in bridge.launches[-1]["title"].lower()


def test_a_login_of_somebody_else_than_is_expected_since_then_is_not_used(bridge, protected_server) -> None:
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    seen = len(protected_server.requests)
    bridge.add_server("acme", protected_server.url, **BROWSER, **{"auth.account": "mia@example.test"})
    for command in (("call", "acme", "whoami"), ("token", "acme")):
        done = bridge.run(*command)
        assert (done.returncode, done.stdout) == (3, "")
        assert f"“{ALICE}” is signed in to acme, which expects “mia@example.test”" in done.stderr
        assert done.stderr.endswith("hint: run: mcp-auth-bridge login acme\n")
    assert len(protected_server.requests) == seen
    bridge.add_server("acme", protected_server.url, **BROWSER, **{"auth.account": ALICE})
    assert bridge.run("call", "acme", "whoami").stdout.strip() == ALICE


def test_a_login_that_the_server_refuses_is_explained_and_not_kept(bridge, spoilt, protected_server) -> None:
    bridge.add_server("acme", protected_server.url)
    done = bridge.run("login", "acme")
    assert done.returncode == 3
    assert "acme rejected even a freshly issued token (HTTP 401" in done.stderr
    assert "): its aud is “https://another.example/mcp”" in done.stderr
    assert f"not “{protected_server.url}”" in done.stderr
    assert lines(bridge)["acme"]["state"] == "signed out"
    assert "signed in" not in bridge.launches[-1]["title"].lower()


def test_a_login_that_the_server_refuses_leaves_the_one_before_it(
    bridge, authorization_server, protected_server
) -> None:
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    authorization_server.control({"audience": "https://another.example/mcp"})
    assert bridge.run("login", "acme").returncode == 3
    authorization_server.control({"audience": None})
    assert lines(bridge)["acme"]["state"] == "signed in"
    with bridge.stdio("acme") as client:
        client.initialize()
        assert text(client.call("whoami")) == ALICE


def test_a_server_that_refuses_new_tokens_too_costs_one_rotation_and_says_why(
    bridge, authorization_server, protected_server
) -> None:
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    protected_server.control(["refuse_seen_tokens"])
    authorization_server.reset()
    authorization_server.control({"audience": "https://another.example/mcp"})
    with bridge.stdio("acme") as client:
        client.initialize()
        for number in range(5):
            answer = client.call("whoami", request_id=number)
            assert answer["result"]["isError"]
        assert "https://another.example/mcp" in text(answer)
    assert authorization_server.refreshes == {"success": 1}
