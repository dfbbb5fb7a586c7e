"""The account of a login, and logins that the MCP server refuses: the installed command, real peers."""

import json
from typing import Any

import pytest
from words import text

BROWSER = {"auth.kind": "browser"}
ALICE = "alice@example.test"  # the authorization server's only account


def lines(bridge) -> dict[str, dict[str, Any]]:
    """The lines of `status --json`, by server."""
    done = bridge.run("status", "--json")
    assert done.returncode == 0, done.stderr
    return {line["server"]: line for line in json.loads(done.stdout)}


@pytest.fixture
def spoilt(authorization_server):
    """The authorization server issues tokens for an audience other than the MCP server."""
    authorization_server.control({"audience": "https://another.example/mcp"})
    return authorization_server


def test_two_servers_with_the_same_url_keep_two_logins(bridge, authorization_server, protected_server) -> None:
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
def test_naming_a_url_that_two_servers_share_is_an_error_that_names_both(bridge, protected_server, command) -> None:
    for name in ("work", "home"):
        bridge.add_server(name, protected_server.url)
    done = bridge.run(command, protected_server.url)
    assert done.returncode == 2
    assert "several servers with this URL: work, home" in done.stderr


def test_a_login_with_the_expected_account_succeeds_and_is_reported(
    bridge, authorization_server, protected_server
) -> None:
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


def test_a_login_with_another_account_is_refused_and_revoked(bridge, authorization_server, protected_server) -> None:
    bridge.add_server("acme", protected_server.url, **BROWSER, **{"auth.account": "mia@example.test"})
    done = bridge.run("login", "acme")
    assert done.returncode == 4
    assert f"“{ALICE}” signed in, but this server is to be used as “mia@example.test”; nothing was kept" in done.stderr
    assert lines(bridge)["acme"]["state"] == "signed out"
    assert "signed in" not in bridge.launches[-1]["title"].lower()


def test_a_stored_login_is_not_used_once_another_account_is_expected(bridge, protected_server) -> None:
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


def test_a_login_that_the_server_refuses_is_explained_and_discarded(bridge, spoilt, protected_server) -> None:
    bridge.add_server("acme", protected_server.url)
    done = bridge.run("login", "acme")
    assert done.returncode == 3
    assert "acme rejected even a freshly issued token (HTTP 401" in done.stderr
    assert "): it was made for “another.example”" in done.stderr
    assert f"not for “{protected_server.url}”" in done.stderr
    assert lines(bridge)["acme"]["state"] == "signed out"
    assert "signed in" not in bridge.launches[-1]["title"].lower()


def test_a_login_that_the_server_refuses_keeps_the_previous_one(bridge, authorization_server, protected_server) -> None:
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    authorization_server.control({"audience": "https://another.example/mcp"})
    assert bridge.run("login", "acme").returncode == 3
    authorization_server.control({"audience": None})
    assert lines(bridge)["acme"]["state"] == "signed in"
    with bridge.stdio("acme") as client:
        client.initialize()
        assert text(client.call("whoami")) == ALICE


def test_a_server_that_also_refuses_new_tokens_costs_one_rotation_and_is_explained(
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
        assert "“another.example”" in text(answer)
    assert authorization_server.refreshes == {"success": 1}
