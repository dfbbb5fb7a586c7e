"""Stdin as chunks, taken in the loop's own callback: a queue and a task would cost a call a tenth of its time.

Where the loop cannot watch stdin (a file, and everything on Windows), a thread reads it.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial

from mcp_auth_bridge.shell.time_slice import PORTION, TimeSlice, portions, work_units

_CHUNK = 64 * 1024  # bytes; no more are read before they are taken
_UNITS = 5  # units of work (`TimeSlice`) that a message costs, beyond those for finding its line


class Incoming:
    """Reads `fd` until its end, never more than one chunk ahead, so that a flood waits in the pipe."""

    def __init__(self, fd: int) -> None:
        # The loop that reads.
        self._loop = asyncio.get_running_loop()

        # The client's stream.
        self._fd = fd

        # Gets each portion of a chunk.
        self._take: Callable[[bytes], None] = lambda _: None

        # The portions of the last chunk that have not been taken, the next one last.
        self._rest: list[bytes] = []

        # How much of the loop's time they may take.
        self._slice = TimeSlice()

        # Whether portions are to wait.
        self._paused = False

        # Whether `_go_on` is to be called by the loop.
        self._going_on = False

        # Whether the next chunk arrives as soon as the client has written it.
        self._reading = True

        # Lets it arrive.
        self._proceed: Callable[[], None] = lambda: None

    def attach(self, take: Callable[[bytes], None]) -> None:
        """Call `take` with what the client writes, as it comes, and with b"" at the end of its stream.

        A stream that cannot be read is at its end: the client has gone.
        """
        self._take = take
        try:
            self._read_in_loop()
        except (PermissionError, NotImplementedError):  # epoll takes no files, and Windows' loop only sockets
            self._read_in_thread()

    def pause(self) -> None:
        """Take nothing until `resume`, not even what was read already."""
        self._paused = True

    def resume(self) -> None:
        """Take the rest of what was read, in the next round of the loop, and read again. Without a pause: nothing."""
        if self._paused:
            self._paused = False
            self._go_on_soon()

    def _read_in_loop(self) -> None:
        """Read whenever there is something to read."""

        def read() -> None:
            if self._paused or self._rest:
                self._loop.remove_reader(self._fd)  # only now: most pauses end before the client writes again
                self._reading = False
                return
            chunk = _read(self._fd)
            if not chunk:
                self._loop.remove_reader(self._fd)  # for good
            if len(chunk) <= PORTION:
                self._take(chunk)  # nearly all chunks
            else:
                self._arrived(chunk)

        self._proceed = partial(self._loop.add_reader, self._fd, read)
        self._proceed()

    def _read_in_thread(self) -> None:
        """As `_read_in_loop`, with a thread, which can read everything."""
        room = threading.Semaphore(1)

        def read() -> None:
            chunk = b"start"
            while chunk:
                room.acquire()
                chunk = _read(self._fd)
                try:
                    self._loop.call_soon_threadsafe(arrived, chunk)
                except RuntimeError:
                    return  # the loop has ended before the client did

        def arrived(chunk: bytes) -> None:
            self._reading = False
            self._arrived(chunk)

        threading.Thread(target=read, name="stdin", daemon=True).start()
        self._proceed = room.release

    def _arrived(self, chunk: bytes) -> None:
        self._rest = portions(chunk)
        self._rest.reverse()
        self._go_on()

    def _go_on_soon(self) -> None:
        if not self._going_on:
            self._going_on = True
            self._loop.call_soon(self._go_on_later)

    def _go_on_later(self) -> None:
        self._going_on = False
        self._go_on()

    def _go_on(self) -> None:
        """Take portions until there are no more, or a pause, or others have to have their turn."""
        while self._rest and not self._paused:
            portion = self._rest.pop()
            self._take(portion)
            if self._rest and self._slice.is_over(_UNITS + work_units(portion)):
                self._go_on_soon()
                return
        if not (self._paused or self._reading):
            self._reading = True
            self._proceed()


async def chunks(fd: int) -> AsyncIterator[bytes]:
    """Read `fd` until its end, for a command that has nothing else to do."""
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    incoming = Incoming(fd)

    def take(chunk: bytes) -> None:
        incoming.pause()
        arrived.put_nowait(chunk)

    incoming.attach(take)
    while chunk := await arrived.get():
        yield chunk
        incoming.resume()


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, _CHUNK)
    except OSError:
        return b""  # the client has gone, which is the same as the end
