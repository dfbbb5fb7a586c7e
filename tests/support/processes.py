"""The processes of this machine, as Linux tells of them."""

import contextlib
from pathlib import Path


def refreshing(folder: Path) -> list[int]:
    """The processes that refresh a login below `folder`: their open locks tell, because their arguments say nothing."""
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
    """The command lines of the processes in whose environment `name` is `value`, as they were started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{name}={value}".encode() in (path / "environ").read_bytes().split(b"\0"):
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found
