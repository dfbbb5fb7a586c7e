"""Keeps a legacy session alive (MCP 2025-03-26 to 2025-11-25): opens it, and reopens one that the server forgot.

The session is opened with the client's own `initialize`, byte for byte. Until it is open the client's messages wait;
when it is lost they wait again. A message that the server refused because of the session is sent once more, in a new
one: a refusal is not an execution. If the new session does not help, the refusal is the answer. When the server
refuses the client's revision of MCP, the same `initialize` is sent with an older one (`revision_fallback.py`). The
states of the session and the steps between them are a table (`session_state.py`), and so are the signs of a lost
session (`session_loss.py`).
"""

from collections.abc import Generator, Iterable, Iterator

import msgspec

from mcp_auth_bridge.errors import (
    BridgeError,
    EraRefused,
    LoginRequired,
    MethodUnknown,
    OurProtocolError,
    OutcomeUnknown,
    SessionDoubted,
    SessionLost,
    StepUpRequired,
    TheirProtocolError,
)
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.away import Pauses, may_pass, requested_pause
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
from mcp_auth_bridge.relay.delivery import REPEATABLE
from mcp_auth_bridge.relay.envelope import result_of
from mcp_auth_bridge.relay.era import may_mean_other_era, refused_initialize_error
from mcp_auth_bridge.relay.http_semantics import version_headers
from mcp_auth_bridge.relay.revision_fallback import with_older_revision
from mcp_auth_bridge.relay.session_state import IN_USE, Handshake, McpSession, SessionState, SessionStep, next_state

REOPEN = "reopen"
"""The timer after which a closed session tries to open again by itself."""

_OPENING_DEADLINE = 60.0  # seconds
_OPENING = "opening"  # the timer of that deadline
_INITIALIZED = "notifications/initialized"


class LegacySession:
    """Wraps the relay that handles the messages of an open session. `numbers` are those of its own calls."""

    def __init__(self, inner: Relay, numbers: CallNumbers | None = None) -> None:
        # The relay of the messages in an open session.
        self._inner = inner

        # Changed by `_step` only, along the table of `session_state.py`.
        self._state = SessionState.IDLE

        # The client's part in opening sessions, None only in the state IDLE.
        self._begun: Handshake | None = None

        # The newest session, which may be lost already.
        self._session = McpSession()

        # The numbers of the calls for `initialize` and for its confirmation.
        self._numbers = numbers or CallNumbers(OWN)

        # The newest of those calls.
        self._own_call = STREAM

        # Each call under way: the session in which it was made, and how to make it again in another one.
        self._sent: dict[int, tuple[McpSession, ToServer]] = {}

        # The client's messages and the calls to make again, in the order in which an open session gets them.
        self._waiting: list[Message | ToServer] = []

        # The calls that were made again. Each is made again only once.
        self._replayed: set[int] = set()

        # Whether a refusal came again in a new session, so that the server may mean something else by it.
        self._ambiguous = False

        # The pauses before attempts to open a session again.
        self._pauses = Pauses()

        # The error with which a server has asked not to be asked again yet, None if it has not.
        self._told_to_wait: BridgeError | None = None

    def from_client(self, message: Message) -> Iterator[Action]:
        if message.method == "initialize" and message.kind is Kind.REQUEST:
            yield from self._begin(message)
        elif self._state is SessionState.IDLE:
            yield from self._before_initialize(message)
        elif message.method == _INITIALIZED and message.kind is Kind.NOTIFICATION:
            self._handshake.confirmation = message
            if self._state in (SessionState.GREETED, SessionState.UNCONFIRMED):
                yield from self._confirm(message)
        elif self._state in IN_USE:
            yield from self._in_session(self._inner.from_client(message))
        else:
            yield from self._before_open(message)

    def from_server(self, call: int, message: Message) -> Iterator[Action]:
        if call not in OWN:
            session, _ = self._sent.get(call, (self._session, None))
            session.alive, session.doubted = True, False
            yield from self._in_session(self._inner.from_server(call, message))
        elif message.kind is not Kind.REPLY:
            yield ToClient(message)
        elif self._is_opened_by(call) and message.key == self._handshake.request.key:
            yield from self._initialize_answered(message)

    def alive(self, call: int) -> Iterator[Action]:
        if call not in OWN:
            yield from self._in_session(self._inner.alive(call))
        elif self._state is SessionState.CONFIRMING and call == self._own_call:
            # Some servers answer a notification with a stream that they leave open (phantom_mcp #24).
            yield from self._confirmed()

    def ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if call in OWN:
            yield from self._own_call_ended(call, error)
            return
        if call == STREAM:
            if isinstance(error, SessionLost) and self._state in IN_USE and self._session.alive:
                yield from self._open(SessionStep.REOPEN)
            return
        session, action = self._sent.pop(call, (self._session, None))
        if isinstance(error, SessionLost) and action is not None:
            yield from self._session_refused(session, action, error)
            return
        self._replayed.discard(call)
        yield from self._in_session(self._inner.ended(call, error))
        if isinstance(error, LoginRequired) and not isinstance(error, StepUpRequired) and self._state in IN_USE:
            yield from self._close(error)

    def woke(self, timer: str) -> Iterator[Action]:
        if timer == REOPEN and self._state is SessionState.CLOSED:
            self._pauses.attempt()
            yield from self._open(SessionStep.REOPEN)
        elif timer == _OPENING and self._state in (SessionState.OPENING, SessionState.CONFIRMING):
            yield Hangup(self._own_call)
            silence = f"the server did not open a session within {_OPENING_DEADLINE:g} seconds"
            yield from self._own_call_ended(self._own_call, OutcomeUnknown(silence, "check that it speaks MCP"))
        actions = self._inner.woke(timer)
        if self._state not in IN_USE:  # there is nothing to cancel in a session that is not open
            actions = (action for action in actions if not _is_notification(action))
        yield from self._in_session(actions)

    @property
    def _handshake(self) -> Handshake:
        assert self._begun is not None, "only an idle session has none"  # noqa: S101 - a fact, not a check
        return self._begun

    def _step(self, step: SessionStep) -> None:
        self._state = next_state(self._state, step)

    def _begin(self, initialize: Message) -> Iterator[Action]:
        if self._begun is not None and not self._begun.answered:
            yield Fail(initialize, OurProtocolError("an earlier initialize has not been answered yet"))
            return
        self._begun = Handshake(initialize, initialize)
        yield from self._open(SessionStep.INITIALIZE)

    def _before_initialize(self, message: Message) -> Iterator[Action]:
        if message.kind is not Kind.REQUEST:
            return
        if message.method == "ping":
            yield ToClient(replies.result(message, {}))
        else:
            # A dual-era client probes with `server/discover` and falls back to `initialize` on this error.
            yield Fail(message, MethodUnknown("the session starts with initialize"))

    def _open(self, step: SessionStep) -> Iterator[Action]:
        self._step(step)
        self._told_to_wait = None
        self._own_call = self._numbers.take()
        yield ToServer(self._own_call, self._handshake.offer)
        yield Wake(_OPENING, _OPENING_DEADLINE)

    def _open_with_older(self, outcome: Message | BridgeError | None) -> Generator[Action, None, bool]:
        """Open the session with an older revision if `outcome` calls for that. Returns whether it does."""
        lower = with_older_revision(self._handshake.offer, outcome)
        if lower is None:
            return False
        self._handshake.offer = lower
        yield from self._open(SessionStep.OFFER_OLDER)
        return True

    def _is_opened_by(self, call: int) -> bool:
        return self._state is SessionState.OPENING and call == self._own_call

    def _initialize_answered(self, reply: Message) -> Iterator[Action]:
        result = result_of(reply)
        if result is None and (yield from self._open_with_older(reply)):
            return
        if result is None:
            yield from self._close(EraRefused(refused_initialize_error(reply)))
            return
        handshake = self._handshake
        is_first, handshake.answered = not handshake.answered, True
        self._step(SessionStep.GREET)
        self._session = McpSession(version_headers(replies.members(result).get("protocolVersion")))
        self._pauses.reset()
        if is_first:
            yield ToClient(reply)
        if handshake.confirmation is not None:
            yield from self._confirm(handshake.confirmation)
        elif handshake.skips_confirmation:
            yield from self._use_unconfirmed()

    def _confirm(self, confirmation: Message) -> Iterator[Action]:
        self._step(SessionStep.CONFIRM)
        self._own_call = self._numbers.take()
        yield ToServer(self._own_call, confirmation, self._session.headers)

    def _use_unconfirmed(self) -> Iterator[Action]:
        """Let messages pass although the client has not confirmed: the server may refuse them, as without a bridge."""
        self._handshake.skips_confirmation = True
        self._step(SessionStep.SKIP_CONFIRMATION)
        yield from self._release()

    def _own_call_ended(self, call: int, error: BridgeError | None) -> Iterator[Action]:
        if self._is_opened_by(call):
            if not (yield from self._open_with_older(error)):
                error = error or TheirProtocolError("the server ended its response to initialize without a reply")
                yield from self._close(EraRefused(error) if may_mean_other_era(error) else error)
        elif self._state is SessionState.CONFIRMING and call == self._own_call:
            yield from self._confirmed()

    def _confirmed(self) -> Iterator[Action]:
        """Use the session: whatever its outcome, the notification was sent before the first request."""
        self._step(SessionStep.OPEN)
        yield OpenStream(self._session.headers)
        yield SessionOpened()
        yield from self._release()

    def _close(self, error: BridgeError) -> Iterator[Action]:
        """Fail every request that waits for the session. Try again later if `error` may be temporary."""
        self._step(SessionStep.CLOSE)
        handshake = self._handshake
        handshake.offer = handshake.request
        if not handshake.answered:
            handshake.answered = True
            yield Fail(handshake.request, error)
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            if isinstance(item, ToServer):
                yield from self._in_session(self._inner.ended(item.call, error))
            elif item.kind is Kind.REQUEST:
                yield Fail(item, error)
        if may_pass(error):
            self._told_to_wait = error if requested_pause(error) else None
            yield Wake(REOPEN, self._pauses.after(error))

    def _before_open(self, message: Message) -> Iterator[Action]:
        if message.method == "ping" and message.kind is Kind.REQUEST:
            yield ToClient(replies.result(message, {}))
        elif message.method == "notifications/cancelled" and message.kind is Kind.NOTIFICATION:
            yield from self._cancel(message)
        elif self._told_to_wait is not None:
            if message.kind is Kind.REQUEST:
                yield Fail(message, self._told_to_wait)
        elif message.kind is not Kind.REPLY or not self._handshake.answered:
            # A reply during a reopening is for the lost session. In the new one it would answer another request.
            self._waiting.append(message)
            if self._state is SessionState.CLOSED:
                yield from self._open(SessionStep.REOPEN)
            elif self._state is SessionState.GREETED:
                yield from self._use_unconfirmed()

    def _cancel(self, message: Message) -> Iterator[Action]:
        """Forget the cancelled request, here or in the inner relay. It was not executed, so the server is not told."""
        target = message.cancelled_key
        for item in self._waiting:
            if isinstance(item, Message) and item.kind is Kind.REQUEST and item.key == target:
                self._waiting.remove(item)
                return
        for action in self._inner.from_client(message):
            if isinstance(action, Hangup):
                self._drop(action.call)
                yield action

    def _drop(self, call: int) -> None:
        """Forget `call`: nothing waits for its reply any more."""
        self._waiting = [item for item in self._waiting if getattr(item, "call", None) != call]
        self._sent.pop(call, None)

    def _session_refused(self, session: McpSession, action: ToServer, error: SessionLost) -> Iterator[Action]:
        """The call of `action` was refused in `session`, which is or may be lost."""
        is_first, is_worth_it = action.call not in self._replayed, self._is_worth_reopening(session, error)
        # In a new session a reply would answer another request: servers count theirs from the start again.
        repeatable = action.message.kind is not Kind.REPLY and (error.retry_safe or action.message.method in REPEATABLE)
        if is_first and is_worth_it and repeatable:
            self._replayed.add(action.call)
            yield from self._replay(session, action)
            return
        self._replayed.discard(action.call)
        if isinstance(error.answer, bytes):
            reply = Message(Kind.REPLY, error.answer, id=action.message.id)
            yield from self._in_session(self._inner.from_server(action.call, reply))
            yield from self._in_session(self._inner.ended(action.call, None))
        else:
            yield from self._in_session(self._inner.ended(action.call, error.answer or error))
        if is_first and is_worth_it and self._state in IN_USE and session is self._session:
            yield from self._open(SessionStep.REOPEN)

    def _is_worth_reopening(self, session: McpSession, error: SessionLost) -> bool:
        """Whether a new session may help.

        Some servers have one refusal for a lost session and for errors of their tools, and a new session loses the
        state of the old one. So once a new session has not helped, it takes two refusals in a row, unless the session
        has never been of use.
        """
        if not isinstance(error, SessionDoubted):
            return True
        self._ambiguous |= not session.alive
        if self._ambiguous and session.alive and not session.doubted:
            session.doubted = True
            return False
        return True

    def _replay(self, session: McpSession, action: ToServer) -> Iterator[Action]:
        """Make a call of the lost `session` again: in the present session if that is newer, else in the next one."""
        if self._state in IN_USE and session is not self._session:
            yield from self._in_session([action])
            return
        self._waiting.append(action)
        if self._state in (*IN_USE, SessionState.CLOSED):
            yield from self._open(SessionStep.REOPEN)

    def _release(self) -> Iterator[Action]:
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            yield from self._in_session([item] if isinstance(item, ToServer) else self._inner.from_client(item))

    def _in_session(self, actions: Iterable[Action]) -> Iterator[Action]:
        """The inner relay's actions. Each POST gets the session's headers, and is remembered for a replay."""
        for action in actions:
            if isinstance(action, ToServer):
                self._sent[action.call] = (self._session, action)
                yield msgspec.structs.replace(action, headers={**action.headers, **self._session.headers})
                continue
            if isinstance(action, Hangup):
                self._drop(action.call)
            yield action


def _is_notification(action: Action) -> bool:
    return isinstance(action, ToServer) and action.message.kind is Kind.NOTIFICATION
