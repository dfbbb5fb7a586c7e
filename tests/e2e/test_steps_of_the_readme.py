"""The README's steps after the installation, as printed, with another server."""

import json
import shlex

from documents import block
from installed import RawClient
from program import command
from words import text

URL = "https://mcp.acme.example/mcp"


def test_a_login_and_an_entry_are_enough(bridge, protected_server) -> None:
    (bridge.home / "config.toml").write_text(bridge.store + "\n")
    program, *arguments = shlex.split(block("README.md", "login").replace(URL, protected_server.url))
    assert program == "mcp-auth-bridge"
    done = bridge.run(*arguments, "--browser-command", bridge.browser_command)
    assert done.returncode == 0, done.stderr
    entry = json.loads(block("README.md", "entry").replace(URL, protected_server.url))["mcpServers"]["acme"]
    assert entry["command"].endswith("/mcp-auth-bridge")
    with RawClient([command(), *entry["args"]], bridge.environment) as client:
        client.initialize()
        assert text(client.call("add", {"a": 1, "b": 2})) == "3"


def test_one_command_logs_in_and_writes_the_entry(bridge, protected_server) -> None:
    bridge.add_server("acme", protected_server.url)  # which says how to open the browser of this test
    program, *arguments = shlex.split(block("README.md", "install").replace(URL, protected_server.url))
    assert program == "mcp-auth-bridge"
    done = bridge.run(*arguments)
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads((bridge.home / ".kiro/settings/mcp.json").read_text())["mcpServers"].values()
    with RawClient([entry["command"], *entry["args"]], {**bridge.environment, **entry.get("env", {})}) as client:
        client.initialize()
        assert text(client.call("add", {"a": 1, "b": 2})) == "3"


def test_the_configuration_reaches_both_servers(bridge, protected_server) -> None:
    """Both refuse, one for a missing login and the other for its token; each received its configured headers."""
    (bridge.home / "token").write_text("static\n")
    (bridge.home / "token").chmod(0o600)
    shown = block("README.md", "configuration").replace("/run/secrets/tools-token", str(bridge.home / "token"))
    for url in (URL, "https://tools.example.org/mcp"):
        assert url in shown
        shown = shown.replace(url, protected_server.url)
    (bridge.home / "config.toml").write_text(f"{bridge.store}\n{shown}")
    bridge.environment["ACME_KEY"] = "key-of-acme"
    assert bridge.run("tools", "acme").returncode == 3
    assert bridge.run("tools", "static").returncode != 0
    headers = [request["headers"] for request in protected_server.mcp_requests()]
    assert [sent["x-acme-key"] for sent in headers if "x-acme-org" in sent][:1] == ["key-of-acme"]
    assert "Bearer …" in [sent.get("authorization") for sent in headers if "x-acme-org" not in sent]
