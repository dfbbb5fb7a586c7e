"""How bytes get into a descriptor of the client without a wait: pipes, sockets, everything else, and Windows.

A client's stdout pipe has one *open file description* that it may share with other processes. Its flags are theirs too,
so a pipe is opened once more, as a description of our own, which does not wait.
"""

import asyncio
import contextlib
import os
import select
import socket
import stat
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeAlias

Piece: TypeAlias = bytes | memoryview

MOST_PIECES = 1000
"""Pieces that one call of `Outlet.write` takes at most; the kernel's own limit is 1024 (IOV_MAX)."""

_ATOMIC = 4096  # bytes that a pipe takes at once when it is writable (PIPE_BUF on Linux; POSIX promises 512)
_PIPE = 1 << 20  # bytes that a pipe of our own may hold; a user may have that by default (pipe-max-size)


class Outlet(Protocol):
    """Where bytes leave the process."""

    def write(self, pieces: Sequence[Piece]) -> int:
        """Write as much of `pieces` as there is room for, in order. Returns the number of bytes, 0 if there is no room.

        The caller repeats the same pieces, less what was written, after `watch` has called. Raises `OSError`.
        """

    def watch(self, ready: Callable[[], None]) -> None:
        """Call `ready` once there is room, and perhaps again until `unwatch`."""

    def unwatch(self) -> None:
        """Do not call any more."""


def open_outlet(fd: int) -> Outlet:
    """The best way to write to `fd`, which belongs to this process alone."""
    if not hasattr(select, "poll"):
        return ThreadOutlet(fd)
    mode = os.fstat(fd).st_mode
    if sys.platform == "linux" and stat.S_ISFIFO(mode) and _open_anew(fd):
        return PipeOutlet(fd)
    if sys.platform == "linux" and stat.S_ISSOCK(mode):  # macOS may wait although it is told not to
        return SocketOutlet(fd)
    return PolledOutlet(fd)


def _open_anew(fd: int) -> bool:
    """Put an open file description of our own behind `fd`, which does not wait. Returns whether that was possible.

    It is not if the client has gone, if the pipe is another user's, or without /proc.
    """
    import fcntl  # Windows has none

    try:
        own = os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False
    with contextlib.suppress(OSError):  # the user's pipes hold too much already: it stays as small as it is
        fcntl.fcntl(own, fcntl.F_SETPIPE_SZ, _PIPE)
    os.dup2(own, fd, inheritable=False)
    os.close(own)
    return True


class _Watched:
    """A descriptor that the loop can watch."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()

    def watch(self, ready: Callable[[], None]) -> None:
        self._loop.add_writer(self._fd, ready)

    def unwatch(self) -> None:
        self._loop.remove_writer(self._fd)


class PipeOutlet(_Watched):
    """A pipe that does not wait."""

    def write(self, pieces: Sequence[Piece]) -> int:
        try:
            return os.writev(self._fd, pieces)
        except BlockingIOError:
            return 0


class SocketOutlet(_Watched):
    """A stream socket, which Node gives its child processes. Each call says that it must not wait."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self._socket = socket.socket(fileno=fd)
        weakref.finalize(self, self._socket.detach)  # the descriptor is not this object's to close

    def write(self, pieces: Sequence[Piece]) -> int:
        try:
            return self._socket.sendmsg(pieces, (), socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0


class PolledOutlet(_Watched):
    """A file, a terminal, or a pipe that others share. A write is so small that it does not wait if there is room."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def write(self, pieces: Sequence[Piece]) -> int:
        written = 0
        for part in _parts(pieces):
            rest = part
            while rest:
                if not self._poll.poll(0):
                    return written
                count = os.write(self._fd, rest)
                written += count
                rest = rest[count:]
        return written


class ThreadOutlet:
    """A thread writes, on Windows. There is room whenever it has written everything."""

    def __init__(self, fd: int) -> None:
        from concurrent.futures import ThreadPoolExecutor  # only Windows needs it

        self._fd = fd
        self._thread = ThreadPoolExecutor(1)
        # The pieces under way.
        self._work: asyncio.Future[int] | None = None

    def write(self, pieces: Sequence[Piece]) -> int:
        if self._work is None:
            loop = asyncio.get_running_loop()
            self._work = loop.run_in_executor(self._thread, _write_all, self._fd, tuple(pieces))
            return 0
        work, self._work = self._work, None
        return work.result()

    def watch(self, ready: Callable[[], None]) -> None:
        if self._work is not None:
            self._work.add_done_callback(lambda _: ready())

    def unwatch(self) -> None:
        """Nothing: `ready` is called once."""


def _parts(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The bytes of `pieces` in parts that a writable pipe takes at once; short pieces are joined."""
    part = bytearray()
    for piece in pieces:
        rest = memoryview(piece)
        while len(part) + len(rest) >= _ATOMIC:
            room = _ATOMIC - len(part)
            yield bytes(part) + rest[:room] if part else rest[:room]
            part.clear()
            rest = rest[room:]
        part += rest
    if part:
        yield bytes(part)


def _write_all(fd: int, pieces: Sequence[Piece]) -> int:
    written = 0
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            count = os.write(fd, rest)
            written += count
            rest = rest[count:]
    return written
