"""Who holds a TCP port of this machine: Linux says it in /proc, for processes that one may look into."""

from collections.abc import Iterator
from pathlib import Path

_LISTENING = "0A"  # linux/include/net/tcp_states.h


def occupant(port: int, proc: Path = Path("/proc")) -> str:
    """The name and id of the process that listens at `port`, "" where that cannot be known."""
    sockets = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _inodes(proc / "net" / table, port)}
    for process in sorted(proc.glob("[0-9]*")) if sockets else ():
        if sockets & set(_links(process / "fd")):
            return f"{_name(process)} (process {process.name})"
    return ""


def _inodes(table: Path, port: int) -> Iterator[str]:
    for line in _lines(table)[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
            yield fields[9]


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError:
        return []  # no such system, or nothing that we may read: then nobody is named


def _links(folder: Path) -> Iterator[str]:
    try:
        for link in folder.iterdir():
            yield str(link.readlink())
    except OSError:
        return  # another user's process, or one that has just ended


def _name(process: Path) -> str:
    """What the kernel calls it: any program may choose its own, with any character."""
    name = "".join(_lines(process / "comm"))
    return "".join(char for char in name if char.isascii() and char.isprintable()) or "a program without a name"
