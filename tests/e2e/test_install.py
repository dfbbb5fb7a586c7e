"""From a URL to a client that works with one command, and away again without a trace."""

import json
import tomllib

from installed import RawClient
from words import text


def entry_of(bridge, path, name):
    return json.loads((bridge.home / path).read_text())["mcpServers"][name]


def started(bridge, entry):
    """The entry, as a client starts it."""
    return RawClient([entry["command"], *entry["args"]], {**bridge.environment, **entry.get("env", {})})


def files(bridge):
    return {path for path in bridge.home.rglob("*") if not path.name.startswith("browser.log")}


def test_one_command_logs_in_and_makes_a_client_work_and_one_more_takes_all_away(
    bridge, protected_server, authorization_server
):
    bridge.add_server("acme", protected_server.url)
    (bridge.home / ".kiro").mkdir()
    (bridge.home / ".codex").mkdir()
    (bridge.home / ".codex" / "config.toml").write_text('model = "o3"\n')
    before = files(bridge)

    done = bridge.run("install", "kiro", "acme")
    assert done.returncode == 0, done.stderr
    assert "signed in to acme" in done.stderr
    assert len(bridge.launches) == 1
    with started(bridge, entry_of(bridge, ".kiro/settings/mcp.json", "acme")) as client:
        client.initialize()
        assert text(client.call("add", {"a": 1, "b": 2})) == "3"

    second = bridge.run("install", "codex")
    assert second.returncode == 0, second.stderr
    assert len(bridge.launches) == 1  # the login is there
    codex = tomllib.loads((bridge.home / ".codex/config.toml").read_text())
    assert codex["model"] == "o3"
    assert codex["mcp_servers"]["acme"]["args"] == ["run", "acme"]
    assert "DBUS_SESSION_BUS_ADDRESS" in codex["mcp_servers"]["acme"]["env_vars"]

    refused = bridge.run("uninstall", "--everything")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    gone = bridge.run("uninstall", "--everything", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert (bridge.home / ".codex/config.toml").read_text() == 'model = "o3"\n'
    assert authorization_server.counters["revocations"] >= 1
    assert files(bridge) == before - {bridge.home / "config.toml"}


def test_every_client_on_the_machine_gets_the_entry_and_the_tools_are_remembered(bridge, protected_server):
    bridge.add_server("acme", protected_server.url)
    for folder in (".cursor", ".junie/mcp", ".codeium/windsurf"):
        (bridge.home / folder).mkdir(parents=True)
    done = bridge.run("install", "--all", "acme")
    assert done.returncode == 0, done.stderr
    for name in ("Cursor", "Junie", "Windsurf"):
        assert f"{name}: wrote acme into" in done.stderr
    protected_server.control(["refuse_seen_tokens"])
    with started(bridge, entry_of(bridge, ".cursor/mcp.json", "acme")) as client:
        client.initialize()
        assert client.request("tools/list")["result"]["tools"]


def test_a_login_that_fails_writes_nothing(bridge):
    bridge.add_server("acme", "http://127.0.0.1:9/mcp")
    before = files(bridge)
    done = bridge.run("install", "cursor", "acme")
    assert done.returncode == 6
    assert not (bridge.home / ".cursor").exists()
    assert {path for path in files(bridge) - before if path.is_file() and path.suffix == ".json"} == set()
