"""The pages of docs/clients/ are those of the data."""

import pytest
from client_pages import FOLDER, PAGES, PROGRAM, entry, pages
from documents import blocks

from mcp_auth_bridge.clients.entries import read_entries
from mcp_auth_bridge.clients.targets import TARGETS


def test_the_pages_are_current():
    command = "uv run python tests/support/client_pages.py"
    assert {path.name: path.read_text() for path in FOLDER.glob("*.md")} == pages(), command


def test_each_client_of_install_has_one_page():
    assert sorted(key for page in PAGES.values() for key in page.keys) == sorted(TARGETS)


@pytest.mark.parametrize("name", PAGES)
def test_the_entry_on_a_page_starts_the_bridge(name):
    shown = [text for mark, _, text in blocks(f"docs/clients/{name}.md") if mark == "entry"]
    targets = [TARGETS[key] for key in PAGES[name].keys]
    assert shown == [entry(target) for target in targets]
    for text, target in zip(shown, targets, strict=True):
        (found,) = read_entries(target.client, target.user[0], "a file", text)
        assert found.argv == (PROGRAM, "run", "acme")
        assert found.name == "acme"
