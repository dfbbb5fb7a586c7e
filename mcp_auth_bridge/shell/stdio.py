"""The stdio transport: stdin as chunks, stdout as whole lines, both kept away from every other code in the process.

Stdin is read by one thread, because nothing else works on pipes, files and consoles of every system. Stdout is written
by the loop itself as long as the client reads: a thread hop would double the latency of a call.
"""

import asyncio
import os
import select
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

_CHUNK = 64 * 1024
_READ_AHEAD = 16  # chunks that wait for the loop before the thread stops reading
_ATOMIC = 4096  # bytes that a pipe takes at once when it is writable (PIPE_BUF on Linux; POSIX promises 512)


def claim() -> tuple[int, int]:
    """Take fd 0 and 1 for JSON-RPC. Whatever a library or a child reads or prints now goes elsewhere.

    Returns private duplicates of them; 0 reads nothing any more, 1 is stderr.
    """
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return incoming, outgoing


async def chunks(fd: int) -> AsyncIterator[bytes]:
    """What arrives at `fd` until its end. Reading stops while the consumer is busy: a flood waits in the pipe."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(_READ_AHEAD)

    def read() -> None:
        chunk = b"start"
        while chunk:
            room.acquire()
            try:
                chunk = os.read(fd, _CHUNK)
            except OSError:
                chunk = b""  # the client is gone: the same as the end
            try:
                loop.call_soon_threadsafe(arrived.put_nowait, chunk)
            except RuntimeError:
                return  # the loop has ended before the client did

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while chunk := await arrived.get():
        yield chunk
        room.release()


class Writer:
    """The one writer to the client. Raises `BrokenPipeError` when the client has closed its end."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._turn = asyncio.Lock()
        self._rest = memoryview(b"")
        self._poll = select.poll() if hasattr(select, "poll") else None
        if self._poll is not None:
            self._poll.register(fd, select.POLLOUT)
        else:
            self._thread = ThreadPoolExecutor(1)

    async def write(self, line: bytes) -> None:
        """Write `line` whole, after all earlier ones. Waits as long as the client does not read.

        Who is cancelled within a line leaves its rest to the next one: half a line would spoil two messages.
        """
        if self._poll is None:
            await asyncio.get_running_loop().run_in_executor(self._thread, _write_all, self._fd, line)
            return
        async with self._turn:
            await self._flush(self._poll)
            self._rest = memoryview(line)
            await self._flush(self._poll)

    async def _flush(self, poll: "select.poll") -> None:
        while self._rest:
            if not poll.poll(0):
                await self._writable()
            self._rest = self._rest[os.write(self._fd, self._rest[:_ATOMIC]) :]

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        writable = asyncio.Event()
        loop.add_writer(self._fd, writable.set)
        try:
            await writable.wait()
        finally:
            loop.remove_writer(self._fd)


def _write_all(fd: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(fd, rest) :]
