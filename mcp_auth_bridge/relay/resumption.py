"""The resumption of an event stream: its position and pauses (MCP 2025-11-25, "Resumability and Redelivery")."""

from mcp_auth_bridge.http_syntax import is_id

MOST_TRIES = 5
"""Attempts in a row without a new event, after which the rest of the stream counts as lost."""

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_SHORTEST_RETRY, _LONGEST_RETRY = 0.1, 60.0


class Resumption:
    """The position in one stream, over all the connections that carry it.

    `last_id` is the last event id, b"" if the stream cannot be resumed from an event; `tries` counts the attempts since
    the last new event.
    """

    def __init__(self) -> None:
        self.last_id = b""
        self.tries = 0
        self._retry: float | None = None

    @property
    def headers(self) -> dict[str, str]:
        """`Last-Event-ID`, if there is one."""
        return {"last-event-id": self.last_id.decode()} if self.last_id else {}

    def advance(self, last_id: bytes, retry: int | None) -> None:
        """Note the last event id and the last `retry` of the stream, in milliseconds."""
        if last_id != self.last_id:
            # An older id does not replace an unusable one: events would be delivered twice.
            self.last_id = last_id if is_id(last_id.decode("latin-1")) else b""
            self.tries = 0
        if retry is not None:
            self._retry = min(max(retry / 1000, _SHORTEST_RETRY), _LONGEST_RETRY)

    def forget(self) -> None:
        """Give up the position: the server does not know it, or the event after it cannot be read."""
        self.last_id = b""

    def lived(self, seconds: float) -> None:
        """Note that a connection lasted `seconds`: the end of a long one does not mean trouble at the server."""
        if seconds >= _LONGEST_PAUSE:
            self.tries = 0

    def pause(self, chance: float) -> float:
        """Seconds until the next attempt. `chance`, from 0 to 1, spreads the clients of one server."""
        pause = (self._retry or _FIRST_PAUSE) * float(1 << self.tries)
        exactly = self.tries == 0 and self._retry is not None  # as the server asked
        self.tries = min(self.tries + 1, 16)
        if exactly:
            return pause
        return min(pause, max(_LONGEST_PAUSE, self._retry or 0.0)) * (1 + chance / 4)
