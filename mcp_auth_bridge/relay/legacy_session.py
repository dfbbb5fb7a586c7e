"""Keeps a legacy session alive (MCP 2025-03-26 to 2025-11-25): opens it, and opens it again when the server forgot it.

The session is opened with the client's own `initialize`, byte for byte. Until it is open the client's messages wait;
when it is lost they wait again, and what the server refused with 404 is sent once more: a refusal is not an execution.
Where the server refuses the client's revision of MCP, the same `initialize` is sent with an older one (`revisions.py`).
"""

import enum
from collections.abc import Generator, Hashable, Iterable, Iterator, Mapping

import msgspec

from mcp_auth_bridge.errors import (
    BridgeError,
    LoginRequired,
    MethodUnknown,
    OurProtocolError,
    OutcomeUnknown,
    SessionLost,
    StepUpRequired,
    TheirProtocolError,
    Unreachable,
    WrongEra,
)
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import (
    Action,
    Fail,
    Hangup,
    Kind,
    Message,
    OpenStream,
    Relay,
    SessionOpened,
    ToClient,
    ToServer,
    Wake,
)
from mcp_auth_bridge.relay.call_numbers import OWN, STREAM, CallNumbers
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.http_semantics import version_headers
from mcp_auth_bridge.relay.mcp_headers import MODERN_ERRORS, MODERN_VERSIONS
from mcp_auth_bridge.relay.revision_fallback import older

REOPEN = "reopen"
"""The timer after which a closed session tries to open again by itself."""

_LOGIN_POLL = 1.0
_LONGEST_PAUSE = 30.0
_OPENING = "opening"
_OPENING_DEADLINE = 60.0
_OPENED = "notifications/initialized"


class _State(enum.Enum):
    CLOSED = enum.auto()
    OPENING = enum.auto()  # `initialize` is on its way
    GREETED = enum.auto()  # answered; `notifications/initialized` has yet to come from the client
    CONFIRMING = enum.auto()  # `notifications/initialized` is on its way
    OPEN = enum.auto()


class LegacySession:
    """Wraps the relay that handles the messages of an open session."""

    def __init__(self, inner: Relay) -> None:
        self._inner = inner
        self._state = _State.CLOSED
        self._opening: Message | None = None
        self._offer: Message | None = None  # the same, perhaps with an older revision
        self._confirmation: Message | None = None
        self._answered = False
        # Whether the session has said anything: a server may answer every GET with 404, for want of a stream.
        self._alive = False
        self._unconfirmed = False
        self._headers: Mapping[str, str] = {}
        self._numbers = CallNumbers(OWN)
        self._epoch = 0
        self._sent: dict[int, tuple[int, ToServer]] = {}
        self._waiting: list[Message | ToServer] = []
        self._replayed: set[int] = set()
        self._pause = _LOGIN_POLL

    def from_client(self, message: Message) -> Iterator[Action]:
        if message.method == "initialize" and message.kind is Kind.REQUEST:
            yield from self._begin(message)
        elif self._opening is None:
            yield from self._before_opening(message)
        elif message.method == _OPENED and message.kind is Kind.NOTIFICATION:
            late = self._state is _State.OPEN and self._confirmation is None
            self._confirmation = message
            if late or self._state is _State.GREETED:
                yield from self._confirm()
        elif self._state is _State.OPEN:
            yield from self._stamped(self._inner.from_client(message))
        else:
            yield from self._before_open(message)

    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        if call not in OWN:
            self._alive = True
            yield from self._stamped(self._inner.from_server(call, message))
        elif message.kind is not Kind.RESPONSE:
            yield ToClient(message)
        elif call == self._numbers.newest and self._state is _State.OPENING and message.key == self._opening_key:
            yield from self._opened(message)

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if call in OWN:
            yield from self._own_call_ended(call, error)
            return
        if call == STREAM:
            if isinstance(error, SessionLost) and self._state is _State.OPEN and self._alive:
                yield from self._open()
            return
        epoch, action = self._sent.pop(call, (self._epoch, None))
        if isinstance(error, SessionLost) and action is not None and call not in self._replayed:
            self._replayed.add(call)
            yield from self._replay(epoch, action)
            return
        self._replayed.discard(call)
        yield from self._stamped(self._inner.ended(call, error))
        if isinstance(error, LoginRequired) and not isinstance(error, StepUpRequired) and self._state is _State.OPEN:
            yield from self._close(error)

    def woke(self, timer: str) -> Iterator[Action]:
        if timer == REOPEN and self._state is _State.CLOSED and self._opening is not None:
            yield from self._open()
        elif timer == _OPENING and self._state in (_State.OPENING, _State.CONFIRMING):
            yield Hangup(self._numbers.newest)
            silence = f"the server did not open a session within {_OPENING_DEADLINE:g} seconds"
            yield from self._own_call_ended(self._numbers.newest, OutcomeUnknown(silence, "check that it speaks MCP"))
        yield from self._stamped(self._inner.woke(timer))

    @property
    def _opening_key(self) -> Hashable:
        return self._opening.key if self._opening is not None else None

    def _begin(self, opening: Message) -> Iterator[Action]:
        if self._opening is not None and not self._answered:
            yield Fail(opening, OurProtocolError("an earlier initialize has not been answered yet"))
            return
        self._opening, self._confirmation, self._answered = opening, None, False
        self._offer = opening
        self._unconfirmed = False
        yield from self._open()

    def _before_opening(self, message: Message) -> Iterator[Action]:
        if message.kind is not Kind.REQUEST:
            return
        if message.method == "ping":
            yield ToClient(replies.result(message, {}))
        else:
            # A dual-era client probes with `server/discover` and falls back to `initialize` on this answer.
            yield Fail(message, MethodUnknown("the session starts with initialize"))

    def _open(self) -> Iterator[Action]:
        assert self._offer is not None, "nothing opens before the client did"  # noqa: S101 - a fact, not a check
        self._state = _State.OPENING
        yield ToServer(self._numbers.take(), self._offer)
        yield Wake(_OPENING, _OPENING_DEADLINE)

    def _opens_with_older(self, outcome: Message | BridgeError | None) -> Generator[Action, None, bool]:
        """Whether the session is being opened anew, in an older revision, because of that `outcome`."""
        lower = older(self._offer, outcome) if self._offer is not None else None
        if lower is None:
            return False
        self._offer = lower
        yield from self._open()
        return True

    def _opened(self, answer: Message) -> Iterator[Action]:
        result = result_of(answer)
        if result is None and (yield from self._opens_with_older(answer)):
            return
        if result is not None:
            self._epoch += 1
            self._alive = False
            self._pause = _LOGIN_POLL
            self._headers = version_headers(replies.members(result).get("protocolVersion"))
            self._state = _State.GREETED
        if not self._answered:
            self._answered = True
            yield ToClient(answer)
        if result is None:
            yield from self._close(_refusal(replies.error_code(answer)))
        elif self._confirmation is not None:
            yield from self._confirm()
        elif self._unconfirmed:
            self._state = _State.OPEN
            yield from self._release()

    def _confirm(self) -> Iterator[Action]:
        assert self._confirmation is not None, "only what the client sent is confirmed"  # noqa: S101 - as in _open
        self._state = _State.CONFIRMING
        yield ToServer(self._numbers.take(), self._confirmation, self._headers)

    def _own_call_ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if call != self._numbers.newest:
            return
        if self._state is _State.CONFIRMING:
            # Whatever became of the notification, the server has had it before the first request.
            self._state = _State.OPEN
            yield OpenStream(self._headers)
            yield SessionOpened()
            yield from self._release()
        elif self._state is _State.OPENING and not (yield from self._opens_with_older(error)):
            yield from self._close(error or TheirProtocolError("the server ended initialize without an answer"))

    def _close(self, error: BridgeError) -> Iterator[Action]:
        """The session is gone: whoever waits is told, and what may cure itself is tried again later."""
        self._state, self._offer = _State.CLOSED, self._opening
        if self._opening is not None and not self._answered:
            self._answered = True
            yield Fail(self._opening, error)
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            if isinstance(item, ToServer):
                yield from self._stamped(self._inner.ended(item.call, error))
            elif item.kind is Kind.REQUEST:
                yield Fail(item, error)
        if isinstance(error, LoginRequired):
            yield Wake(REOPEN, _LOGIN_POLL)
        elif isinstance(error, Unreachable):
            yield Wake(REOPEN, self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _before_open(self, message: Message) -> Iterator[Action]:
        if message.method == "ping" and message.kind is Kind.REQUEST:
            yield ToClient(replies.result(message, {}))
        elif message.method == "notifications/cancelled" and message.kind is Kind.NOTIFICATION:
            yield from self._cancel(message)
        else:
            self._waiting.append(message)
            if self._state is _State.CLOSED:
                yield from self._open()
            elif self._state is _State.GREETED:
                # A client that never confirms gets what it would get without us: the server's own view of that.
                self._state, self._unconfirmed = _State.OPEN, True
                yield from self._release()

    def _cancel(self, message: Message) -> Iterator[Action]:
        """What waits was not executed: it is forgotten here and in the inner relay, and the server hears nothing."""
        target = message.target
        for item in self._waiting:
            if isinstance(item, Message) and item.kind is Kind.REQUEST and item.key == target:
                self._waiting.remove(item)
                return
        for action in self._inner.from_client(message):
            if isinstance(action, Hangup):
                self._drop(action.call)
                yield action

    def _drop(self, call: int) -> None:
        """Nobody waits for `call` any more: it is neither sent nor replayed."""
        self._waiting = [item for item in self._waiting if getattr(item, "call", None) != call]
        self._sent.pop(call, None)

    def _replay(self, epoch: int, action: ToServer) -> Iterator[Action]:
        """Send `action` again in a newer session: in this one if it is newer already, else in the one to be opened."""
        if self._state is _State.OPEN and epoch != self._epoch:
            yield from self._stamped([action])
            return
        self._waiting.append(action)
        if self._state in (_State.OPEN, _State.CLOSED):
            yield from self._open()

    def _release(self) -> Iterator[Action]:
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            yield from self._stamped([item] if isinstance(item, ToServer) else self._inner.from_client(item))

    def _stamped(self, actions: Iterable[Action]) -> Iterator[Action]:
        """The inner relay's actions, each POST with this session's headers and remembered for a replay."""
        for action in actions:
            if isinstance(action, ToServer):
                self._sent[action.call] = (self._epoch, action)
                yield msgspec.structs.replace(action, headers={**action.headers, **self._headers})
                continue
            if isinstance(action, Hangup):
                self._drop(action.call)
            yield action


def _refusal(code: int | None) -> BridgeError:
    """Why the server answers `initialize` with the error `code`: servers without a legacy era use their own codes."""
    if code in MODERN_ERRORS:
        return WrongEra("this server speaks MCP 2026-07-28 only", supported=MODERN_VERSIONS)
    return TheirProtocolError("the server refused to initialize a session")
