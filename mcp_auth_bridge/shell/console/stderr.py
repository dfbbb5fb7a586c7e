"""The only writer to stderr, which never waits: a host may close its end, or leave it open and never read.

A pipe that the host does not read is full after 64 KiB, and a bridge that waited for room in it would stop relaying.
"""

import contextlib
import os
import select
import sys
from _thread import RLock  # threading's own, without threading: `--help` needs none
from collections.abc import Callable
from typing import TextIO


class Stderr:
    """Drops the lines for which there is no room, and never tears one.

    Once there is room again, it first writes `dropped_line(count)`, a line that says how many were dropped.
    """

    def __init__(self, dropped_line: Callable[[int], str]) -> None:
        # makes the line about dropped ones
        self._dropped_line = dropped_line
        # bytes that must still be written: the rest of a line that was begun, and the line after it
        self._rest = b""
        # lines dropped since the last one that was written
        self._dropped = 0
        # held while a line is written: a keyring's thread writes, too
        self._turn = RLock()

    def write(self, text: str) -> None:
        """Write `text`, which is whole lines, or drop it. Never raises: no place is left to report it."""
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
            self._dropped += 1
            return
        missing = self._dropped_line(self._dropped).encode() if self._dropped else b""
        self._dropped, self._rest = 0, missing + data
        self._flush(fd)

    def _flush(self, fd: int) -> bool:
        """Write as much of the rest as there is room for. Returns whether all of it is written."""
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        while self._rest and poll.poll(0):
            # A writable pipe takes this much without waiting (POSIX on PIPE_BUF).
            self._rest = self._rest[os.write(fd, self._rest[: select.PIPE_BUF]) :]
        return not self._rest


def _pollable(stream: TextIO) -> int | None:
    """The descriptor behind `stream`, None if nothing tells whether it has room: on Windows, and where a test or an
    embedding program has replaced the stream by an object of its own.
    """
    if not hasattr(select, "poll"):
        return None
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None
