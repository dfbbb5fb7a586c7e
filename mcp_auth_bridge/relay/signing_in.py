"""Holds a tool call that lacks a login while a person logs in, and then makes it (clients.md, section 4, rules 9-15).

Only a `tools/call` does that: it is the one request behind which somebody stands and waits. It was refused before it
was executed, so making it after the login is still at most once. Whoever waits too long is told what to do, and the
login goes on.
"""

from collections.abc import Hashable, Iterable, Iterator

import msgspec

from mcp_auth_bridge.errors import BridgeError, LoginRequired, OurProtocolError
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Action, Around, Fail, Kind, Message, Relay, SignIn, ToClient, Wake
from mcp_auth_bridge.relay.call_numbers import SIGN_IN
from mcp_auth_bridge.relay.legacy_session import REOPEN

PATIENCE = 45.0
"""Seconds that a call is held: the shortest limit of a client for a tool is 60."""

_TICK = 5.0
_TIMER = "signing in"
_STEP = 0.001  # so small that the progress of the call itself, which must increase, begins above it


class _Held(msgspec.Struct):
    """A call that was refused for want of a login, why, and for how many ticks it has waited."""

    request: Message
    why: LoginRequired
    ticks: int = 0


class SigningIn(Around):
    """Wraps the relay of one era. `name` is the server's."""

    def __init__(self, inner: Relay, name: str) -> None:
        super().__init__(inner)
        self._name = name
        self._held: dict[Hashable, _Held] = {}
        self._made_again: set[Hashable] = set()
        self._running = False
        self._ticking = False

    def from_client(self, message: Message) -> Iterator[Action]:
        if message.kind is Kind.REQUEST and message.key in self._held:
            yield Fail(message, OurProtocolError("this id belongs to a request that is still running"))
            return
        if message.kind is Kind.NOTIFICATION and message.method == "notifications/cancelled":
            self._made_again.discard(message.cancelled_key)
            if self._held.pop(message.cancelled_key, None) is not None:
                return  # it was never executed, so nobody needs to hear of it
        yield from self._review(self._inner.from_client(message))

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if call != SIGN_IN:
            yield from self._review(self._inner.ended(call, error))
            return
        self._running = False
        held, self._held = self._held, {}
        if error is not None:
            yield from (_failed(waiting, error.message) for waiting in held.values())
            return
        yield from self._review(self._inner.ended(call, None))
        yield from self._review(self._inner.woke(REOPEN))  # a session that closed for want of a login need not wait
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
                    yield from self._refused(request, why)
                case Fail(request=request):
                    self._made_again.discard(request.key)
                    yield action
                case ToClient(message=Message(kind=Kind.REPLY) as answer):
                    self._made_again.discard(answer.key)
                    yield action
                case _:
                    yield action

    def _refused(self, request: Message, why: LoginRequired) -> Iterator[Action]:
        if request.key in self._made_again:
            # A login that does not help once will not help the second time.
            self._made_again.discard(request.key)
            yield Fail(request, why)
            return
        self._held[request.key] = _Held(request, why)
        if not self._running:
            self._running = True
            yield SignIn()
        yield from self._wind()

    def _wind(self) -> Iterator[Action]:
        if self._held and not self._ticking:
            self._ticking = True
            yield Wake(_TIMER, _TICK)

    def _tick(self) -> Iterator[Action]:
        self._ticking = False
        for key, waiting in list(self._held.items()):
            waiting.ticks += 1
            if waiting.ticks * _TICK >= PATIENCE:
                del self._held[key]
                yield _failed(waiting, "a login is under way in the browser")
            else:
                yield from self._progress(waiting)
        yield from self._wind()

    def _progress(self, waiting: _Held) -> Iterator[Action]:
        """A sign of life for clients that asked for them: some start their time-out anew with each."""
        meta = waiting.request.params.get("_meta")
        token = meta.get("progressToken") if isinstance(meta, dict) else None
        if isinstance(token, str | int):
            text = f"waiting for a login to {self._name} in the browser"
            progress = {"progressToken": token, "progress": waiting.ticks * _STEP, "message": text}
            yield ToClient(replies.notification("notifications/progress", progress))


def _failed(waiting: _Held, reason: str) -> Fail:
    return Fail(waiting.request, LoginRequired(f"{waiting.why.message}; {reason}", waiting.why.hint))
