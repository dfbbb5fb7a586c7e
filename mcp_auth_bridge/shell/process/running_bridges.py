"""The other processes of this program, as Linux shows them: proc(5). Other systems show none."""

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

import msgspec

_PROC = Path("/proc")
_PROGRAM = "mcp-auth-bridge"
_MODULE = ("-m", "mcp_auth_bridge")


class RunningBridge(msgspec.Struct, frozen=True):
    """One process."""

    # The process id.
    pid: int
    # The arguments of the bridge; they may hold a secret.
    arguments: tuple[str, ...]
    # The name of the program that started it, "" if that is not known.
    parent: str
    # Whether it is stopped, and so does nothing: by a debugger, by SIGSTOP or by Ctrl-Z.
    stopped: bool


def running_bridges(proc: Path = _PROC) -> list[RunningBridge]:
    """All bridges of all users, by process id. [] where the system does not show them."""
    if not proc.is_dir():
        return []
    processes = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal())
    return [bridge for pid in processes for bridge in _look_at(proc, pid)]


def _look_at(proc: Path, pid: int) -> Iterator[RunningBridge]:
    try:
        words = (proc / str(pid) / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
        if (arguments := _arguments(words)) is None:
            return
        status = dict(
            line.partition(":")[::2] for line in (proc / str(pid) / "status").read_text("utf-8", "replace").splitlines()
        )
        parent = (proc / status["PPid"].strip() / "comm").read_text("utf-8", "replace").strip()
    except (OSError, KeyError):  # it has just ended
        return
    yield RunningBridge(pid, arguments, parent, status["State"].strip()[:1] in ("T", "t"))


def _arguments(words: Sequence[str]) -> tuple[str, ...] | None:
    """The arguments of the bridge in a command line, None if it starts another program, such as `uvx`."""
    if PurePath(words[0]).name == _PROGRAM:
        return tuple(words[1:])
    if not PurePath(words[0]).name.startswith("python"):
        return None
    if len(words) > 1 and PurePath(words[1]).name == _PROGRAM:
        return tuple(words[2:])
    return tuple(words[3:]) if tuple(words[1:3]) == _MODULE else None
