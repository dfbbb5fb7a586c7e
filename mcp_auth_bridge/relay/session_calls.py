"""The calls of a legacy session: each is made in a session, and may be made again in the next one.

`LegacySession` opens and closes the sessions and decides when a call may pass. Here stands which calls are under way
and in which session, what waits for a session, and what a refusal that means the session says about its call: a
refusal is not an execution, so the call is made once more, unless the server may have carried it out.
"""

import enum
from collections.abc import Iterator, Sequence

import msgspec

from mcp_auth_bridge.errors import BridgeError, Sent, SessionDoubted, SessionLost
from mcp_auth_bridge.relay.base import (
    NOTIFICATION,
    REPLY,
    REQUEST,
    Action,
    Fail,
    Hangup,
    Kind,
    Message,
    Relay,
    ToServer,
    collected,
)
from mcp_auth_bridge.relay.call_numbers import STREAM
from mcp_auth_bridge.relay.retry_policy import REPEATABLE, last_of_several
from mcp_auth_bridge.relay.session_state import McpSession


class Remedy(enum.Enum):
    """The use of a new session to a call that was refused in an old one."""

    REPEAT = "the call is made again, in a newer session"
    REOPEN = "the refusal is the answer, but later calls need a new session"
    NONE = "the refusal is the answer, and the session may be sound"


class Made(msgspec.Struct, frozen=True):
    """A call under way."""

    session: McpSession
    """The session in which it was made."""

    action: ToServer
    """The call without the headers of that session, so that it can be made in another one."""


class SessionCalls:
    """Makes the calls of the relay `inner`."""

    def __init__(self, inner: Relay) -> None:
        # The newest session, which may be lost already. The owner replaces it.
        self.session = McpSession()

        # The relay of the messages in an open session.
        self._inner = inner

        # The calls under way.
        self._made: dict[int, Made] = {}

        # The client's messages and the calls to make again, in the order in which an open session gets them.
        self._waiting: list[Message | ToServer] = []

        # The calls that were made again, each only once, with how much of the first attempt may have been carried out.
        self._repeated: dict[int, Sent] = {}

        # Whether a refusal came again in a new session, so that the server may mean something else by it.
        self._ambiguous = False

    def from_client(self, message: Message) -> Sequence[Action]:
        return self._in_session(self._inner.from_client(message))

    def from_server(self, call: int, message: Message) -> Sequence[Action]:
        made = self._made.get(call)
        session = self.session if made is None else made.session
        session.alive, session.doubted = True, False
        if call == STREAM and message.kind is REPLY:
            return self._answered_by_stream(message)
        return self._in_session(self._inner.from_server(call, message))

    def alive(self, call: int) -> Sequence[Action]:
        return self._in_session(self._inner.alive(call))

    def ended(self, call: int, error: BridgeError | None) -> Sequence[Action]:
        self._made.pop(call, None)
        if self._repeated:
            error = self._of_both_attempts(call, error)
        actions = self._inner.ended(call, error)
        return self._in_session(actions) if actions else actions

    def woke(self, timer: str) -> Sequence[Action]:
        return self._in_session(self._inner.woke(timer))

    def woke_without_session(self, timer: str) -> Sequence[Action]:
        """As `woke`, while no session is open: there is nothing to cancel in it."""
        return self._in_session([action for action in self._inner.woke(timer) if not _is_notification(action)])

    def wait(self, message: Message) -> None:
        """Keep a message of the client's until `release`."""
        self._waiting.append(message)

    @collected
    def release(self) -> Iterator[Action]:
        """Everything that waits for a session is sent in the present one."""
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            yield from self._in_session([item] if isinstance(item, ToServer) else self._inner.from_client(item))

    @collected
    def fail_waiting(self, error: BridgeError) -> Iterator[Action]:
        """Everything that waits for a session ends with `error`."""
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            if isinstance(item, ToServer):
                yield from self._in_session(self._inner.ended(item.call, error))
            elif item.kind is REQUEST:
                yield Fail(item, error)

    @collected
    def cancel(self, message: Message) -> Iterator[Action]:
        """Forget the cancelled request, here or in the inner relay. It was not executed, so the server is not told."""
        target = message.cancelled_key
        for item in self._waiting:
            if isinstance(item, Message) and item.kind is REQUEST and item.key == target:
                self._waiting.remove(item)
                return
        for action in self._inner.from_client(message):
            if isinstance(action, Hangup):
                self._drop(action.call)
                yield action

    def take(self, call: int) -> Made | None:
        """The call under way with this number, which is under way no longer."""
        return self._made.pop(call, None)

    def remedy(self, made: Made, error: SessionLost) -> Remedy:
        """What to do about a call that was refused with `error`, because its session is or may be lost."""
        is_worth_it = self._is_worth_reopening(made.session, error)
        action = made.action
        if action.call in self._repeated or not is_worth_it:
            return Remedy.NONE
        # In a new session a reply would answer another request: servers count theirs from the start again.
        repeatable = action.message.kind is not REPLY and (error.retry_safe or action.message.method in REPEATABLE)
        return Remedy.REPEAT if repeatable else Remedy.REOPEN

    @collected
    def repeat(self, made: Made, error: SessionLost) -> Iterator[Action]:
        """Make a call that was refused with `error` again, in the present session."""
        self._repeated[made.action.call] = error.sent
        yield from self._in_session([made.action])

    def repeat_later(self, made: Made, error: SessionLost) -> None:
        """Make a call that was refused with `error` again, at the next `release`."""
        self._repeated[made.action.call] = error.sent
        self._waiting.append(made.action)

    @collected
    def refuse(self, made: Made, error: SessionLost) -> Iterator[Action]:
        """The refusal `error` is the answer: in the server's own words, if it has sent a reply."""
        call, message = made.action.call, made.action.message
        if isinstance(error.answer, bytes):
            self._repeated.pop(call, None)
            reply = Message(Kind.REPLY, error.answer, id=message.id)
            yield from self._in_session(self._inner.from_server(call, reply))
            yield from self._in_session(self._inner.ended(call, None))
        else:
            yield from self.ended(call, error.answer or error)

    @collected
    def _answered_by_stream(self, reply: Message) -> Iterator[Action]:
        """End the call whose `reply` came on the server's own stream, although it must not (MCP "Listening").

        A server with one queue for all its streams sends it on the stream that is open while the one of the request is
        interrupted: `sse-retry` of @modelcontextprotocol/conformance does. Nothing more would come to the call.
        """
        found = (made for made in self._made.values() if made.session is self.session)
        made = next((made for made in found if made.action.message.key == reply.key), None)
        if made is None or made.action.message.kind is not REQUEST:
            return  # it is foreign, late or a duplicate
        call = made.action.call
        yield Hangup(call)
        yield from self._in_session(self._inner.from_server(call, reply))
        yield from self.ended(call, None)

    def _of_both_attempts(self, call: int, error: BridgeError | None) -> BridgeError | None:
        """The `error` of `call`, which may have been made before: then the first attempt counts, too."""
        earlier = self._repeated.pop(call, Sent.NO)
        return error if error is None or earlier is Sent.NO else last_of_several(error)

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

    def _in_session(self, actions: Sequence[Action]) -> Sequence[Action]:
        """The inner relay's actions. Each POST gets the session's headers, and is remembered for a repetition."""
        for action in actions:
            if type(action) is ToServer or type(action) is Hangup:
                return self._noted(actions)
        return actions

    def _noted(self, actions: Sequence[Action]) -> Sequence[Action]:
        noted: list[Action] = []
        for action in actions:
            if type(action) is ToServer:
                self._made[action.call] = Made(self.session, action)
                headers = {**action.headers, **self.session.headers} if action.headers else self.session.headers
                noted.append(ToServer(action.call, action.message, headers))
                continue
            if type(action) is Hangup:
                self._drop(action.call)
            noted.append(action)
        return noted

    def _drop(self, call: int) -> None:
        """Forget `call`: nothing waits for its reply any more."""
        self._waiting = [item for item in self._waiting if getattr(item, "call", None) != call]
        self._made.pop(call, None)


def _is_notification(action: Action) -> bool:
    return isinstance(action, ToServer) and action.message.kind is NOTIFICATION
