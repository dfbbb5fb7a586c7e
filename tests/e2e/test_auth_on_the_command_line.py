"""`--auth`: every command works without any configuration, from the environment alone."""

import json
import subprocess

import pytest
from installed import HANG, Bridge, RawClient
from peer import McpServer
from program import command

BEARER = 'kind = "bearer", token = "env:TOKEN"'


@pytest.fixture
def token(bridge: Bridge, protected_server: McpServer) -> str:
    """A token that the server accepts; its login is deleted from this machine before the token is used."""
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    token = bridge.run("token", "acme").stdout.strip()
    (bridge.home / "config.toml").unlink()
    return token


def bare(token: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as `env -i` does: no home, no path, one variable."""
    line = [command(), *arguments, "--auth", BEARER]
    return subprocess.run(
        line, env={"TOKEN": token}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=HANG, check=False
    )


def test_a_command_needs_only_an_environment_variable_and_a_url(token: str, protected_server: McpServer) -> None:
    assert bare(token, "call", protected_server.url, "add", "a=19", "b=23", "--headless").stdout == "42\n"
    assert "add a=" in bare(token, "tools", protected_server.url, "--headless").stdout
    assert bare(token, "token", protected_server.url, "--headless").stdout == f"{token}\n"
    client = RawClient([command(), "run", protected_server.url, "--headless", "--auth", BEARER], {"TOKEN": token})
    client.initialize()
    assert client.request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})["result"]
    assert client.close() == 0


def test_without_the_variable_the_command_names_it_and_sends_nothing(protected_server: McpServer) -> None:
    ended = bare("", "tools", protected_server.url, "--headless")
    assert (ended.returncode, ended.stdout) == (9, "")
    assert "environment variable TOKEN" in ended.stderr


def test_only_the_same_auth_finds_a_login_made_with_auth(bridge: Bridge, protected_server: McpServer) -> None:
    bridge.add_server("acme", protected_server.url)
    auth = ("--auth", 'kind = "browser", client_name = "another bridge"')
    assert bridge.run("login", "acme", *auth).returncode == 0
    assert bridge.run("call", "acme", "add", "a=1", "b=2", *auth).stdout == "3\n"
    without = bridge.run("token", "acme")
    assert without.returncode == 3
    assert without.stderr.endswith("hint: run: mcp-auth-bridge login acme\n")
    own, other = json.loads(bridge.run("status", "--json").stdout)
    assert (own["server"], own["state"], other["state"]) == ("acme", "signed out", "signed in")
    assert other["server"].startswith("acme~")
    gone = bridge.run("logout", "acme", *auth)
    assert (gone.returncode, gone.stderr) == (0, "mcp-auth-bridge: signed out of acme\n")
    hint = bridge.run("token", "acme", *auth).stderr.partition("hint: run: ")[2].strip()
    assert hint == 'mcp-auth-bridge login acme --auth \'kind = "browser", client_name = "another bridge"\''
