"""Reading and writing whole files by their descriptors, so that they survive a power cut."""

import errno
import os
from pathlib import Path

from mcp_auth_bridge.stores.file_errors import translated

POSIX = os.name == "posix"

READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
OVERWRITE = os.O_WRONLY | getattr(os, "O_BINARY", 0)
# O_NONBLOCK: opening a planted FIFO returns at once instead of waiting for a writer.
SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


def create_file(path: Path, data: bytes) -> None:
    """Make the file `path`, which only this user can read, durably and as a whole. Raises `Exists` if there is one.

    No symbolic link is followed, because `O_EXCL` treats one as an existing file.
    """
    with translated(path):
        descriptor = os.open(path, CREATE | SAFE, 0o600)
        try:
            fill(descriptor, data)
            _sync_parent(path)
        except BaseException:
            path.unlink()
            raise


def _sync_parent(path: Path) -> None:
    """Make the new name `path` survive a power cut; its folder need not be this user's."""
    if POSIX:
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
