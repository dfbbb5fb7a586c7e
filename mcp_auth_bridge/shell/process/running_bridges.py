"""The processes of this program with the same folders, as Linux shows them: proc(5). Other systems show none."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath

import msgspec

_PROC = Path("/proc")
_PROGRAM = "mcp-auth-bridge"
_MODULE = ("-m", "mcp_auth_bridge")
_FOLDERS = ("MCP_AUTH_BRIDGE_HOME", "HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
"""The variables that decide which folders a bridge uses."""


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


def running_bridges(environ: Mapping[str, str] = os.environ, proc: Path = _PROC) -> list[RunningBridge]:
    """The bridges of this user with the folders of `environ`, by process id. [] where the system does not show them."""
    if not proc.is_dir():
        return []
    processes = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal())
    folders = {name: environ[name] for name in _FOLDERS if name in environ}
    return [bridge for pid in processes for bridge in _look_at(proc, pid, folders)]


def _look_at(proc: Path, pid: int, folders: Mapping[str, str]) -> Iterator[RunningBridge]:
    process = proc / str(pid)
    try:
        arguments = _arguments(_words(process / "cmdline"))
        variables = dict(word.partition("=")[::2] for word in _words(process / "environ"))
        if arguments is None or {name: variables[name] for name in _FOLDERS if name in variables} != folders:
            return
        lines = (process / "status").read_text("utf-8", "replace").splitlines()
        status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    except OSError:  # it has just ended, or is another user's
        return
    yield RunningBridge(pid, arguments, _name(proc / status["PPid"]), status["State"][:1] in ("T", "t"))


def _words(file: Path) -> list[str]:
    return file.read_bytes().decode(errors="replace").rstrip("\0").split("\0")


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text("utf-8", "replace").strip()
    except OSError:  # it has ended, or is outside of this container
        return ""


def _arguments(words: Sequence[str]) -> tuple[str, ...] | None:
    """The arguments of the bridge in a command line, None if it starts another program, such as `uvx`."""
    if PurePath(words[0]).name == _PROGRAM:
        return tuple(words[1:])
    if not PurePath(words[0]).name.startswith("python"):
        return None
    if len(words) > 1 and PurePath(words[1]).name == _PROGRAM:
        return tuple(words[2:])
    return tuple(words[3:]) if tuple(words[1:3]) == _MODULE else None
