"""Holds a tool call that lacks a login while the user logs in, then makes it.

Only a `tools/call` starts a login: it is the one request for which a user is waiting. It was refused before it was
executed, so making it after the login still executes it at most once. A call that has waited too long fails and says
what to do; the login goes on.
"""

from collections.abc import Hashable, Iterable, Iterator

import msgspec

from mcp_auth_bridge.errors import BridgeError, LoginRequired, OurProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Action, Around, Fail, Kind, Message, Relay, SignIn, ToClient, Wake
from mcp_auth_bridge.relay.call_numbers import SIGN_IN
from mcp_auth_bridge.relay.legacy_session import REOPEN

PATIENCE = 45.0
"""Seconds that a call is held: the shortest timeout of an MCP client for a tool call is 60."""

_TICK = 5.0
_TIMER = "signing in"
_STEP = 0.001  # progress must increase, and the call's own progress begins above these values


class _Held(msgspec.Struct):
    """A call that lacks a login: `why` is the error, `ticks` are the ticks of the clock that it has waited."""

    request: Message
    why: LoginRequired
    ticks: int = 0


class SigningIn(Around):
    """Wraps the relay of one era. `name` is the name of the server."""

    def __init__(self, inner: Relay, name: str) -> None:
        super().__init__(inner)

        # The name of the server, for people.
        self._name = name

        # The calls that wait for the login, by key, in their order.
        self._held: dict[Hashable, _Held] = {}

        # The keys of the calls that were made after a login and are not answered yet.
        self._made_again: set[Hashable] = set()

        # Whether a login is under way.
        self._running = False

        # Whether the clock ticks.
        self._ticking = False

    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is Kind.REQUEST and message.key in self._held:
            yield Fail(message, OurProtocolError("this id belongs to a request that is still running"))
            return
        if message.kind is Kind.NOTIFICATION and message.method == "notifications/cancelled":
            self._made_again.discard(message.cancelled_key)
            if self._held.pop(message.cancelled_key, None) is not None:
                return  # it was never executed, so the server needs no notice
        yield from self._review(self._inner.from_client(message))

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if call != SIGN_IN:
            yield from self._review(self._inner.ended(call, error))
            return
        self._running = False
        held, self._held = self._held, {}
        if error is not None:
            yield from (_failure(waiting, error.message) for waiting in held.values())
            return
        yield from self._review(self._inner.ended(call, None))
        yield from self._review(self._inner.woke(REOPEN))  # a session that lacked a login need not wait
        for key, waiting in held.items():
            self._made_again.add(key)
            yield from self._review(self._inner.from_client(waiting.request))

    def woke(self, timer: str) -> Iterator[Action]:
        if timer == _TIMER:
            yield from self._tick()
        else:
            yield from self._review(self._inner.woke(timer))

    def _review(self, actions: Iterable[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case Fail(request=Message(method="tools/call") as request, error=LoginRequired() as why):
                    yield from self._hold(request, why)
                case Fail(request=request):
                    self._made_again.discard(request.key)
                    yield action
                case ToClient(message=Message(kind=Kind.REPLY) as reply):
                    self._made_again.discard(reply.key)
                    yield action
                case _:
                    yield action

    def _hold(self, request: Message, why: LoginRequired) -> Iterator[Action]:
        if request.key in self._made_again:
            # A login that did not help once will not help the second time.
            self._made_again.discard(request.key)
            yield Fail(request, why)
            return
        self._held[request.key] = _Held(request, why)
        if not self._running:
            self._running = True
            yield SignIn()
        yield from self._start_clock()

    def _start_clock(self) -> Iterator[Action]:
        if self._held and not self._ticking:
            self._ticking = True
            yield Wake(_TIMER, _TICK)

    def _tick(self) -> Iterator[Action]:
        self._ticking = False
        for key, waiting in list(self._held.items()):
            waiting.ticks += 1
            if waiting.ticks * _TICK >= PATIENCE:
                del self._held[key]
                yield _failure(waiting, "a login is under way in the browser")
            else:
                yield from self._progress(waiting)
        yield from self._start_clock()

    def _progress(self, waiting: _Held) -> Iterator[Action]:
        """Report progress to a client that asked for it: some clients restart their timeout with each report."""
        meta = waiting.request.params.get("_meta")
        token = meta.get("progressToken") if isinstance(meta, dict) else None
        if isinstance(token, str | int):
            text = f"waiting for a login to {self._name} in the browser"
            progress = {"progressToken": token, "progress": waiting.ticks * _STEP, "message": text}
            yield ToClient(replies.notification("notifications/progress", progress))


def _failure(waiting: _Held, reason: str) -> Fail:
    return Fail(waiting.request, LoginRequired(f"{waiting.why.message}; {reason}", waiting.why.hint))
