"""What the bridge has written into the files of other programs, so that it can take away just that. No secret is in it.

Losing the file costs little: an entry is found by what it starts, and only an empty table may stay behind.
"""

import os
from pathlib import Path

import msgspec

from mcp_auth_bridge.clients.editing import Undo
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.folder import Folder

_NAME = "installed.json"


class Receipt(msgspec.Struct, frozen=True):
    """One entry."""

    # The file that it is in.
    path: str
    # The client, by the name that `install` takes.
    client: str
    # Its keys there: those of the table, and its name.
    place: tuple[str, ...]
    # What else was made in the text.
    undo: Undo = Undo()
    # Whether the file was made for it.
    made_file: bool = False
    # The folders that were made for the file, outermost first.
    made_folders: tuple[str, ...] = ()


class Receipts:
    """The receipts in the folder `memory`."""

    def __init__(self, memory: Path) -> None:
        self._folder = Folder(memory)

    def load(self) -> list[Receipt]:
        """All receipts; none if the file is missing or cannot be read."""
        try:
            return msgspec.json.decode(self._folder.read(_NAME) or b"[]", type=list[Receipt])
        except (StoreError, msgspec.DecodeError):
            return []

    def find(self, path: Path, place: tuple[str, ...]) -> Receipt | None:
        return next((each for each in self.load() if (each.path, each.place) == (str(path), place)), None)

    def add(self, receipt: Receipt) -> None:
        """Add `receipt`, unless there is one for its entry: the first one knows what there was before. Raises
        `StoreError`.
        """
        if self.find(Path(receipt.path), receipt.place) is None:
            self._save([*self.load(), receipt])

    def drop(self, receipt: Receipt) -> None:
        """Drop `receipt`. What the file and its tables were made for then becomes a matter of the file's next entry."""
        rest = [each for each in self.load() if each != receipt]
        heir = next((number for number, each in enumerate(rest) if each.path == receipt.path), None)
        if heir is not None:
            other = rest[heir]
            tables = receipt.undo if receipt.undo.tables > other.undo.tables else other.undo
            made_file = receipt.made_file or other.made_file
            folders = receipt.made_folders or other.made_folders
            rest[heir] = Receipt(other.path, other.client, other.place, tables, made_file, folders)
        self._save(rest)

    def _save(self, receipts: list[Receipt]) -> None:
        if not receipts:
            self._folder.remove(_NAME)
            return
        self._folder.create()
        self._folder.write(_NAME, msgspec.json.encode(receipts), f"{_NAME}.{os.urandom(6).hex()}")
