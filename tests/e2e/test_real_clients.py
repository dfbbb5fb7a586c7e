"""Real clients, from npm, end their session with what docs/clients.md says, in each state of the server."""

from pathlib import Path

import pytest
from client_table import COLUMNS, INSPECTOR_NAME, documented, names, play_all, versions
from peer import install_node_modules, node
from peers.clients import CLIENTS
from thoroughness import is_thorough

pytestmark = pytest.mark.slow

BY_NAME = {client.name: client for client in CLIENTS}


def test_the_document_has_every_client_in_every_state() -> None:
    assert set(documented()) == {(name, scenario) for name in names() for scenario in COLUMNS}
    assert set(versions()) == set(names())


@pytest.mark.timeout(900)
def test_every_client_ends_as_the_document_says(subtests: pytest.Subtests) -> None:
    install_node_modules()
    node_path = Path(node())
    here = []
    for name, client in BY_NAME.items():
        with subtests.test(name):
            if not is_thorough():
                pytest.skip(f"{name} plays with --thorough: the clients have 2 GB together")
            client.installed(node_path)  # skips it by name
            here.append(client)
    cells = play_all([*here, None], node_path)
    for (name, scenario), expected in documented().items():
        if name == INSPECTOR_NAME or BY_NAME[name] in here:
            with subtests.test(name, scenario=scenario):
                assert cells[name, scenario] == expected
