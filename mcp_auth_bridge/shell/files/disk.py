"""The disk below a folder: whether it takes a file, and on which kind of file system it is. Nothing is left behind."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from mcp_auth_bridge.stores.file_io import translate_os_errors

_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")
_OF_A_NETWORK = frozenset(
    ("afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "gpfs", "lustre", "nfs", "nfs4", "smb3", "smbfs")
)


def check_takes(folder: Path, size: int) -> None:
    """Raise `StoreError` unless a file of `size` bytes can be made in `folder`, or where `folder` is yet to be made.

    The file has no name where the system has such files (Linux); elsewhere it is removed at once.
    """
    with translate_os_errors(folder), tempfile.TemporaryFile(dir=existing(folder)) as file:
        file.write(os.urandom(size))  # some file systems keep no blocks for data that compresses to nothing
        file.flush()
        os.fsync(file.fileno())  # a network file system may tell only now that it is full


def free_bytes(folder: Path) -> int:
    """The free space for this user. Raises `StoreError`."""
    with translate_os_errors(folder):
        return shutil.disk_usage(existing(folder)).free


def network_file_system(folder: Path, mounts: Path = _MOUNTS) -> str:
    """The type of the network file system that `folder` is on, "" for a disk of this machine, or if it is not known.

    proc(5), "/proc/pid/mountinfo"; only Linux has it.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    place = existing(folder).resolve()
    found = [(point, kind) for point, kind in map(_mount, lines) if place.is_relative_to(point)]
    _, kind = max(found, key=lambda mount: len(mount[0].parts), default=(place, ""))
    return kind if kind in _OF_A_NETWORK else ""


def existing(folder: Path) -> Path:
    """`folder`, or the nearest folder above it that exists."""
    return next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())


def _mount(line: str) -> tuple[Path, str]:
    """The mount point and the type of the file system in a line of mountinfo."""
    before, _, after = line.partition(" - ")
    point = _OCTAL.sub(lambda code: chr(int(code[1], 8)), before.split(" ")[4])
    return Path(point), after.partition(" ")[0]
