"""The only writer to the client: whole messages, in order, without a wait and without a copy."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from mcp_auth_bridge.relay.content_length import framed
from mcp_auth_bridge.relay.framing import one_line
from mcp_auth_bridge.shell.console.outlets import MOST_PIECES, Piece, open_outlet

_GATHERED = 64 * 1024
"""Bytes of messages that are written together at most, and bytes that may wait for the client without congestion."""


class StdoutWriter:
    """Writes messages to the client, and queues those for which it has no room.

    `put` writes at once. `put_soon` is for a message that others may follow in this round of the loop: they are written
    together, because a system call costs as much as all the rest of a small message. A line that was begun is finished,
    and memory is bounded by the callers: they await `drained` while the writer `is_congested`.
    """

    def __init__(self, fd: int) -> None:
        # The loop in which all of this happens.
        self._loop = asyncio.get_running_loop()

        # Takes the bytes.
        self._outlet = open_outlet(fd)

        # Makes the bytes of a message. The end of a line is a piece of its own, so that no message is copied for it.
        self._encode: Callable[[bytes], tuple[Piece, ...]] = _line

        # Messages that have not been begun. They are not encoded yet: a message that waits is in memory once.
        self._waiting: deque[bytes] = deque()

        # What must be written before them.
        self._begun: list[Piece] = []

        # The bytes of both, those of the waiting ones before they are encoded.
        self._waiting_size = self._begun_size = 0

        # Whether the outlet will tell when it has room.
        self._blocked = False

        # Whether the end of this round of the loop is awaited.
        self._gathering = False

        # Set at the end of a congestion; None while nothing waits for that.
        self._drained: asyncio.Event | None = None

        # The error with which the client went.
        self._gone: OSError | None = None

        # Hears of that.
        self._tell_gone: Callable[[], None] | None = None

    def use_frames(self) -> None:
        """Write each later message as `relay/content_length.py` describes, not as a line."""
        self._encode = _frame

    def when_gone(self, tell: Callable[[], None]) -> None:
        """Call `tell` once when the client has closed its end: a message that was queued may be lost."""
        self._tell_gone = tell

    def put(self, raw: bytes) -> None:
        """Write the message `raw` after all earlier ones, at once as far as there is room.

        Raises `BrokenPipeError` when the client has closed its end.
        """
        if not (self._begun or self._waiting or self._gone):  # nearly always
            self._write_now(raw)
            return
        self._queue(raw)
        if not self._blocked:
            self._flush()
            self._raise_if_gone()

    def put_soon(self, raw: bytes) -> None:
        """As `put`, at the end of this round of the loop, together with the other messages until then."""
        self._queue(raw)
        if self._blocked or (self._gathering and self._waiting_size <= _GATHERED):
            return
        if self._waiting_size > _GATHERED:
            self._flush()
            self._raise_if_gone()
        else:
            self._gathering = True
            self._loop.call_soon(self._end_round)

    def is_congested(self) -> bool:
        """Whether so much waits for the client that no more should be put."""
        return self._waiting_size + self._begun_size > _GATHERED

    async def drained(self) -> None:
        """Wait until the writer is not congested. Raises `BrokenPipeError` when the client has closed its end."""
        if self.is_congested():
            if self._drained is None:
                self._drained = asyncio.Event()
            await self._drained.wait()
        self._raise_if_gone()

    def _raise_if_gone(self) -> None:
        if self._gone:
            raise BrokenPipeError from self._gone

    def _queue(self, raw: bytes) -> None:
        if self._gone:
            self._raise_if_gone()
        self._waiting.append(raw)
        self._waiting_size += len(raw)

    def _end_round(self) -> None:
        self._gathering = False
        if not self._blocked:
            self._flush()

    def _ready(self) -> None:
        self._blocked = False
        self._flush()
        if not self._blocked:
            self._outlet.unwatch()

    def _flush(self) -> None:
        """Write until all is written, or the rest has to wait for room. After a loss nothing is left to write."""
        try:
            while self._begun or self._waiting:
                if not self._begun:
                    self._begin_waiting()
                written = self._outlet.write(self._begun)
                self._begun_size -= written
                if self._begun_size:
                    self._wait_for_room(self._begun, written)
                    break
                self._begun.clear()
        except OSError as error:
            self._lose(error)
        if self._drained is not None and not self.is_congested():
            self._drained.set()
            self._drained = None

    def _write_now(self, raw: bytes) -> None:
        """Write a message while nothing else has to be written before it."""
        pieces = self._encode(raw)
        size = 0
        for piece in pieces:
            size += len(piece)
        try:
            written = self._outlet.write(pieces)
            if written < size:
                self._begun_size = size - written
                self._wait_for_room(pieces, written)
        except OSError as error:
            self._lose(error)
            raise BrokenPipeError from error

    def _wait_for_room(self, pieces: Sequence[Piece], written: int) -> None:
        # A client that reads as fast as this writes must not keep the loop: others have their turn first.
        self._begun = _without(pieces, written)
        self._blocked = True
        self._outlet.watch(self._ready)

    def _begin_waiting(self) -> None:
        while self._waiting and self._begun_size <= _GATHERED and len(self._begun) < MOST_PIECES - 1:
            raw = self._waiting.popleft()
            self._waiting_size -= len(raw)
            self._begin(raw)

    def _begin(self, raw: bytes) -> None:
        for piece in self._encode(raw):
            self._begun.append(piece)
            self._begun_size += len(piece)

    def _lose(self, error: OSError) -> None:
        self._gone = error
        self._waiting.clear()
        self._begun.clear()
        self._waiting_size = self._begun_size = 0
        if self._tell_gone:
            self._tell_gone()


def _line(raw: bytes) -> tuple[Piece, ...]:
    return one_line(raw), b"\n"


def _frame(raw: bytes) -> tuple[Piece, ...]:
    return (framed(raw),)


def _without(pieces: Sequence[Piece], count: int) -> list[Piece]:
    """`pieces` without their first `count` bytes, which are not all."""
    index = 0
    while count >= len(pieces[index]):
        count -= len(pieces[index])
        index += 1
    return [memoryview(pieces[index])[count:], *pieces[index + 1 :]]
