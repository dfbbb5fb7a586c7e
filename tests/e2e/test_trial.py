"""As a new user would: a wheel, one command and one login for each client, and away again without a trace."""

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import RawClient
from peer import install_node_modules, node
from peers.clients import CLIENTS
from peers.gateway import Gateway
from thoroughness import is_thorough
from trial import PLAYED, RESULT, Trial, entry_of, play, trial
from words import text

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


# What a client itself writes while it runs: its settings, its memory of the session, the folder of the project.
OWN = {"claude": (".claude", ".cache", "work"), "codex": (".codex", "work")}
SETTINGS = {"claude": ".claude.json", "codex": ".codex/config.toml"}


@pytest.fixture
def machine() -> Iterator[Trial]:
    with trial() as machine:
        yield machine


def test_one_command_and_one_login_and_away_again_without_a_trace(machine, protected_server, authorization_server):
    before, in_keyring = machine.tree(), machine.session.items()
    done = machine.run("install", "claude-code", protected_server.url)
    assert (done.returncode, machine.logins) == (0, 1), done.stderr
    entry = entry_of(machine)
    with RawClient([entry["command"], *entry["args"]], machine.environment) as client:
        client.initialize()
        assert text(client.call("add", {"a": 1, "b": 2})) == "3"
    second = machine.run("install", "codex")
    assert (second.returncode, machine.logins) == (0, 1), second.stderr

    gone = machine.run("uninstall", "--everything", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert machine.traces(before) == {}
    assert machine.session.items() == in_keyring
    last = gone.stderr.splitlines()[-1].rpartition(": ")[2]
    assert last == "uv tool uninstall mcp-auth-bridge"
    subprocess.run(shlex.split(last), env=machine.environment, capture_output=True, check=True)
    assert not [*machine.program.rglob("bin/mcp-auth-bridge")]
    assert authorization_server.counters["revocations"] >= 1


@pytest.mark.parametrize("program", PLAYED)
def test_a_real_client_calls_a_tool_after_one_command_and_nothing_of_the_bridge_stays(machine, program):
    if not is_thorough():
        pytest.skip("plays with --thorough: the clients have 2 GB together")
    install_node_modules()
    node_path = Path(node())
    client = next(each for each in CLIENTS if each.program == program)
    client.installed(node_path)
    before, in_keyring = machine.tree(), machine.session.items()
    with Gateway() as gateway:
        figures = play(machine, client, gateway.url, node_path)
        gone = machine.run("uninstall", "--everything", "--yes")
    assert (figures.logins, figures.outcome) == (1, RESULT)
    assert gone.returncode == 0, gone.stderr
    assert machine.session.items() == in_keyring
    assert machine.traces(before, OWN[program]) == {}
    assert b"mcp-auth-bridge" not in (machine.home / SETTINGS[program]).read_bytes()
    assert not [path for path in machine.tree() if "mcp-auth-bridge" in path]
