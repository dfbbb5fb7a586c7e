"""An open private folder and the files in it.

Everything is verified on an open descriptor (never on a name, which may point elsewhere a moment later): the folder is
this user's and 0700; a file is regular, this user's and 0600, and is not reached through a symbolic link. Windows has
neither owners nor modes in this sense; there the folder inherits the access list of the user's profile.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mcp_auth_bridge.errors import StoreError, shell_quoted
from mcp_auth_bridge.stores.file_errors import FULL, translated
from mcp_auth_bridge.stores.file_io import CREATE, OVERWRITE, POSIX, READ, SAFE, fill, read_all, sync_folder

LIMIT = 1 << 20  # bytes: 50 times the largest session seen, and far below what a planted file could cost in memory


class OpenFolder(msgspec.Struct, frozen=True):
    """A verified folder. `descriptor` is None if the OS cannot open names relative to one (Windows).

    Methods raise `OSError`; a file that is not private, or too large, is a `StoreError`.
    """

    path: Path
    descriptor: int | None

    def read(self, name: str) -> bytes:
        """The content of the file `name`, at most `LIMIT` bytes."""
        path = self.path / name
        descriptor = self._open(name, READ)
        try:
            status = os.fstat(descriptor)
            _check_file(status, path)
            if status.st_size > LIMIT:
                raise StoreError(f"{path} is larger than {LIMIT} bytes, which no record is", f"move {path} away")
            return read_all(descriptor, LIMIT)
        finally:
            os.close(descriptor)

    def create(self, name: str, data: bytes) -> None:
        """Write a new file `name`."""
        fill(self._open(name, CREATE), data)

    def create_or_overwrite(self, name: str, data: bytes, reserved: str) -> str:
        """Write `data` to a new file `name`, or on a full disk into the blocks of the file `reserved`.

        Returns the name of the file that was written.
        """
        try:
            self.create(name, data)
        except OSError as error:
            if error.errno not in FULL or not self._overwrite(reserved, data):
                raise
            self.unlink(name)
            return reserved
        return name

    def _overwrite(self, name: str, data: bytes) -> bool:
        """Write `data` over the file `name`, in the blocks that it has already. Returns whether it exists."""
        try:
            descriptor = self._open(name, OVERWRITE)
        except FileNotFoundError:
            return False
        try:
            _check_file(os.fstat(descriptor), self.path / name)
        except BaseException:
            os.close(descriptor)
            raise
        fill(descriptor, data)
        return True

    def rename(self, old: str, new: str) -> None:
        os.replace(self._where(old), self._where(new), src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def unlink(self, name: str) -> bool:
        """Remove the file `name`. Returns whether there was one."""
        try:
            os.unlink(self._where(name), dir_fd=self.descriptor)
        except FileNotFoundError:
            return False
        return True

    def link(self, old: str, new: str) -> bool:
        """Make a hard link to `old`. Returns False on a file system without them (exFAT, some network drives)."""
        try:
            os.link(self._where(old), self._where(new), src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except OSError:
            return False
        return True

    def names(self) -> list[str]:
        """The names in the folder, sorted."""
        # Two calls, because a str and a descriptor have different overloads.
        with os.scandir(str(self.path)) if self.descriptor is None else os.scandir(self.descriptor) as entries:
            return sorted(entry.name for entry in entries)

    def sync(self) -> None:
        """Make renames and removals survive a power cut."""
        if self.descriptor is not None:
            sync_folder(self.descriptor)

    def _open(self, name: str, flags: int) -> int:
        return os.open(self._where(name), flags | SAFE, 0o600, dir_fd=self.descriptor)

    def _where(self, name: str) -> str:
        return name if self.descriptor is not None else str(self.path / name)


@contextlib.contextmanager
def open_folder(path: Path) -> Iterator[OpenFolder]:
    """The open and verified folder `path`. Raises `StoreError`, and its subclass `Missing` if there is none."""
    with translated(path):
        descriptor = _open_descriptor(path)
    try:
        yield OpenFolder(path, descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open_descriptor(path: Path) -> int | None:
    if not POSIX:
        path.stat()  # raises FileNotFoundError as the open below does
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | SAFE)
    try:
        _check_private(os.fstat(descriptor), path, "700")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_private(status: os.stat_result, path: Path, mode: str) -> None:
    if not POSIX:
        return
    if status.st_uid != os.geteuid():
        raise StoreError(f"{path} belongs to another user", f"give it to this user with chown, or remove {path}")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise StoreError(f"{path} is open to other users", f"run: chmod {mode} {shell_quoted(str(path))}")


def _check_file(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"{path} is not a regular file", f"remove {path}")
    _check_private(status, path, "600")
