"""Keeps a legacy session alive (MCP 2025-03-26 to 2025-11-25): opens it, and reopens one that the server forgot.

The session is opened with the client's own `initialize`, byte for byte. Until it is open the client's messages wait;
when it is lost they wait again. A message that the server refused because of the session is sent once more, in a new
one: a refusal is not an execution. If the new session does not help, the refusal is the answer. When the server
refuses the client's revision of MCP, the same `initialize` is sent with an older one (`revision_fallback.py`). The
calls in a session are a book of their own (`session_calls.py`). The states of the session and the steps between them
are a table (`session_state.py`), and so are the signs of a lost session (`session_loss.py`).
"""

from collections.abc import Iterator, Sequence

from mcp_auth_bridge.errors import (
    BridgeError,
    EraRefused,
    LoginRequired,
    MethodUnknown,
    OurProtocolError,
    OutcomeUnknown,
    SessionLost,
    StepUpRequired,
    TheirProtocolError,
)
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.away import Pauses, may_pass, requested_pause
from mcp_auth_bridge.relay.base import (
    AFTER_FAULT,
    FORGET_INITIALIZE,
    NOTHING,
    NOTIFICATION,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Hangup,
    Message,
    OpenStream,
    Relay,
    SessionOpened,
    ToClient,
    ToServer,
    Wake,
    collected,
)
from mcp_auth_bridge.relay.call_numbers import OWN, STREAM, CallNumbers
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.era import may_mean_other_era, refused_initialize_error
from mcp_auth_bridge.relay.http_semantics import version_headers
from mcp_auth_bridge.relay.revision_fallback import with_older_revision
from mcp_auth_bridge.relay.session_calls import Made, Remedy, SessionCalls
from mcp_auth_bridge.relay.session_state import IN_USE, Handshake, McpSession, SessionState, SessionStep, next_state

REOPEN = "reopen"
"""The timer after which a closed session tries to open again by itself."""

_OPENING_DEADLINE = 60.0  # seconds
_OPENING = "opening"  # the timer of that deadline
_INITIALIZED = "notifications/initialized"
_OF_OPENING = ("initialize", _INITIALIZED)
_UNCONFIRMED = (SessionState.GREETED, SessionState.UNCONFIRMED)
_WITHOUT_SESSION = (SessionState.OPENING, SessionState.CLOSED)


class LegacySession:
    """Wraps the relay that handles the messages of an open session. `numbers` are those of its own calls."""

    def __init__(self, inner: Relay, numbers: CallNumbers | None = None) -> None:
        # The messages in a session, and those that wait for one.
        self._calls = SessionCalls(inner)

        # Changed by `_step` only, along the table of `session_state.py`.
        self._state = SessionState.IDLE

        # The client's part in opening sessions, None only in the state IDLE.
        self._begun: Handshake | None = None

        # The numbers of the calls for `initialize` and for its confirmation.
        self._numbers = numbers or CallNumbers(OWN)

        # The newest of those calls.
        self._own_call = STREAM

        # The pauses before attempts to open a session again.
        self._pauses = Pauses()

        # The error with which a server has asked not to be asked again yet, None if it has not.
        self._told_to_wait: BridgeError | None = None

    def from_client(self, message: Message) -> Sequence[Action]:
        if self._state in IN_USE and message.method not in _OF_OPENING:
            return self._calls.from_client(message)
        if message.method == "initialize" and message.kind is REQUEST:
            return self._begin(message)
        if self._state is SessionState.IDLE:
            return self._before_initialize(message)
        if message.method == _INITIALIZED and message.kind is NOTIFICATION:
            self._handshake.confirmation = message
            return self._confirm(message) if self._state in _UNCONFIRMED else NOTHING
        return self._calls.from_client(message) if self._state in IN_USE else self._before_open(message)

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        if call not in OWN:
            return self._calls.from_server(call, message)
        if message.kind is not REPLY:
            return [ToClient(message)]
        is_opening = self._is_opened_by(call) and message.key == self._handshake.request.key
        return self._initialize_answered(message) if is_opening else NOTHING

    def alive(self, call: int) -> Sequence[Action]:
        if call not in OWN:
            return self._calls.alive(call)
        # Some servers answer a notification with a stream that they leave open (phantom_mcp #24).
        is_confirmed = self._state is SessionState.CONFIRMING and call == self._own_call
        return self._confirmed() if is_confirmed else NOTHING

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        if call in OWN:
            return self._own_call_ended(call, error)
        if call == STREAM:
            is_lost = isinstance(error, SessionLost) and self._state in IN_USE and self._calls.session.alive
            return self._open(SessionStep.REOPEN) if is_lost else NOTHING
        if isinstance(error, SessionLost) and (made := self._calls.take(call)) is not None:
            return self._session_refused(made, error)
        actions = self._calls.ended(call, error)
        if isinstance(error, LoginRequired) and not isinstance(error, StepUpRequired) and self._state in IN_USE:
            return [*actions, *self._close(error)]
        return actions

    @collected
    def woke(self, timer: str) -> Iterator[Action]:
        if timer == REOPEN and self._state is SessionState.CLOSED:
            self._pauses.attempt()
            yield from self._open(SessionStep.REOPEN)
        elif timer == _OPENING and self._state in (SessionState.OPENING, SessionState.CONFIRMING):
            yield Hangup(self._own_call)
            silence = f"the server did not open a session within {_OPENING_DEADLINE:g} seconds"
            yield from self._own_call_ended(self._own_call, OutcomeUnknown(silence, "check that it speaks MCP"))
        elif timer == AFTER_FAULT and self._state in (SessionState.OPENING, SessionState.CONFIRMING):
            yield Wake(_OPENING, _OPENING_DEADLINE)
        elif timer == AFTER_FAULT and self._state is SessionState.CLOSED:
            yield Wake(REOPEN, self._pauses.after(None))
        elif timer == FORGET_INITIALIZE and self._begun is not None:
            self._begun.answered = True
        if self._state in IN_USE:
            yield from self._calls.woke(timer)
        else:
            yield from self._calls.woke_without_session(timer)

    @property
    def _handshake(self) -> Handshake:
        assert self._begun is not None, "only an idle session has none"  # noqa: S101 - a fact, not a check
        return self._begun

    def _step(self, step: SessionStep) -> None:
        self._state = next_state(self._state, step)

    @collected
    def _begin(self, initialize: Message) -> Iterator[Action]:
        if self._begun is not None and not self._begun.answered:
            yield Fail(initialize, OurProtocolError("an earlier initialize has not been answered yet"))
            return
        self._begun = Handshake(initialize, initialize)
        yield from self._open(SessionStep.INITIALIZE)

    @collected
    def _before_initialize(self, message: Message) -> Iterator[Action]:
        if message.kind is not REQUEST:
            return
        if message.method == "ping":
            yield ToClient(replies.result(message, {}))
        else:
            # A dual-era client probes with `server/discover` and falls back to `initialize` on this error.
            yield Fail(message, MethodUnknown("the session starts with initialize"))

    @collected
    def _open(self, step: SessionStep) -> Iterator[Action]:
        self._step(step)
        self._told_to_wait = None
        self._own_call = self._numbers.take()
        yield ToServer(self._own_call, self._handshake.offer)
        yield Wake(_OPENING, _OPENING_DEADLINE)

    def _open_with_older(self, outcome: Message | BridgeError | None) -> Sequence[Action]:
        """Open the session with an older revision if `outcome` calls for that. Nothing if it does not."""
        lower = with_older_revision(self._handshake.offer, outcome)
        if lower is None:
            return NOTHING
        self._handshake.offer = lower
        return self._open(SessionStep.OFFER_OLDER)

    def _is_opened_by(self, call: int) -> bool:
        return self._state is SessionState.OPENING and call == self._own_call

    @collected
    def _initialize_answered(self, reply: Message) -> Iterator[Action]:
        result = result_of(reply)
        if result is None:
            refused = EraRefused(refused_initialize_error(reply))
            yield from self._open_with_older(reply) or self._close(refused)
            return
        handshake = self._handshake
        is_first, handshake.answered = not handshake.answered, True
        self._step(SessionStep.GREET)
        self._calls.session = McpSession(version_headers(replies.members(result).get("protocolVersion")))
        self._pauses.reset()
        if is_first:
            yield ToClient(reply)
        if handshake.confirmation is not None:
            yield from self._confirm(handshake.confirmation)
        elif handshake.skips_confirmation:
            yield from self._use_unconfirmed()

    @collected
    def _confirm(self, confirmation: Message) -> Iterator[Action]:
        self._step(SessionStep.CONFIRM)
        self._own_call = self._numbers.take()
        yield ToServer(self._own_call, confirmation, self._calls.session.headers)

    @collected
    def _use_unconfirmed(self) -> Iterator[Action]:
        """Let messages pass although the client has not confirmed: the server may refuse them, as without a bridge."""
        self._handshake.skips_confirmation = True
        self._step(SessionStep.SKIP_CONFIRMATION)
        yield from self._calls.release()

    @collected
    def _own_call_ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if self._is_opened_by(call):
            why = error or TheirProtocolError("the server ended its response to initialize without a reply")
            refused = EraRefused(why) if may_mean_other_era(why) else why
            yield from self._open_with_older(error) or self._close(refused)
        elif self._state is SessionState.CONFIRMING and call == self._own_call:
            yield from self._confirmed()

    @collected
    def _confirmed(self) -> Iterator[Action]:
        """Use the session: whatever its outcome, the notification was sent before the first request."""
        self._step(SessionStep.OPEN)
        yield OpenStream(self._calls.session.headers)
        yield SessionOpened()
        yield from self._calls.release()

    @collected
    def _close(self, error: BridgeError) -> Iterator[Action]:
        """Fail every request that waits for the session. Try again later if `error` may be temporary."""
        self._step(SessionStep.CLOSE)
        handshake = self._handshake
        handshake.offer = handshake.request
        if not handshake.answered:
            handshake.answered = True
            yield Fail(handshake.request, error)
        yield from self._calls.fail_waiting(error)
        if may_pass(error):
            self._told_to_wait = error if requested_pause(error) else None
            yield Wake(REOPEN, self._pauses.after(error))

    @collected
    def _before_open(self, message: Message) -> Iterator[Action]:
        if message.method == "ping" and message.kind is REQUEST:
            yield ToClient(replies.result(message, {}))
        elif message.method == "notifications/cancelled" and message.kind is NOTIFICATION:
            yield from self._calls.cancel(message)
        elif message.kind is REPLY and self._handshake.answered and self._state in _WITHOUT_SESSION:
            return  # it is for the lost session: in the new one it would answer another request
        elif self._told_to_wait is not None:
            if message.kind is REQUEST:
                yield Fail(message, self._told_to_wait)
        else:
            self._calls.wait(message)
            if self._state is SessionState.CLOSED:
                yield from self._open(SessionStep.REOPEN)
            elif self._state is SessionState.GREETED:
                yield from self._use_unconfirmed()

    @collected
    def _session_refused(self, made: Made, error: SessionLost) -> Iterator[Action]:
        """The call `made` was refused in its session, which is or may be lost."""
        remedy = self._calls.remedy(made, error)
        is_newest = made.session is self._calls.session
        if remedy is Remedy.REPEAT and self._state in IN_USE and not is_newest:
            yield from self._calls.repeat(made, error)
        elif remedy is Remedy.REPEAT:
            self._calls.repeat_later(made, error)
            if self._state in (*IN_USE, SessionState.CLOSED):
                yield from self._open(SessionStep.REOPEN)
        else:
            yield from self._calls.refuse(made, error)
            if remedy is Remedy.REOPEN and self._state in IN_USE and is_newest:
                yield from self._open(SessionStep.REOPEN)
