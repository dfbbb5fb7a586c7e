"""Where a broken event stream is taken up again and when (MCP 2025-11-25, "Resumability and Redelivery")."""

import re

MOST_TRIES = 5
"""Attempts in a row without a new event before an answer is given up as lost."""

_EVENT_ID = re.compile(rb"[\x21-\x7e]{1,1024}")  # what a header can carry
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_SHORTEST_RETRY, _LONGEST_RETRY = 0.1, 60.0


class Resumption:
    """One stream's place, over all the connections that carry it. Seconds everywhere.

    `last_id` is the last event id, b"" if there is none that can be resumed from; `tries` counts the attempts since the
    last new event.
    """

    def __init__(self) -> None:
        self.last_id = b""
        self.tries = 0
        self._retry: float | None = None

    @property
    def headers(self) -> dict[str, str]:
        """`Last-Event-ID`, where there is one."""
        return {"last-event-id": self.last_id.decode()} if self.last_id else {}

    def advance(self, last_id: bytes, retry: int | None) -> None:
        """Note what the stream said: its last event id and its last `retry` in milliseconds."""
        if last_id != self.last_id:
            # Not resumed from an older id in place of an unusable one: that would deliver twice.
            self.last_id = last_id if _EVENT_ID.fullmatch(last_id) else b""
            self.tries = 0
        if retry is not None:
            self._retry = min(max(retry / 1000, _SHORTEST_RETRY), _LONGEST_RETRY)

    def forget(self) -> None:
        """Give up the place: the server does not know it, or what comes there cannot be read."""
        self.last_id = b""

    def lived(self, seconds: float) -> None:
        """A connection lasted that long: one that a quiet network ended is no sign of a server in trouble."""
        if seconds >= _LONGEST_PAUSE:
            self.tries = 0

    def pause(self, chance: float) -> float:
        """How long to wait before the next attempt. `chance` from 0 to 1 spreads the clients of one server."""
        pause = (self._retry or _FIRST_PAUSE) * float(1 << self.tries)
        exactly = self.tries == 0 and self._retry is not None  # the server's own wish
        self.tries = min(self.tries + 1, 16)
        if exactly:
            return pause
        return min(pause, max(_LONGEST_PAUSE, self._retry or 0.0)) * (1 + chance / 4)
