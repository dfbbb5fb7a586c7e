"""Pings the server at an interval, for servers and proxies that drop idle connections. Off unless configured."""

from collections.abc import Iterator, Sequence

from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    Action,
    Fail,
    Kind,
    Message,
    Relay,
    Reviewing,
    SessionOpened,
    ToClient,
    Wake,
    collected,
)

_TIMER = "ping"
_PING = replies.request("ping", {})


class KeepAlive(Reviewing):
    """Wraps the relay that keeps the session. Pings every `interval` seconds once a session is open."""

    def __init__(self, inner: Relay, interval: float) -> None:
        super().__init__(inner)
        self._interval = interval

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        if timer != _TIMER:
            yield from self._review(self._inner.woke(timer))
            return
        yield Wake(_TIMER, self._interval)
        yield from self._review(self._inner.from_client(_PING))

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            kind = type(action)
            if kind is SessionOpened or kind is ToClient or kind is Fail:
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY) as reply) if reply.key == _PING.key:
                    pass  # the reply to a ping of this relay
                case Fail(request=request) if request.key == _PING.key:
                    pass  # a ping of this relay; the client's next request meets the same failure
                case SessionOpened():
                    yield action
                    yield Wake(_TIMER, self._interval)
                case _:
                    yield action
