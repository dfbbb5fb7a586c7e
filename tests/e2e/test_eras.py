"""What clients and servers of both eras can do with each other is what docs/eras.md says."""

import pytest
from era_cells import Matrix, documented, tables, unexplained
from era_peers import CLIENTS, SERVERS, judged
from eras_table import EVERY_PAIR, generated

CLIENT = {client.name: client for client in CLIENTS}
SERVER = {server.name: server for server in SERVERS}
ACROSS = [
    (CLIENT["TypeScript SDK 1"], SERVER["Python SDK 2, modern only"]),
    (CLIENT["Python SDK 2, modern only"], SERVER["TypeScript SDK 1"]),
]
"""One pair for each direction of translation, of both SDKs."""

REMEMBERED = [
    pair for pair in EVERY_PAIR if pair[0] in (CLIENT["Python SDK 1"], CLIENT["TypeScript SDK 2, modern only"])
]
"""The pairs that meet again when the bridge remembers the server: a client of each era."""


def changed(found: Matrix) -> list[str]:
    """The cells that the document has otherwise."""
    said = documented(generated())
    return [
        f"{client} → {server}, {cell.combination}: {feature}: {cell.verdict}, not {said[client, server][feature]}"
        for (client, server), cells in found.items()
        for feature, cell in cells.items()
        if cell.verdict != said[client, server][feature]
    ]


def test_the_document_has_a_cell_for_every_feature_of_every_pair() -> None:
    found = documented(generated())
    assert set(found) == {(client.name, server.name) for client, server in EVERY_PAIR}
    assert [cell for cells in found.values() for cell in cells.values() if not cell] == []


def test_a_client_and_a_server_of_different_eras_can_do_what_the_document_says(tmp_path) -> None:
    found = judged(ACROSS, tmp_path)
    assert unexplained(found) == []
    assert changed(found) == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_sdk_can_do_with_every_other_what_the_document_says(tmp_path) -> None:
    found = judged(EVERY_PAIR, tmp_path)
    assert unexplained(found) == []
    assert changed(found) == []
    assert tables(found) == generated(), "uv run python tests/e2e/eras_table.py"
    again = judged(REMEMBERED, tmp_path)
    assert unexplained(again) == []
    assert again == {pair: found[pair] for pair in again}
