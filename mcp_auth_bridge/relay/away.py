"""When the server is away: it does not answer now and may answer later, without a change on this side.

A balancer answers for a process that wakes up or is deployed, with any status (hermes #52909, claude-code #31198,
devspace #280). A captive portal answers with a page or a redirect of its own.
"""

from mcp_auth_bridge.errors import BridgeError, LoginRequired, Unreachable, UpstreamFailed

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds before the first new attempt, and the most before any later one: each pause is twice the last."""

_LONGEST_REQUESTED = 300.0
"""Seconds that a server may ask to wait with `Retry-After`. Some name a day: the bridge asks again after this."""

_STATUSES = (404, 405, 408, 425, 429)
"""Statuses of a client's error that balancers send for a server that is not there yet, or has too much to do."""

_MOVED = (301, 308)  # permanently (RFC 9110 sections 15.4.2 and 15.4.9): the URL has to be changed


def is_away(error: BridgeError | None) -> bool:
    """Whether `error` says that the server is away."""
    if isinstance(error, UpstreamFailed):
        portal = error.status < 400 and error.status not in _MOVED
        return portal or error.status in _STATUSES or error.status >= 500
    return isinstance(error, Unreachable)


def may_be_wrong_url(error: BridgeError | None) -> bool:
    """Whether `error`, which says that the server is away, may as well say that the URL is wrong."""
    return isinstance(error, UpstreamFailed) and (error.status < 400 or error.status in (404, 405, 501))


def may_pass(error: BridgeError | None) -> bool:
    """Whether the same request may succeed later without a change of the settings: after a login, or if it was away."""
    return isinstance(error, LoginRequired) or is_away(error)


def requested_pause(error: BridgeError | None) -> float:
    """The seconds for which the server asks not to be asked again, 0.0 if it does not."""
    wait = error.retry_after if isinstance(error, UpstreamFailed) else None
    return min(wait or 0.0, _LONGEST_REQUESTED)


class Pauses:
    """The pauses before the bridge's own attempts to reach a server. They double until it answers."""

    def __init__(self) -> None:
        self._pause = FIRST_PAUSE
        self._is_away = False

    def after(self, error: BridgeError | None) -> float:
        """The seconds to wait after an attempt of the bridge or the client that ended with `error`.

        To look for a missing login asks nothing of the server, so that pause does not grow.
        """
        self._is_away = not isinstance(error, LoginRequired)
        return max(self._pause, requested_pause(error)) if self._is_away else FIRST_PAUSE

    def attempt(self) -> None:
        """The bridge makes an attempt of its own. Those of a client do not lengthen the pauses."""
        if self._is_away:
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def reset(self) -> None:
        """The server has answered."""
        self._pause = FIRST_PAUSE
