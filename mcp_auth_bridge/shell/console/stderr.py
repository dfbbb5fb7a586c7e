"""The one way to stderr, which never waits: a host may close its end, or leave it open and never read.

A pipe that nobody reads is full after 64 KiB, and a process that waits for room there answers nobody any more.
"""

import contextlib
import os
import select
import sys
from _thread import RLock  # threading's own, without threading: `--help` needs none
from collections.abc import Callable
from typing import TextIO


class Stderr:
    """What finds no room is left out, and counted where there is room again by the line of `left_out`. None is torn."""

    def __init__(self, left_out: Callable[[int], str]) -> None:
        self._line = left_out
        self._rest = b""
        self._left_out = 0
        self._turn = RLock()  # a keyring's thread has something to say as well

    def write(self, text: str) -> None:
        """Write `text`, whole lines, or leave it out. Never raises: there would be nobody to tell."""
        stream = sys.stderr
        if stream is None:  # closed before the process began
            return
        with self._turn, contextlib.suppress(OSError, ValueError):
            fd = _pollable(stream)
            if fd is None:
                stream.write(text)
                stream.flush()
            else:
                self._send(fd, text.encode(stream.encoding, "backslashreplace"))

    def _send(self, fd: int, data: bytes) -> None:
        if not self._flush(fd):
            self._left_out += 1
            return
        missing = self._line(self._left_out).encode() if self._left_out else b""
        self._left_out, self._rest = 0, missing + data
        self._flush(fd)

    def _flush(self, fd: int) -> bool:
        """Whether all has left that had begun to."""
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        while self._rest and poll.poll(0):
            # What is writable takes this much without waiting (POSIX on PIPE_BUF).
            self._rest = self._rest[os.write(fd, self._rest[: select.PIPE_BUF]) :]
        return not self._rest


def _pollable(stream: TextIO) -> int | None:
    """The descriptor behind `stream`; None where nothing tells whether it has room: on Windows, and where a test or an
    embedding program has put an object of its own.
    """
    if not hasattr(select, "poll"):
        return None
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None
