"""The processes that hold a lock, as Linux shows them: proc(5), "/proc/locks". Other systems do not tell."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_LOCKS = Path("/proc/locks")


def holders(lock: Path, table: Path = _LOCKS) -> list[int]:
    """The ids of the processes that hold `lock`, 0 for one in another container; [] if it is free or not known."""
    try:
        status = lock.stat()
        lines = table.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    return [pid for pid, place in _held(lines) if _is_same(place, status)]


def _is_same(place: tuple[int, int, int], status: os.stat_result) -> bool:
    """Whether `place`, a device and an inode, is the file with `status`.

    A file system without a device has major number 0. Subvolumes of btrfs have minor numbers of their own there.
    """
    major, minor, inode = place
    device = (os.major(status.st_dev), os.minor(status.st_dev))
    return inode == status.st_ino and (device == (major, minor) or device[0] == major == 0)


def _held(lines: Iterable[str]) -> Iterator[tuple[int, tuple[int, int, int]]]:
    """The process and the inode of each lock that is held: `1: FLOCK ADVISORY WRITE 4711 fe:00:2147655 0 EOF`."""
    for fields in map(str.split, lines):
        if fields[1] == "->":  # a process that waits for it
            continue
        major, minor, inode = fields[5].split(":")
        yield int(fields[4]), (int(major, 16), int(minor, 16), int(inode))
