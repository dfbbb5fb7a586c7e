"""The death of the parent, for hosts that die without closing the pipe: somebody else may hold its other end.

Not Linux's PR_SET_PDEATHSIG: it fires when the *thread* that started us ends, and hosts start us from passing threads.
"""

import asyncio
import os
import select
import sys
from collections.abc import Callable

_LOOK = 2.0
"""Seconds between two looks where the kernel does not tell."""


def watch(parent: int, gone: Callable[[], object]) -> None:
    """Call `gone` once when the process `parent`, which started this one, has ended.

    On Windows nothing is watched: there a process keeps its parent's number, and hosts end their children by job.
    """
    if sys.platform == "win32" or parent <= 0:  # 0: the parent is outside of our container
        return
    loop = asyncio.get_running_loop()
    try:
        fd = _death(parent)
    except (OSError, AttributeError):  # an old kernel or Python, a sandbox, or a parent that has gone already
        _look(loop, parent, gone)
        return

    def told() -> None:
        loop.remove_reader(fd)
        os.close(fd)
        gone()

    loop.add_reader(fd, told)
    if os.getppid() != parent:  # between its end and the watch its number may have become another's
        told()


def _death(pid: int) -> int:
    """A file descriptor that becomes readable when the process `pid` ends."""
    if sys.platform != "linux":
        queue = select.kqueue()
        queue.control([select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)], 0)
        return os.dup(queue.fileno())
    return os.pidfd_open(pid)


def _look(loop: asyncio.AbstractEventLoop, parent: int, gone: Callable[[], object]) -> None:
    if os.getppid() == parent:
        loop.call_later(_LOOK, _look, loop, parent, gone)
    else:
        gone()
