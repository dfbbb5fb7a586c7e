"""Real clients, from npm, accept the file that `install` has written, list the tools and call one."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from client_table import RESULT, SCENARIOS, outcome
from peer import ENVIRONMENT, install_node_modules, node
from peers.clients import CLIENTS, Client, Place, Prepared
from peers.gateway import Gateway
from peers.model import Model
from program import command
from thoroughness import is_thorough

from mcp_auth_bridge.app.client_entries import find_file
from mcp_auth_bridge.clients.client import Platform, System
from mcp_auth_bridge.clients.editing import entry_in, remove_value
from mcp_auth_bridge.clients.entry_form import Scope
from mcp_auth_bridge.clients.targets import TARGETS

pytestmark = pytest.mark.slow

KEYS = {
    "claude": "claude-code",
    "codex": "codex",
    "gemini": "gemini",
    "copilot": "copilot",
    "opencode": "opencode",
    "cline": "cline",
}
"""The names that `install` takes, by the client's program."""

# A session without a user begins before its servers are there, and nobody approves a call: the user's own settings.
ALONE = {
    "codex": ["-c", "mcp_servers.acme.required=true", "-c", 'mcp_servers.acme.default_tools_approval_mode="approve"'],
}


def reinstalled(client: Client, place: Place) -> Prepared:
    """The client prepared as usual, but with the entry that `install` writes in place of the usual one."""
    prepared = client.prepare(place)
    arguments = list(prepared.arguments)
    target = TARGETS[KEYS[client.program]]
    if client.program == "claude":  # its own file rather than one on its command line
        at = arguments.index("--mcp-config")
        del arguments[at : at + 3]
    at = find_file(target, Scope.USER, System(Platform.LINUX, str(place.home), str(place.home / "work"), {}))
    for table in target.forms:
        if at.content.data is not None and entry_in(at.content.text, at.kind.format, (*table, "acme")) is not None:
            text = remove_value(at.content.text, at.kind.format, (*table, "acme"))
            at.content.path.write_text(text)
    environment = {**ENVIRONMENT, "HOME": str(place.home), "MCP_AUTH_BRIDGE_HOME": str(place.bridge)}
    done = subprocess.run(
        [command(), "install", target.key, "acme"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Prepared([*arguments[:1], *ALONE.get(client.program, []), *arguments[1:]], prepared.variables)


@pytest.mark.parametrize("client", CLIENTS, ids=[client.program for client in CLIENTS])
def test_a_client_calls_a_tool_through_the_entry_that_was_installed(client: Client) -> None:
    if not is_thorough():
        pytest.skip("plays with --thorough: the clients have 2 GB together")
    install_node_modules()
    node_path = Path(node())
    client.installed(node_path)
    with (
        tempfile.TemporaryDirectory(prefix="client-", ignore_cleanup_errors=True) as folder,
        Gateway() as gateway,
        Model() as model,
    ):
        place = Place(Path(folder) / "home", Path(folder) / "bridge", model.url)
        for path in (place.home, place.bridge):
            path.mkdir(0o700)
        SCENARIOS["logged in"](gateway, place.bridge)
        said = client._replace(prepare=lambda place: reinstalled(client, place)).run(place, node_path)
        assert outcome(said, model.results, 0) == RESULT
