"""The states of a legacy session, and the steps between them, as a table (in the manner of h11's `_state.py`).

Everything that changes the state goes through `next_state`. A step that is not in the table is a bug of the bridge, and
raises `InvalidStep`.
"""

import enum
from collections.abc import Mapping

import msgspec

from mcp_auth_bridge.relay.base import Message


class SessionState(enum.Enum):
    IDLE = "idle"
    """The MCP client has not sent `initialize`."""

    OPENING = "opening"
    """`initialize` is on its way to the MCP server."""

    GREETED = "greeted"
    """The server has answered; the client has yet to send `notifications/initialized`."""

    CONFIRMING = "confirming"
    """`notifications/initialized` is on its way to the server."""

    OPEN = "open"
    """The client's messages pass."""

    UNCONFIRMED = "unconfirmed"
    """The same, for a client that sent a request before `notifications/initialized`."""

    CLOSED = "closed"
    """The session was lost, or could not be opened. The client's next message opens it again, or a timer does."""


class SessionStep(enum.Enum):
    INITIALIZE = "begin with another initialize of the client's"
    REOPEN = "be opened again"
    OFFER_OLDER = "be opened with an older revision"
    GREET = "be answered by the server"
    CONFIRM = "be confirmed to the server"
    SKIP_CONFIRMATION = "be used without a confirmation"
    OPEN = "become open"
    CLOSE = "be closed"


class InvalidStep(Exception):
    """A step that the table does not hold; the message names the state and the step."""


IN_USE = (SessionState.OPEN, SessionState.UNCONFIRMED)
"""The states in which the client's messages pass."""

TRANSITIONS: Mapping[tuple[SessionState, SessionStep], SessionState] = {
    (SessionState.IDLE, SessionStep.INITIALIZE): SessionState.OPENING,
    (SessionState.OPENING, SessionStep.OFFER_OLDER): SessionState.OPENING,
    (SessionState.OPENING, SessionStep.GREET): SessionState.GREETED,
    (SessionState.OPENING, SessionStep.CLOSE): SessionState.CLOSED,
    (SessionState.GREETED, SessionStep.CONFIRM): SessionState.CONFIRMING,
    (SessionState.GREETED, SessionStep.SKIP_CONFIRMATION): SessionState.UNCONFIRMED,
    (SessionState.CONFIRMING, SessionStep.OPEN): SessionState.OPEN,
    (SessionState.OPEN, SessionStep.REOPEN): SessionState.OPENING,
    (SessionState.OPEN, SessionStep.CLOSE): SessionState.CLOSED,
    (SessionState.UNCONFIRMED, SessionStep.CONFIRM): SessionState.CONFIRMING,
    (SessionState.UNCONFIRMED, SessionStep.REOPEN): SessionState.OPENING,
    (SessionState.UNCONFIRMED, SessionStep.CLOSE): SessionState.CLOSED,
    (SessionState.CLOSED, SessionStep.REOPEN): SessionState.OPENING,
    # Once its `initialize` is answered, a client may send another in any state of the session.
    (SessionState.OPENING, SessionStep.INITIALIZE): SessionState.OPENING,
    (SessionState.GREETED, SessionStep.INITIALIZE): SessionState.OPENING,
    (SessionState.CONFIRMING, SessionStep.INITIALIZE): SessionState.OPENING,
    (SessionState.OPEN, SessionStep.INITIALIZE): SessionState.OPENING,
    (SessionState.UNCONFIRMED, SessionStep.INITIALIZE): SessionState.OPENING,
    (SessionState.CLOSED, SessionStep.INITIALIZE): SessionState.OPENING,
}


def next_state(state: SessionState, step: SessionStep) -> SessionState:
    """The state after `step` in `state`. Raises `InvalidStep`."""
    try:
        return TRANSITIONS[state, step]
    except KeyError:
        raise InvalidStep(f"a session that is {state.value} cannot {step.value}") from None


class Handshake(msgspec.Struct):
    """The client's side of an opening, which is repeated whenever the session is opened again."""

    # The client's `initialize`, as it came.
    request: Message

    # The `initialize` for the server: the same, or with an older revision.
    offer: Message

    # The client's `notifications/initialized`, None until it has come.
    confirmation: Message | None = None

    # Whether the client has a reply to its `initialize`. It gets one only, however often the session is opened.
    answered: bool = False

    # Whether the client has sent a request without a confirmation, so that no later session waits for one.
    skips_confirmation: bool = False


class McpSession(msgspec.Struct):
    """One session at the server.

    Before it is `alive`, a 404 for the server's own stream says nothing: servers without such a stream may answer 404
    to every GET.
    """

    # The headers of its revision.
    headers: Mapping[str, str] = {}

    # Whether a message has come from the server.
    alive: bool = False

    # Whether the last refusal may have meant the session, and was passed on as the answer instead.
    doubted: bool = False
