"""Prevents core dumps, so that no core file of this process holds a token.

RLIMIT_CORE alone does not stop a core that the kernel hands to a program, such as systemd-coredump: "the limit is not
enforced for core dumps that are piped to a program" (core(5)). /proc/self/coredump_filter empties both kinds of core.
Unlike PR_SET_DUMPABLE, it leaves /proc/PID readable for the user of the process, and needs no ctypes.
Both are inherited, so a program that takes this process's place gets them back as they were. Windows writes no dumps
unless an administrator has configured them.
"""

import contextlib
import sys
from pathlib import Path

_FILTER = Path("/proc/self/coredump_filter")
_NOTHING = "0"


class _Before:
    """The settings with which this process was started; None where `forbid` changed nothing."""

    soft: int | None = None
    filter: str | None = None


def forbid() -> None:
    """Forbid core dumps; to be called first. Does nothing where the system does not allow it, as in a sandbox."""
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(OSError, ValueError):
        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
        _Before.soft = soft
    with contextlib.suppress(OSError):  # only Linux has this file
        before = _FILTER.read_text().strip()
        _FILTER.write_text(_NOTHING)
        _Before.filter = before


def allow_again() -> None:
    """Undo `forbid`, for the program that this process becomes."""
    if sys.platform == "win32":
        return
    import resource

    if _Before.soft is not None:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (_Before.soft, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if _Before.filter is not None:
        with contextlib.suppress(OSError):
            _FILTER.write_text(f"0x{_Before.filter}")
