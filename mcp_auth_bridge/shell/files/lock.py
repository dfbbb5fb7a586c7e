"""Kernel locks between processes. The kernel frees them when their process ends, so a lock never becomes stale.

Each lock is a file of its own that is never deleted (deleting it would let two processes lock two inodes under one
name), and never the file that it guards. It holds neither a process id nor a time stamp.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.stores.file_io import file_error, translate_os_errors
from mcp_auth_bridge.stores.folder import Folder, hashed_name

if TYPE_CHECKING:
    from filelock import FileLock

_FIRST_POLL, _LONGEST_POLL = 0.01, 0.16
"""Seconds between two attempts: a wait in the kernel could not be cancelled. Doubled each time, because dozens of
processes may wait for one slow authorization server.
"""

_MUTEX_TIMEOUT = 10.0  # seconds: a store write takes milliseconds, so this means a stopped process or a dead disk


class LockHeld(StoreError):
    """Another process or task has held the lock during the whole time-out."""


class Locks:
    """The locks in one private folder. A mutex and a lock of the same name are independent of each other."""

    def __init__(self, folder: Path) -> None:
        self._folder = Folder(folder)

    @contextlib.contextmanager
    def mutex(self, name: str) -> Iterator[None]:
        """Exclude every other thread and process from `name` for a few milliseconds of file work.

        It blocks the thread. Raises `StoreError` after 10 seconds.
        """
        from filelock import Timeout

        lock = self._lock(name, ".mutex")
        with translate_os_errors(Path(lock.lock_file)):
            try:
                lock.acquire(timeout=_MUTEX_TIMEOUT, poll_interval=0.002)
            except Timeout:
                _check_contention(lock)
                raise _held_error(name, _MUTEX_TIMEOUT) from None
        try:
            yield
        finally:
            lock.release()

    @contextlib.asynccontextmanager
    async def hold(self, name: str, timeout: float) -> AsyncIterator[None]:  # noqa: ASYNC109 - the error names the lock
        """Hold the lock `name` across awaits; the loop keeps running while another process or task has it.

        Raises `LockHeld` after `timeout` seconds, which may be 0.
        """
        lock = self._lock(name, ".lock")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        # One attempt is one non-blocking system call: a cancellation falls between two attempts, never into one.
        pause = _FIRST_POLL
        with debug_log.timed("lock", what=name):
            while not _attempt(lock):
                if pause == _FIRST_POLL:
                    with translate_os_errors(Path(lock.lock_file)):
                        _check_contention(lock)
                if loop.time() >= deadline:
                    raise _held_error(name, timeout)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_POLL)
        try:
            yield
        finally:
            lock.release()

    def file(self, name: str) -> Path:
        """The file of the lock that `hold` takes; it need not exist."""
        return self._folder.path / hashed_name(name, ".lock")

    def _lock(self, name: str, suffix: str) -> "FileLock":
        from filelock import FileLock  # its import takes 10 ms, and reading a login needs no lock

        self._folder.create()
        self._folder.verify()
        path = self._folder.path / hashed_name(name, suffix)
        # thread_local=False: a task may be resumed, and its lock released, on another thread.
        return FileLock(path, mode=0o600, thread_local=False, fallback_to_soft=False, preserve_lock_file=True)


def _attempt(lock: "FileLock") -> bool:
    from filelock import Timeout

    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except OSError as error:
        raise file_error(Path(lock.lock_file), error) from None
    return True


def _check_contention(lock: "FileLock") -> None:
    """Raise the `OSError` with which the kernel refuses `lock`, unless another process holds it.

    filelock waits on EACCES too, because some systems use it for contention. On Linux it is the refusal of a security
    module, which lasts.
    """
    if sys.platform != "linux":
        return
    import fcntl

    descriptor = os.open(lock.lock_file, os.O_RDWR | os.O_CLOEXEC)
    try:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # closing the descriptor releases it
    finally:
        os.close(descriptor)


def _held_error(name: str, timeout: float) -> LockHeld:
    return LockHeld(
        f"other mcp-auth-bridge processes have held the lock for {name} for more than {timeout:g} seconds",
        "try again; if it keeps happening, end the one that hangs",
    )
