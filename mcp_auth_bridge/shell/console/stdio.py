"""The stdio transport: stdin as chunks, stdout as whole messages, both out of reach of all other code in the process.

The event loop reads and writes: a hop to a thread costs a call a tenth of its time. Where the loop cannot watch stdin
(a file, and everything on Windows), a thread reads it.
"""

import asyncio
import os
import select
import sys
import threading
from collections.abc import AsyncIterator, Callable

from mcp_auth_bridge.relay.content_length import framed
from mcp_auth_bridge.relay.framing import one_line
from mcp_auth_bridge.shell.time_slice import TimeSlice, portions, work_units

_CHUNK = 64 * 1024
_READ_AHEAD = 16  # chunks that may wait for their consumer; then reading stops
_ATOMIC = 4096  # bytes that a pipe takes at once when it is writable (PIPE_BUF on Linux; POSIX promises 512)
_UNITS = 5  # units of work (`TimeSlice`) that a message costs, beyond those for finding its line
_GATHERED = 64 * 1024  # bytes that are gathered at most and written together; longer messages wait for the client


def claim() -> tuple[int, int]:
    """Reserve stdin and stdout for JSON-RPC and return private duplicates of both descriptors.

    A library or a child process that reads fd 0 from now on is at its end at once, and its output to fd 1 goes to
    stderr.
    """
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return incoming, outgoing


async def chunks(fd: int) -> AsyncIterator[bytes]:
    """Read `fd` until its end. Reading stops while the consumer is busy, so that a flood waits in the pipe."""
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    try:
        proceed = _read_in_loop(fd, arrived)
    except (PermissionError, NotImplementedError):  # epoll takes no files, and Windows' loop only sockets
        proceed = _read_in_thread(fd, arrived)
    turn = TimeSlice()
    while chunk := await arrived.get():
        for portion in portions(chunk):
            yield portion
            await turn.spend(_UNITS + work_units(portion))
        proceed()


def _read_in_loop(fd: int, arrived: asyncio.Queue[bytes]) -> Callable[[], None]:
    """Read `fd` whenever it is readable. Returns a function that the consumer calls after each chunk."""
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
    """As `_read_in_loop`, with a thread, which can read everything."""
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
        return b""  # the client has gone, which is the same as the end


class StdoutWriter:
    """The only writer to the client.

    It writes the first line of an iteration of the loop at once. It gathers those that follow in the same iteration and
    writes them together at its end: a system call costs as much as all the rest of a small message.
    """

    def __init__(self, fd: int) -> None:
        # the file descriptor of the client's stream
        self._fd = fd
        # makes the bytes of a message, and ends them
        self._encode, self._end = one_line, b"\n"
        # held while bytes are written, so that lines do not mix
        self._turn = asyncio.Lock()
        # bytes of a line that has been begun; they come before everything else
        self._rest = memoryview(b"")
        # lines that are written together after the rest
        self._gathered: list[bytes] = []
        # their size in bytes
        self._size = 0
        # the end of this iteration of the loop; None while lines are not gathered
        self._end_of_iteration: asyncio.Handle | None = None
        # writes the gathered lines
        self._flushing: asyncio.Task[None] | None = None
        # the error by which a gathered line was lost; the next write raises it
        self._gone: OSError | None = None
        # tells whether the client's pipe has room; None on Windows, where the thread writes
        self._poll = select.poll() if hasattr(select, "poll") else None
        if self._poll is not None:
            self._poll.register(fd, select.POLLOUT)
        else:
            from concurrent.futures import ThreadPoolExecutor  # only Windows needs it

            # writes on Windows
            self._thread = ThreadPoolExecutor(1)

    def use_frames(self) -> None:
        """Write each later message as `relay/content_length.py` describes, not as a line."""
        self._encode, self._end = framed, b""

    async def write(self, raw: bytes) -> None:
        """Write the message `raw` as a line, after all earlier ones. Waits while the client does not read.

        If it is cancelled within the line, the rest of the line is still written: half a line would spoil two messages.
        Raises `BrokenPipeError` when the client has closed its end.
        """
        if self._poll is None:
            parts = self._encode(raw), self._end
            await asyncio.get_running_loop().run_in_executor(self._thread, _write_all, self._fd, *parts)
        elif self._end_of_iteration and not self._turn.locked() and self._size + len(raw) <= _GATHERED:
            self._gather(self._encode(raw) + self._end)
        else:
            async with self._turn:
                await self._write_at_once(self._poll, raw)

    def _gather(self, part: bytes) -> None:
        self._gathered.append(part)
        self._size += len(part)

    async def _write_at_once(self, poll: "select.poll", raw: bytes) -> None:
        if self._gone:
            raise BrokenPipeError from self._gone
        try:
            await self._flush(poll)
            # Only now, so that a waiting write holds no second copy; a large message is not copied for its line end.
            if len(raw) <= _GATHERED:
                self._rest = memoryview(self._encode(raw) + self._end)
            else:
                self._rest = memoryview(self._encode(raw))
                self._gather(self._end)
            await self._flush(poll)
        finally:
            if self._end_of_iteration is None:
                self._end_of_iteration = asyncio.get_running_loop().call_soon(self._end_iteration, poll)

    def _end_iteration(self, poll: "select.poll") -> None:
        self._end_of_iteration = None
        if self._rest or self._gathered:
            self._flushing = asyncio.ensure_future(self._flush_gathered(poll))

    async def _flush_gathered(self, poll: "select.poll") -> None:
        async with self._turn:
            try:
                await self._flush(poll)
            except OSError as error:
                self._gone = error  # for the next write: those of the lost lines have returned already

    async def _flush(self, poll: "select.poll") -> None:
        while self._rest or self._gathered:
            if not self._rest:
                self._rest = memoryview(b"".join(self._gathered))
                self._gathered.clear()
                self._size = 0
            if not poll.poll(0):
                await self._wait_for_room()
            self._rest = self._rest[os.write(self._fd, self._rest[:_ATOMIC]) :]

    async def _wait_for_room(self) -> None:
        loop = asyncio.get_running_loop()
        writable = asyncio.Event()
        loop.add_writer(self._fd, writable.set)
        try:
            await writable.wait()
        finally:
            loop.remove_writer(self._fd)


def _write_all(fd: int, *parts: bytes) -> None:
    for part in parts:
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(fd, rest) :]
