"""Reading and writing whole files by their descriptors, so that they survive a power cut.

What the operating system refuses becomes a `StoreError` that says what to do.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from mcp_auth_bridge.errors import StoreError, os_error_text

READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
OVERWRITE = os.O_WRONLY | getattr(os, "O_BINARY", 0)
# O_NONBLOCK: opening a planted FIFO returns at once instead of waiting for a writer.
SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_ELSEWHERE = "make it a place where this user may write, or set MCP_AUTH_BRIDGE_HOME to another folder"


class Missing(StoreError):
    """There is no such file or folder."""


class Forbidden(StoreError):
    """The user has no permission, or the file system is read-only."""


class Exists(StoreError):
    """There is such a file already."""


def file_error(path: Path, error: OSError) -> StoreError:
    """The `StoreError` for an `OSError` about `path`: it says what to do."""
    match error.errno:
        case errno.ENOENT:
            return Missing(f"{path} does not exist", _ELSEWHERE)
        case errno.EEXIST:
            return Exists(f"{path} exists already, and is not overwritten", f"remove {path}")
        case errno.EACCES | errno.EPERM:
            return Forbidden(f"no permission for {path}", f"let this user read and write in {path.parent}")
        case errno.EROFS:
            return Forbidden(f"{path} is on a read-only file system", _ELSEWHERE)
    if error.errno in FULL:
        message, hint = f"there is no space left to write {path}", "free some space and repeat"
    elif error.errno == errno.ELOOP or path.is_symlink():
        message, hint = f"{path} is a symbolic link, which is not followed", f"remove {path}"
    else:
        message, hint = f"{path} cannot be used: {os_error_text(error)}", _ELSEWHERE
    return StoreError(message, hint)


@contextlib.contextmanager
def translate_os_errors(path: Path) -> Iterator[None]:
    """Raise the `StoreError` for an `OSError` of the block, which is about `path`."""
    try:
        yield
    except OSError as error:
        raise file_error(path, error) from None


def create_file(path: Path, data: bytes) -> None:
    """Make the file `path`, which only this user can read, durably and as a whole. Raises `Exists` if there is one.

    No symbolic link is followed, because `O_EXCL` treats one as an existing file.
    """
    with translate_os_errors(path):
        descriptor = os.open(path, CREATE | SAFE, 0o600)
        try:
            fill(descriptor, data)
            _sync_parent(path)
        except BaseException:
            path.unlink()
            raise


def _sync_parent(path: Path) -> None:
    """Make the new name `path` survive a power cut; its folder need not be this user's."""
    if os.name != "nt":
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            sync_folder(descriptor)
        finally:
            os.close(descriptor)


def sync_folder(descriptor: int) -> None:
    """Flush a folder to the disk, if its file system can do that.

    Network file systems (SMB, some NFS and FUSE servers) answer EINVAL or ENOTSUP, which SQLite and git tolerate too:
    they keep the order of renames themselves, and the content of the files was flushed before.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def read_all(descriptor: int, limit: int) -> bytes:
    """The rest of the file `descriptor`, at most `limit` bytes."""
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
