"""Fairness: how much one task may do before all other tasks of the loop have their turn."""

import asyncio

CREDIT = 100
"""Units of work that a task may do at a stretch. A unit is about 10 µs, so this is about a millisecond."""

_DENSE = 32  # line ends in one piece of input; input with more is taken in portions
_BYTES = 32  # bytes of short lines for a unit of work

PORTION = 2048
"""Bytes that are taken at a stretch: as many line ends at most, each of them a microsecond or two."""


class TimeSlice:
    """One task's account of its work. It counts and reads no clock, so it behaves the same on every machine.

    An await that finds its result ready does not let other tasks run. So a task that works through input that came all
    at once reports its work here, and steps back after each `CREDIT` units. A callback of the loop does the same.
    """

    def __init__(self) -> None:
        self._left = CREDIT

    async def spend(self, units: int) -> None:
        """Count `units` of completed work, and let the other tasks run once they amount to `CREDIT`."""
        if self.is_over(units):
            await asyncio.sleep(0)

    def is_over(self, units: int) -> bool:
        """Count `units` of completed work. Returns whether a callback must now go on by `call_soon`."""
        self._left -= units
        if self._left > 0:
            return False
        self._left = CREDIT
        return True


def portions(chunk: bytes) -> list[bytes]:
    """`chunk` in pieces each of which is little work for a parser of lines; whole if it has few lines."""
    if len(chunk) <= PORTION or not (_is_dense(chunk, b"\n") or _is_dense(chunk, b"\r")):
        return [chunk]
    return [chunk[at : at + PORTION] for at in range(0, len(chunk), PORTION)]


def work_units(portion: bytes) -> int:
    """The most units that a parser of lines needs for `portion`."""
    return len(portion) // _BYTES if len(portion) <= PORTION else 1  # a larger one has few lines


def _is_dense(chunk: bytes, end: bytes) -> bool:
    # `bytes.count` is ten times as slow as this if there are few line ends.
    at = -1
    for _ in range(_DENSE):
        at = chunk.find(end, at + 1)
        if at < 0:
            return False
    return True
