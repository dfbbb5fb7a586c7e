"""Holds a tool call that lacks a login while the user logs in, then makes it.

Only a `tools/call` starts a login: it is the one request for which a user is waiting. It was refused before it was
executed, so making it after the login still executes it at most once. A call that has waited too long fails and says
what to do; the login goes on.

Where the bridge cannot open a browser, the shell announces the address at which the login begins. A client that
declared URL elicitation is asked to show it, once for each login; the calls stay held. Any other client gets it at
once in the text of a failure, and so does one that declines, because a client without a user declines as well.
"""

from collections.abc import Hashable, Iterator, Sequence

import msgspec

from mcp_auth_bridge.errors import BridgeError, LoginRequired, OurProtocolError
from mcp_auth_bridge.relay import login_offer, replies
from mcp_auth_bridge.relay.base import (
    AFTER_FAULT,
    NOTHING,
    NOTIFICATION,
    REQUEST,
    Action,
    Fail,
    Kind,
    Message,
    Relay,
    Reviewing,
    SignIn,
    ToClient,
    Wake,
    collected,
)
from mcp_auth_bridge.relay.call_numbers import SIGN_IN
from mcp_auth_bridge.relay.client_capabilities import declared_in, takes_urls
from mcp_auth_bridge.relay.legacy_session import REOPEN
from mcp_auth_bridge.relay.mcp_headers import version_of

PATIENCE = 45.0
"""Seconds that a call is held: the shortest timeout of an MCP client for a tool call is 60."""

_TICK = 5.0
_IN_BROWSER = "a login is under way in the browser"
_UNFINISHED = "the login is not finished yet"
_NO_BROWSER = "the bridge cannot open a browser here"

_TIMER = "signing in"
_STEP = 0.001  # progress must increase, and the call's own progress begins above these values


class _Held(msgspec.Struct):
    """A call that lacks a login: `why` is the error, `ticks` are the ticks of the clock that it has waited."""

    request: Message
    why: LoginRequired
    ticks: int = 0


class SigningIn(Reviewing):
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

        # The address at which the login under way begins, "" if the bridge opens the browser itself.
        self._address = ""

        # Whether the client of a legacy session takes URLs.
        self._takes_urls = False

        # The number of elicitations so far, and the id of the one whose address the user may be following.
        self._elicitations, self._elicitation = 0, b""

        # The addresses to which the user agreed, "" for none, by the key of the modern call that says so.
        self._answers: dict[Hashable, str] = {}

    def from_client(self, message: Message) -> Sequence[Action]:
        if message.kind is REQUEST:
            if self._held and message.key in self._held:
                return (Fail(message, OurProtocolError("this id belongs to a request that is still running")),)
            if message.method == "initialize":
                self._takes_urls = takes_urls(declared_in(message))
            elif retry := login_offer.retry_in(message):
                message, self._answers[message.key] = retry.request, retry.accepted
        elif message.method == "notifications/cancelled" and message.kind is NOTIFICATION:
            self._made_again.discard(message.cancelled_key)
            if self._held.pop(message.cancelled_key, None) is not None:
                return NOTHING  # it was never executed, so the server needs no notice
        elif login_offer.is_answer(message):
            return self._elicitation_answered(message)
        return self._review(self._inner.from_client(message))

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        if call != SIGN_IN:
            return self._review(self._inner.from_server(call, message))
        return self._announced(message)

    @collected
    def _announced(self, message: Message) -> Iterator[Action]:
        """The login under way begins at the address in `message`: show it to the users of the held calls."""
        self._address, self._elicitation = login_offer.announced_address(message), b""
        for waiting in list(self._held.values()):
            yield from self._offer(waiting)

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        return self._review(self._inner.ended(call, error)) if call != SIGN_IN else self._login_ended(error)

    @collected
    def _login_ended(self, error: BridgeError | None) -> Iterator[Action]:
        self._running, self._address, self._elicitation = False, "", b""
        held, self._held = self._held, {}
        if error is not None:
            yield from (_failure(waiting, error.message, waiting.why.hint) for waiting in held.values())
            return
        yield from self._review(self._inner.ended(SIGN_IN, None))
        yield from self._review(self._inner.woke(REOPEN))  # a session that lacked a login need not wait
        for key, waiting in held.items():
            self._made_again.add(key)
            yield from self._review(self._inner.from_client(waiting.request))

    def woke(self, timer: str) -> Sequence[Action]:
        if timer == _TIMER:
            return self._tick()
        if timer == AFTER_FAULT:
            self._ticking = False
            return [*self._start_clock(), *self._review(self._inner.woke(timer))]
        return self._review(self._inner.woke(timer))

    def _review(self, actions: Sequence[Action]) -> Sequence[Action]:
        for action in actions:
            kind = type(action)
            if kind is Fail or (kind is ToClient and (self._made_again or self._answers)):
                return self._reviewed(actions)
        return actions

    @collected
    def _reviewed(self, actions: Sequence[Action]) -> Iterator[Action]:
        for action in actions:
            match action:
                case Fail(request=Message(method="tools/call") as request, error=LoginRequired() as why):
                    yield from self._hold(request, why)
                case Fail(request=request):
                    self._forget(request.key)
                    yield action
                case ToClient(message=Message(kind=Kind.REPLY) as reply):
                    self._forget(reply.key)
                    yield action
                case _:
                    yield action

    def _forget(self, key: Hashable) -> None:
        self._made_again.discard(key)
        self._answers.pop(key, None)

    @collected
    def _hold(self, request: Message, why: LoginRequired) -> Iterator[Action]:
        if request.key in self._made_again:
            # A login that did not help once will not help the second time.
            self._forget(request.key)
            yield Fail(request, why)
            return
        self._held[request.key] = waiting = _Held(request, why)
        if not self._running:
            self._running = True
            yield SignIn()
        elif self._address:
            yield from self._offer(waiting)
        yield from self._start_clock()

    @collected
    def _offer(self, waiting: _Held) -> Iterator[Action]:
        """Show the address of the login to the user of a held call: through the client if it can, else in a failure."""
        request, key = waiting.request, waiting.request.key
        if not version_of(request):
            if not self._takes_urls:
                yield self._give_up(waiting, _NO_BROWSER)
            elif not self._elicitation:
                asked = login_offer.elicitation(self._name, self._address, self._elicitations)
                self._elicitations, self._elicitation = self._elicitations + 1, asked.id or b""
                yield ToClient(asked)
        elif self._answers.get(key, self._address) != self._address or not takes_urls(declared_in(request)):
            yield self._give_up(waiting, _NO_BROWSER)
        elif key not in self._answers:
            del self._held[key]
            yield ToClient(login_offer.input_required(request, self._name, self._address))

    @collected
    def _elicitation_answered(self, answer: Message) -> Iterator[Action]:
        if answer.id == self._elicitation and not login_offer.is_accepted(answer):
            self._elicitation = b""  # the next call asks again: it may have been a client without a user
            for waiting in list(self._held.values()):
                yield self._give_up(waiting, _NO_BROWSER)

    @collected
    def _start_clock(self) -> Iterator[Action]:
        if self._held and not self._ticking:
            self._ticking = True
            yield Wake(_TIMER, _TICK)

    @collected
    def _tick(self) -> Iterator[Action]:
        self._ticking = False
        for waiting in list(self._held.values()):
            waiting.ticks += 1
            if waiting.ticks * _TICK >= PATIENCE:
                yield self._give_up(waiting, _UNFINISHED if self._address else _IN_BROWSER)
            else:
                yield from self._progress(waiting)
        yield from self._start_clock()

    @collected
    def _progress(self, waiting: _Held) -> Iterator[Action]:
        """Report progress to a client that asked for it: some clients restart their timeout with each report."""
        meta = waiting.request.params.get("_meta")
        token = meta.get("progressToken") if isinstance(meta, dict) else None
        if isinstance(token, str | int):
            text = f"waiting for a login to {self._name} in the browser"
            progress = {"progressToken": token, "progress": waiting.ticks * _STEP, "message": text}
            yield ToClient(replies.notification("notifications/progress", progress))

    def _give_up(self, waiting: _Held, reason: str) -> Fail:
        """Answer a held call while the login goes on."""
        del self._held[waiting.request.key]
        self._forget(waiting.request.key)
        hint = waiting.why.hint if self._address else f"finish it there; if you see no tab for it, {waiting.why.hint}"
        return _failure(waiting, reason, hint, self._address)


def _failure(waiting: _Held, reason: str, hint: str, address: str = "") -> Fail:
    error = LoginRequired(f"{waiting.why.message}; {reason}", hint)
    error.address = address
    return Fail(waiting.request, error)
