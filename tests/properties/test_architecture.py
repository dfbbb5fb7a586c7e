"""docs/architecture.md matches the tree: the order of the rooms, every module once, every path that it names."""

import re
from pathlib import Path

import pytest
from rooms import ORDER, SOURCES

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "architecture.md").read_text()
VOCABULARY = "the vocabulary"
PLACES = (ROOT, ROOT / "mcp_auth_bridge")
TOPS = {path.name for place in PLACES for path in place.iterdir()}


def rows():
    """(room, module) for every module that the table of rooms names; the room is "" for the vocabulary."""
    table = DOCUMENT.partition("## The rooms\n")[2].partition("\n## ")[0]
    room = None
    for line in table.splitlines()[3:]:
        first, modules = (cell.strip() for cell in line.split("|")[1:3])
        if first:
            room = "" if VOCABULARY in first else first.strip("*`/").replace("/", ".") + "."
        yield from (f"{room}{module}" for module in re.findall(r"`(\w+)`", modules))


def test_the_documented_order_is_the_enforced_one():
    assert " ".join(ORDER.split()) in " ".join(DOCUMENT.split())


def test_the_table_of_rooms_lists_every_module_once():
    named = list(rows())
    modules = {module for module, path in SOURCES.items() if path.name != "__init__.py" and module != "__main__"}
    assert sorted(named) == sorted(modules)


def test_every_class_in_the_picture_of_the_relays_exists():
    relays = "\n".join(path.read_text() for module, path in SOURCES.items() if module.startswith("relay"))
    picture = DOCUMENT.partition("that for an IDE is:")[2].partition("```\n\n")[0]
    assert {name for name in re.findall(r"[A-Z]\w+", picture) if not re.search(rf"class {name}\b", relays)} == set()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/headless.md"])
def test_every_path_that_a_document_names_exists(document):
    paths = re.findall(r"`((?:[\w-]+/)+[\w-]*(?:\.\w+)?)`", (ROOT / document).read_text())
    ours = [path for path in paths if path.split("/")[0] in TOPS]
    there = {path for path in ours for place in PLACES if (place / path).exists() or (place / f"{path}.py").exists()}
    assert set(ours) - there == set()
