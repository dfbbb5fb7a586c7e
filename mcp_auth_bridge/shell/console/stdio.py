"""The stdio transport: stdin as chunks, stdout as whole lines, both kept away from every other code in the process.

The loop itself reads and writes: a thread hop costs a call a tenth of its time. Where no loop can watch what stdin is
(files, and everything on Windows), a thread reads it.
"""

import asyncio
import os
import select
import sys
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor

from mcp_auth_bridge.relay.framing import one_line
from mcp_auth_bridge.shell.time_slice import TimeSlice, portions, work

_CHUNK = 64 * 1024
_READ_AHEAD = 16  # chunks that wait for their consumer before reading stops
_ATOMIC = 4096  # bytes that a pipe takes at once when it is writable (PIPE_BUF on Linux; POSIX promises 512)
_UNITS = 5  # of work, as `TimeSlice` counts it, for a message, beyond those for finding it
_GATHERED = 64 * 1024  # bytes that are written together; what is more waits for the client


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
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    try:
        proceed = _read_in_loop(fd, arrived)
    except (PermissionError, NotImplementedError):  # epoll knows no files, Windows' loop knows nothing but sockets
        proceed = _read_in_thread(fd, arrived)
    turn = TimeSlice()
    while chunk := await arrived.get():
        for portion in portions(chunk):
            yield portion
            await turn.spend(_UNITS + work(portion))
        proceed()


def _read_in_loop(fd: int, arrived: asyncio.Queue[bytes]) -> Callable[[], None]:
    """Read `fd` whenever there is something; gives back what is to be called after each chunk that was used."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        chunk = _read(fd)
        arrived.put_nowait(chunk)
        if not chunk or arrived.qsize() >= _READ_AHEAD:
            loop.remove_reader(fd)

    def proceed() -> None:
        if arrived.qsize() == _READ_AHEAD - 1:
            loop.add_reader(fd, read)

    loop.add_reader(fd, read)
    return proceed


def _read_in_thread(fd: int, arrived: asyncio.Queue[bytes]) -> Callable[[], None]:
    """The same with a thread, which works on everything."""
    loop = asyncio.get_running_loop()
    room = threading.Semaphore(_READ_AHEAD)

    def read() -> None:
        chunk = b"start"
        while chunk:
            room.acquire()
            chunk = _read(fd)
            try:
                loop.call_soon_threadsafe(arrived.put_nowait, chunk)
            except RuntimeError:
                return  # the loop has ended before the client did

    threading.Thread(target=read, name="stdin", daemon=True).start()
    return room.release


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, _CHUNK)
    except OSError:
        return b""  # the client is gone: the same as the end


class StdoutWriter:
    """The one writer to the client. Raises `BrokenPipeError` when the client has closed its end.

    The first line of a round of the loop leaves at once; those that come after it in the same round leave together when
    the round is over: a system call costs as much as all the rest of a small message.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._turn = asyncio.Lock()
        self._rest = memoryview(b"")
        self._gathered: list[bytes] = []
        self._size = 0  # of what is gathered, in bytes
        self._round: asyncio.Handle | None = None  # the end of this one, after which nothing is gathered
        self._leaving: asyncio.Task[None] | None = None
        self._gone: OSError | None = None
        self._poll = select.poll() if hasattr(select, "poll") else None
        if self._poll is not None:
            self._poll.register(fd, select.POLLOUT)
        else:
            self._thread = ThreadPoolExecutor(1)

    async def write(self, raw: bytes) -> None:
        """Write the message `raw` as a line, after all earlier ones. Waits as long as the client does not read.

        Who is cancelled within a line leaves its rest to be written: half a line would spoil two messages.
        """
        if self._poll is None:
            await asyncio.get_running_loop().run_in_executor(self._thread, _write_line, self._fd, raw)
        elif self._round and not self._turn.locked() and self._size + len(raw) <= _GATHERED:
            self._gather(one_line(raw) + b"\n")
        else:
            async with self._turn:
                await self._now(self._poll, raw)

    def _gather(self, part: bytes) -> None:
        self._gathered.append(part)
        self._size += len(part)

    async def _now(self, poll: "select.poll", raw: bytes) -> None:
        if self._gone:
            raise BrokenPipeError from self._gone
        try:
            await self._flush(poll)
            # Only now, so that those who wait hold no second copy; and a large one is not copied for its line end.
            if len(raw) <= _GATHERED:
                self._rest = memoryview(one_line(raw) + b"\n")
            else:
                self._rest = memoryview(one_line(raw))
                self._gather(b"\n")
            await self._flush(poll)
        finally:
            self._round = self._round or asyncio.get_running_loop().call_soon(self._end_round, poll)

    def _end_round(self, poll: "select.poll") -> None:
        self._round = None
        if self._rest or self._gathered:
            self._leaving = asyncio.ensure_future(self._leave(poll))

    async def _leave(self, poll: "select.poll") -> None:
        async with self._turn:
            try:
                await self._flush(poll)
            except OSError as error:
                self._gone = error  # for the next to write: those whose lines these were have gone on

    async def _flush(self, poll: "select.poll") -> None:
        while self._rest or self._gathered:
            if not self._rest:
                self._rest = memoryview(b"".join(self._gathered))
                self._gathered.clear()
                self._size = 0
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


def _write_line(fd: int, raw: bytes) -> None:
    for part in (one_line(raw), b"\n"):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(fd, rest) :]
