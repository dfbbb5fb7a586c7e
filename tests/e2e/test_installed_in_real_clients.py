"""Real clients, from npm, accept the file that `install` has written, list the tools and call one."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from client_table import RESULT, SCENARIOS, outcome
from peer import ENVIRONMENT, install_node_modules, node
from peers.clients import CLIENTS, KEYS, Client, Place, Prepared, without_entry
from peers.gateway import Gateway
from peers.model import Model
from program import command
from thoroughness import is_thorough

pytestmark = pytest.mark.slow


def reinstalled(client: Client, place: Place) -> Prepared:
    """The client prepared as usual, but with the entry that `install` writes in place of the usual one."""
    prepared = without_entry(client, place, "acme")
    environment = {**ENVIRONMENT, "HOME": str(place.home), "MCP_AUTH_BRIDGE_HOME": str(place.bridge)}
    done = subprocess.run(
        [command(), "install", KEYS[client.program], "acme"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return prepared


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
