"""A private folder: small files that only this user can read, each replaced as a whole or not at all.

Everything is verified on an open descriptor (never on a name, which may point elsewhere a moment later): the folder is
this user's and 0700; a file is regular, this user's and 0600, and is not reached through a symbolic link. Windows has
neither owners nor modes in this sense; there the folder inherits the access list of the user's profile.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mcp_auth_bridge.errors import StoreError, shell_quoted
from mcp_auth_bridge.stores.file_io import (
    CREATE,
    FULL,
    OVERWRITE,
    READ,
    SAFE,
    Missing,
    file_error,
    fill,
    read_all,
    sync_folder,
)

LIMIT = 1 << 20  # bytes: 50 times the largest session seen, and far below what a planted file could cost in memory


class Folder:
    """The folder `path`, which need not exist before the first `write`. Every method may raise `StoreError`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise file_error(self.path, error) from None

    def verify(self) -> None:
        """Raise `StoreError` unless the folder exists, belongs to this user and is closed to others."""
        with open_folder(self.path):
            pass

    def read(self, name: str) -> bytes | None:
        """The content of the file `name`, at most `LIMIT` bytes; None if there is no such file."""
        try:
            with open_folder(self.path, name) as folder:
                return folder.read(name)
        except Missing:
            return None

    def write(self, name: str, data: bytes, temporary: str) -> None:
        """Put `data` in place of the file `name`, durably; `temporary` is an unused name for it until then."""
        _check_size(data)
        self.create()
        with open_folder(self.path, name) as folder:
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
        with open_folder(self.path, name) as folder:
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
        with open_folder(self.path, name) as folder:
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
        with open_folder(self.path) as folder:
            removed = [name for name in names if folder.unlink(name)]
            if removed:
                folder.sync()

    def names(self) -> list[str]:
        """The names of the files, sorted; none if there is no folder."""
        try:
            with open_folder(self.path) as folder:
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
        fill(self.open_new(name), data)

    def open_new(self, name: str) -> int:
        """The descriptor of a new file `name`, for writing; the caller closes it."""
        return self._open(name, CREATE)

    def status(self, name: str) -> os.stat_result:
        """The size and the times of the file `name`; a symbolic link is not followed."""
        return os.stat(self._where(name), dir_fd=self.descriptor, follow_symlinks=False)

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
def open_folder(path: Path, name: str = "") -> Iterator[OpenFolder]:
    """The open and verified folder `path`. Raises `StoreError`, and its subclass `Missing` if there is none.

    An `OSError` of the block becomes a `StoreError` about the file `name`, or about the folder.
    """
    try:
        descriptor = _open_descriptor(path)
    except OSError as error:
        raise file_error(path, error) from None
    try:
        yield OpenFolder(path, descriptor)
    except OSError as error:
        raise file_error(path / name, error) from None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open_descriptor(path: Path) -> int | None:
    if os.name == "nt":
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
    if os.name == "nt":
        return
    if status.st_uid != os.geteuid():
        raise StoreError(f"{path} belongs to another user", f"give it to this user with chown, or remove {path}")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise StoreError(f"{path} is open to other users", f"run: chmod {mode} {shell_quoted(str(path))}")


def _check_file(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"{path} is not a regular file", f"remove {path}")
    _check_private(status, path, "600")
