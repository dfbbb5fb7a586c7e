"""A private folder: small files that only this user can read, each replaced as a whole or not at all."""

import contextlib
import hashlib
from pathlib import Path

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.file_errors import Missing, translated
from mcp_auth_bridge.stores.open_folder import LIMIT, open_folder


class Folder:
    """The folder `path`, which need not exist before the first `write`. Every method may raise `StoreError`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        with translated(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def verify(self) -> None:
        """Raise `StoreError` unless the folder exists, belongs to this user and is closed to others."""
        with open_folder(self.path):
            pass

    def read(self, name: str) -> bytes | None:
        """The content of the file `name`, at most `LIMIT` bytes; None if there is no such file."""
        try:
            with open_folder(self.path) as folder, translated(self.path / name):
                return folder.read(name)
        except Missing:
            return None

    def write(self, name: str, data: bytes, temporary: str) -> None:
        """Put `data` in place of the file `name`, durably; `temporary` is an unused name for it until then."""
        _check_size(data)
        self.create()
        with open_folder(self.path) as folder, translated(self.path / name):
            try:
                folder.create(temporary, data)
                folder.rename(temporary, name)
            except BaseException:
                folder.unlink(temporary)
                raise
            folder.sync()

    def reserve(self, name: str, filling: bytes) -> None:
        """Make a file `name` with the incompressible `filling`: space for a `replace` on a full disk."""
        if self._size(name) >= len(filling):
            return
        self.remove(name)
        with open_folder(self.path) as folder, translated(self.path / name):
            try:
                folder.create(name, filling)
            except BaseException:
                folder.unlink(name)
                raise

    def replace(self, name: str, data: bytes, reserved: str, kept: str, temporary: str) -> None:
        """As `write`, but on a full disk into the blocks of the file `reserved`. The old file is then named `kept`.

        The new content is durable before anything else happens. Nothing else takes space, because `kept` is a hard link
        to the old file; on a file system without hard links it is a copy, if there is room for one.
        """
        _check_size(data)
        old = self.read(name)
        spare = f"{temporary}.kept"
        with open_folder(self.path) as folder, translated(self.path / name):
            try:
                written = folder.create_or_overwrite(temporary, data, reserved)
                linked = old is not None and folder.link(name, spare)
                folder.rename(written, name)
            except BaseException:
                folder.unlink(temporary)
                folder.unlink(spare)
                raise
            folder.sync()
            if linked:
                folder.rename(spare, kept)
        if old is not None and not linked:
            with contextlib.suppress(StoreError):  # only the new record matters, and it is stored
                self.write(kept, old, temporary)

    def remove(self, *names: str) -> None:
        """Remove the files `names` in this order; missing ones are skipped."""
        with open_folder(self.path) as folder, translated(self.path):
            removed = [name for name in names if folder.unlink(name)]
            if removed:
                folder.sync()

    def names(self) -> list[str]:
        """The names of the files, sorted; none if there is no folder."""
        try:
            with open_folder(self.path) as folder, translated(self.path):
                return folder.names()
        except Missing:
            return []

    def _size(self, name: str) -> int:
        data = self.read(name)
        return -1 if data is None else len(data)


def _check_size(data: bytes) -> None:
    if len(data) > LIMIT:
        raise StoreError(f"a record of {len(data)} bytes is larger than the limit of {LIMIT} bytes")


def hashed_name(key: str, suffix: str) -> str:
    """The name of the file for `key`, which may be any text: 32 hexadecimal digits of its SHA-256, then `suffix`."""
    return hashlib.sha256(key.encode()).hexdigest()[:32] + suffix
