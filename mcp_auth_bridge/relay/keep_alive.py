"""Pings the server through quiet stretches, for servers and proxies that drop what is idle. Off unless configured."""

from collections.abc import Iterable, Iterator

from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Action, Around, Fail, Kind, Message, Relay, SessionOpened, ToClient, Wake

_TIMER = "ping"
_PING = replies.request("ping", {})


class KeepAlive(Around):
    """Wraps the relay that keeps the session; a ping every `interval` seconds from its opening on."""

    def __init__(self, inner: Relay, interval: float) -> None:
        super().__init__(inner)
        self._interval = interval

    def woke(self, timer: str) -> Iterator[Action]:
        if timer != _TIMER:
            yield from self._seen(self._inner.woke(timer))
            return
        yield Wake(_TIMER, self._interval)
        yield from self._seen(self._inner.from_client(_PING))

    def _seen(self, actions: Iterable[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case ToClient(message=Message(kind=Kind.REPLY) as answer) if answer.key == _PING.key:
                    pass  # ours
                case Fail(request=request) if request.key == _PING.key:
                    pass  # ours; whoever needs the server next finds out what is wrong
                case SessionOpened():
                    yield action
                    yield Wake(_TIMER, self._interval)
                case _:
                    yield action
