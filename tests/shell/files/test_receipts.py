"""The bridge remembers what it has written into the files of others."""

from pathlib import Path

from mcp_auth_bridge.clients.editing import Undo
from mcp_auth_bridge.shell.files.receipts import Receipt, Receipts

ONE = Receipt("/f", "cursor", ("mcpServers", "a"), Undo(1, "{}"), made_file=True, made_folders=("/x",))
TWO = Receipt("/f", "cursor", ("mcpServers", "b"))


def test_a_receipt_is_found_by_its_file_and_its_place(tmp_path):
    receipts = Receipts(tmp_path / "memory")
    assert receipts.load() == []
    receipts.add(ONE)
    assert receipts.find(Path("/f"), ONE.place) == ONE
    assert receipts.find(Path("/g"), ONE.place) is None


def test_the_first_receipt_of_an_entry_stays(tmp_path):
    receipts = Receipts(tmp_path / "memory")
    receipts.add(ONE)
    receipts.add(Receipt("/f", "cursor", ONE.place))
    assert receipts.load() == [ONE]


def test_the_last_entry_of_a_file_inherits_what_was_made_for_it(tmp_path):
    receipts = Receipts(tmp_path / "memory")
    for receipt in (ONE, TWO):
        receipts.add(receipt)
    receipts.drop(ONE)
    assert receipts.load() == [Receipt("/f", "cursor", TWO.place, ONE.undo, made_file=True, made_folders=("/x",))]
    receipts.drop(receipts.load()[0])
    assert list((tmp_path / "memory").iterdir()) == []


def test_a_damaged_file_counts_as_none(tmp_path):
    receipts = Receipts(tmp_path / "memory")
    receipts.add(ONE)
    next((tmp_path / "memory").iterdir()).write_text("{")
    assert receipts.load() == []
