"""The processes of this machine, from Linux's /proc."""

import contextlib
from pathlib import Path


def refreshing(folder: Path) -> list[int]:
    """The processes that refresh a login below `folder`, found by their locks: their arguments do not show it."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if b"refresh_process" in (path / "cmdline").read_bytes():
                found += (
                    [int(path.name)] if any(file.startswith(f"{folder}/") for file in open_files(path.name)) else []
                )
    return found


def open_files(pid: int | str) -> set[str]:
    return {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}


def started_with(name: str, value: str) -> list[str]:
    """The command lines of the processes that were started with `name` set to `value` in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{name}={value}".encode() in (path / "environ").read_bytes().split(b"\0"):
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def running(word: str) -> list[int]:
    """The processes with `word` in their command lines. One that ends while it is looked at does not count."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if word.encode() in (path / "cmdline").read_bytes():
                found.append(int(path.name))
    return found
