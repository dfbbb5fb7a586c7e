"""Notices the end of the parent process, for hosts that die without closing stdin: another process may hold it open.

Linux's PR_SET_PDEATHSIG does not help: it fires when the *thread* that started the bridge ends, and hosts use
short-lived threads for that.
"""

import asyncio
import os
import select
import sys
from collections.abc import Callable

_POLL_INTERVAL = 2.0
"""Seconds between two checks where the kernel does not notify."""


def watch(parent: int, gone: Callable[[], object]) -> None:
    """Call `gone` once when the process `parent`, which started this one, has ended.

    On Windows it does nothing: a process keeps its parent's number there, and hosts end their children by job.
    """
    if sys.platform == "win32" or parent <= 0:  # 0: the parent is outside of our container
        return
    loop = asyncio.get_running_loop()
    try:
        fd = _open_watch(parent)
    except (OSError, AttributeError):  # an old kernel or Python, a sandbox, or a parent that has gone already
        _poll(loop, parent, gone)
        return

    def notify() -> None:
        loop.remove_reader(fd)
        os.close(fd)
        gone()

    loop.add_reader(fd, notify)
    if os.getppid() != parent:  # it ended before the watch began, and its number may be another process's by now
        notify()


def _open_watch(pid: int) -> int:
    """Return a file descriptor that becomes readable when the process `pid` ends."""
    if sys.platform != "linux":
        queue = select.kqueue()
        queue.control([select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)], 0)
        return os.dup(queue.fileno())
    return os.pidfd_open(pid)


def _poll(loop: asyncio.AbstractEventLoop, parent: int, gone: Callable[[], object]) -> None:
    if os.getppid() == parent:
        loop.call_later(_POLL_INTERVAL, _poll, loop, parent, gone)
    else:
        gone()
