"""Linux's figures for a process and its children: memory, processor time, wake-ups."""

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_OF_A_PROCESS = 2  # the kernel's clock that counts a process's running time, CPUCLOCK_SCHED


def tree(pid: int) -> list[Path]:
    """The folders in /proc of `pid` and of all its descendants."""
    children: dict[int, list[int]] = {}
    for folder in _PROC.glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended in the meantime
        children.setdefault(parent, []).append(int(folder.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return [_PROC / str(each) for each in found]


def memory(pid: int) -> int:
    """The resident memory in bytes."""
    return _sum(pid, "VmRSS") * 1024


def forget_peak(pid: int) -> None:
    for folder in tree(pid):
        (folder / "clear_refs").write_text("5")


def peak(pid: int) -> int:
    """The peak resident memory in bytes since `forget_peak`."""
    return _sum(pid, "VmHWM") * 1024


def processor_time(pid: int) -> float:
    """User and system seconds of all living processes, to the nanosecond; the usual counters tick every 10 ms.

    It is the sum of the /proc/PID/task/*/schedstat, and of the same figures of the threads that have ended.
    """
    return sum(time.clock_gettime(~int(folder.name) << 3 | _OF_A_PROCESS) for folder in tree(pid))


def wake_ups(pid: int) -> int:
    """How often a thread went to sleep voluntarily, which equals the number of its wake-ups."""
    return sum(_field(thread / "status", "voluntary_ctxt_switches") for thread in _threads(pid))


def _threads(pid: int) -> Iterator[Path]:
    for folder in tree(pid):
        yield from (folder / "task").iterdir()


def _sum(pid: int, field: str) -> int:
    return sum(_field(folder / "status", field) for folder in tree(pid))


def _field(file: Path, name: str) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended in the meantime
        found = re.search(rf"^{name}:\s+(\d+)", file.read_text(), re.MULTILINE)
        return int(found[1]) if found else 0
    return 0
