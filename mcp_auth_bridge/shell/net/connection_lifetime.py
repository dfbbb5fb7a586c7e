"""How long an idle connection may be used again: by the server's announcements, and by its earlier behaviour.

A request that crosses the server's end of the connection is lost, and a tool call must not be repeated then. So the
pool does not use a connection shortly before that end. A new one costs a handshake, which is the smaller loss.
"""

import math
import re

_PARAMETER = r"(?i)(?:^|[,;\s])(timeout|max)\s*=\s*\"?([0-9]{1,9})"

_LONGEST_MARGIN = 1.0
_MARGIN = 0.25
"""The part of a limit, up to `_LONGEST_MARGIN` seconds, for clocks that tick slowly and machines that are busy."""

_AGREEMENT = 1.1
"""Two idle times show the same limit if the longer one is at most this many times the shorter one."""


class Lifetime:
    """The server's announcements about one connection: `Keep-Alive: timeout=N, max=M` (RFC 2068 section 19.7.1).

    `round_trip`, in seconds, is at least the time for the way to the server and back: at first the time to connect.
    """

    def __init__(self, round_trip: float) -> None:
        # The shortest time, in seconds, in which a byte went there and another came back.
        self._round_trip = round_trip
        # The responses so far.
        self._responses = 0
        # The responses after which the server ends the connection.
        self._most = math.inf
        # The seconds without a request after which it does.
        self._timeout = math.inf

    def note(self, fields: tuple[str, ...], seconds: float) -> None:
        """Note a response that began after `seconds`, and its `Keep-Alive` fields."""
        if seconds < self._round_trip:  # noqa: PLR1730 - each response comes here, and `min` is a call more
            self._round_trip = seconds
        self._responses += 1
        for name, value in re.findall(_PARAMETER, ",".join(fields)) if fields else ():
            if name.lower() == "timeout":
                self._timeout = float(value)
            elif self._responses == 1:
                # Apache counts down, cpp-httplib repeats the first number: counting from that one is right for both.
                self._most = float(value)
            elif value.strip("0") == "":
                self._most = 0

    def allows(self, idle: float, observed: float) -> bool:
        """Whether a request may be sent after `idle` seconds. `observed` is the server's `IdleLimit`, in seconds."""
        if self._responses and self._responses >= self._most:
            return False
        limit = self._timeout if self._timeout < observed else observed  # noqa: FURB136 - as above
        # The server's wait counts, which is longer by the way there and back.
        return limit is math.inf or idle + 2 * self._round_trip < limit - min(_MARGIN * limit, _LONGEST_MARGIN)


class IdleLimit:
    """After which time a server ends idle connections, for servers that do not say it (uvicorn: 5 s).

    Two ends after the same time show a limit. One alone may be a restart.
    """

    def __init__(self) -> None:
        self._last = math.inf
        self.seconds = math.inf

    def ended(self, idle: float) -> None:
        """Note that the server ended a connection that was idle for this many seconds."""
        shorter, longer = sorted((idle, self._last))
        self.seconds = shorter if longer <= shorter * _AGREEMENT else math.inf
        self._last = idle

    def outlived(self, idle: float) -> None:
        """Note that a connection is alive after this many seconds: a limit below that does not exist (any more)."""
        if idle > self.seconds * _AGREEMENT:
            self.seconds = self._last = math.inf
