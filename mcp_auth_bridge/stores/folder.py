"""A private folder: small files that only this user can read, each replaced as a whole or not at all.

Everything is verified on an open descriptor (never on a name, which may point elsewhere a moment later): the folder is
ours and 0700; a file is regular, ours and 0600, and is not reached through a symbolic link. Windows has neither owners
nor modes in this sense; there the folder inherits the access list of the user's profile.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mcp_auth_bridge.errors import StoreError, reason, typed

LIMIT = 1 << 20  # bytes: 50 times the largest session seen, and far below what a planted file could cost in memory

_POSIX = os.name == "posix"
# O_NONBLOCK: opening a planted FIFO returns at once instead of waiting for a writer.
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_OVERWRITE = os.O_WRONLY | getattr(os, "O_BINARY", 0)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ELSEWHERE = "make it a place where this user may write, or set MCP_AUTH_BRIDGE_HOME to another folder"
_FORBIDDEN = (errno.EACCES, errno.EPERM)


class Missing(StoreError):
    """There is no such file or folder."""


class Forbidden(StoreError):
    """Not for this user, or for nobody: the file system is read-only."""


class Exists(StoreError):
    """There is such a file already."""


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn an `OSError` about `path` into a `StoreError` that says what to do."""
    try:
        yield
    except FileNotFoundError:
        raise Missing(f"{path} does not exist", _ELSEWHERE) from None
    except FileExistsError:
        raise Exists(f"{path} exists already, and is not overwritten", f"remove {path}") from None
    except OSError as error:
        if error.errno in _FULL:
            raise StoreError(f"there is no space left to write {path}", "free some space and repeat") from None
        if error.errno in _FORBIDDEN:
            raise Forbidden(f"no permission for {path}", f"let this user read and write in {path.parent}") from None
        if error.errno == errno.EROFS:
            raise Forbidden(f"{path} is on a read-only file system", _ELSEWHERE) from None
        if error.errno == errno.ELOOP or path.is_symlink():
            raise StoreError(f"{path} is a symbolic link, which is not followed", f"remove {path}") from None
        raise StoreError(f"{path} cannot be used: {reason(error)}", _ELSEWHERE) from None


class _Directory(msgspec.Struct, frozen=True):
    """An open folder. `descriptor` is None where the OS cannot open names relative to one (Windows)."""

    path: Path
    descriptor: int | None

    def where(self, name: str) -> str:
        return name if self.descriptor is not None else str(self.path / name)

    def open(self, name: str, flags: int) -> int:
        return os.open(self.where(name), flags | _SAFE, 0o600, dir_fd=self.descriptor)

    def rename(self, old: str, new: str) -> None:
        os.replace(self.where(old), self.where(new), src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def unlink(self, name: str) -> bool:
        """Whether there was a file `name`; now there is none."""
        try:
            os.unlink(self.where(name), dir_fd=self.descriptor)
        except FileNotFoundError:
            return False
        return True

    def link(self, old: str, new: str) -> None:
        os.link(self.where(old), self.where(new), src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)

    def sync(self) -> None:
        """Make renames and removals survive a power cut."""
        if self.descriptor is not None:
            sync_folder(self.descriptor)


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        with translated(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def verify(self) -> None:
        """Raise `StoreError` unless the folder exists, is ours and is closed to everybody else."""
        with self._directory():
            pass

    def read(self, name: str) -> bytes | None:
        """The content of the file `name`, at most `LIMIT` bytes; None if there is no such file."""
        try:
            with self._directory() as directory, translated(self.path / name):
                return _content(directory, name)
        except Missing:
            return None

    def write(self, name: str, data: bytes, temporary: str) -> None:
        """Put `data` in place of the file `name`, durably; `temporary` is a fresh name for the time until then."""
        _check_size(data)
        self.create()
        with self._directory() as directory, translated(self.path / name):
            try:
                fill(directory.open(temporary, _CREATE), data)
                directory.rename(temporary, name)
            except BaseException:
                directory.unlink(temporary)
                raise
            directory.sync()

    def reserve(self, name: str, filling: bytes) -> None:
        """Have a file `name` as large as `filling`, which no compression shrinks, for a `replace` on a full disk."""
        if self._size(name) >= len(filling):
            return
        self.remove(name)
        with self._directory() as directory, translated(self.path / name):
            try:
                fill(directory.open(name, _CREATE), filling)
            except BaseException:
                directory.unlink(name)
                raise

    def replace(self, name: str, data: bytes, reserved: str, kept: str, temporary: str) -> None:
        """As `write`, on a full disk into the blocks of the file `reserved`; the file that was `name` is `kept`.

        The new content is durable before anything else happens. Nothing else takes space, because `kept` is another
        name of the old file; on a file system without second names it is a copy, if there is room for one.
        """
        _check_size(data)
        old = self.read(name)
        spare = f"{temporary}.kept"
        with self._directory() as directory, translated(self.path / name):
            try:
                written = _written(directory, data, temporary, reserved)
                linked = old is not None and _link(directory, name, spare)
                directory.rename(written, name)
            except BaseException:
                directory.unlink(temporary)
                directory.unlink(spare)
                raise
            directory.sync()
            if linked:
                directory.rename(spare, kept)
        if old is not None and not linked:
            with contextlib.suppress(StoreError):  # the new record is what counts, and is there
                self.write(kept, old, temporary)

    def _size(self, name: str) -> int:
        data = self.read(name)
        return -1 if data is None else len(data)

    def remove(self, *names: str) -> None:
        """Remove the files `names`, in this order; those that are not there are no error."""
        with self._directory() as directory, translated(self.path):
            removed = [name for name in names if directory.unlink(name)]
            if removed:
                directory.sync()

    def names(self) -> list[str]:
        try:
            with self._directory() as directory, translated(self.path), _listing(directory) as entries:
                return sorted(entry.name for entry in entries)
        except Missing:
            return []

    @contextlib.contextmanager
    def _directory(self) -> Iterator[_Directory]:
        """The open and verified folder. Raises `Missing` if there is none."""
        with translated(self.path):
            descriptor = _open_folder(self.path)
        try:
            yield _Directory(self.path, descriptor)
        finally:
            if descriptor is not None:
                os.close(descriptor)


def _check_size(data: bytes) -> None:
    if len(data) > LIMIT:
        raise StoreError(f"a record of {len(data)} bytes is larger than the limit of {LIMIT} bytes")


def _listing(directory: _Directory) -> contextlib.AbstractContextManager[Iterator[os.DirEntry[str]]]:
    # Two calls, because a str and a descriptor have different overloads.
    return os.scandir(str(directory.path)) if directory.descriptor is None else os.scandir(directory.descriptor)


def _open_folder(path: Path) -> int | None:
    if not _POSIX:
        path.stat()  # raises FileNotFoundError as the open below does
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _SAFE)
    try:
        _check_private(os.fstat(descriptor), path, "700")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_private(status: os.stat_result, path: Path, mode: str) -> None:
    if not _POSIX:
        return
    if status.st_uid != os.geteuid():
        raise StoreError(f"{path} belongs to another user", f"give it to this user with chown, or remove {path}")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise StoreError(f"{path} is open to other users", f"run: chmod {mode} {typed(str(path))}")


def _check_file(status: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"{path} is not a regular file", f"remove {path}")
    _check_private(status, path, "600")


def _content(directory: _Directory, name: str) -> bytes:
    path = directory.path / name
    descriptor = directory.open(name, _READ)
    try:
        status = os.fstat(descriptor)
        _check_file(status, path)
        if status.st_size > LIMIT:
            raise StoreError(f"{path} is larger than {LIMIT} bytes, which no record is", f"move {path} away")
        return read_all(descriptor, LIMIT)
    finally:
        os.close(descriptor)


def _written(directory: _Directory, data: bytes, temporary: str, reserved: str) -> str:
    """The file that holds `data`: the new one `temporary`, or on a full disk `reserved`, whose blocks are there."""
    try:
        fill(directory.open(temporary, _CREATE), data)
    except OSError as error:
        if error.errno not in _FULL or not _overwrite(directory, reserved, data):
            raise
        directory.unlink(temporary)
        return reserved
    return temporary


def _overwrite(directory: _Directory, name: str, data: bytes) -> bool:
    """Write `data` over the file `name`, in the blocks that it has already; whether there is such a file."""
    try:
        descriptor = directory.open(name, _OVERWRITE)
    except FileNotFoundError:
        return False
    try:
        _check_file(os.fstat(descriptor), directory.path / name)
    except BaseException:
        os.close(descriptor)
        raise
    fill(descriptor, data)
    return True


def _link(directory: _Directory, old: str, new: str) -> bool:
    """Give the file `old` a second name; False on a file system that has none (exFAT, some network drives)."""
    try:
        directory.link(old, new)
    except OSError:
        return False
    return True


def hashed_name(key: str, suffix: str) -> str:
    """The name of the file for `key`, which may be any text: 32 hexadecimal digits of its SHA-256, then `suffix`."""
    return hashlib.sha256(key.encode()).hexdigest()[:32] + suffix


def create_file(path: Path, data: bytes) -> None:
    """Make the file `path`, which only this user can read, durably and as a whole. Raises `PathExists` if there is one.

    No symbolic link is followed, because `O_EXCL` takes one for a file.
    """
    with translated(path):
        descriptor = os.open(path, _CREATE | _SAFE, 0o600)
        try:
            fill(descriptor, data)
            _sync_folder(path.parent)
        except BaseException:
            path.unlink()
            raise


def _sync_folder(path: Path) -> None:
    """As `_Directory.sync`, for a folder that need not be ours."""
    if _POSIX:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            sync_folder(descriptor)
        finally:
            os.close(descriptor)


def sync_folder(descriptor: int) -> None:
    """Flush a folder to the disk, where its file system can.

    Network file systems (SMB, some NFS and FUSE servers) answer EINVAL or ENOTSUP, as SQLite and git know too: they
    keep the order of renames themselves, and the content of the files was flushed before.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def read_all(descriptor: int, limit: int) -> bytes:
    """What is left in `descriptor`, at most `limit` bytes."""
    chunks = b""
    while len(chunks) < limit and (chunk := os.read(descriptor, limit - len(chunks))):
        chunks += chunk
    return chunks


def fill(descriptor: int, data: bytes) -> None:
    """Make `data` the whole file, on the disk and not only in the cache, and close `descriptor` in any case."""
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.ftruncate(descriptor, len(data))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
