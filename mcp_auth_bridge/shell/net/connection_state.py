"""The states of an HTTP/1.1 connection and the steps between them, as a table in the manner of h11's `_state.py`.

Rule 1: everything that decides which step is possible is here.
Rule 2: this module knows no socket, no buffer and no parser.

A connection has four state machines, which do not depend on each other:

1. The exchange: one request at a time, and its response.
2. The peer: whether more can come from it, and why nothing more comes.
3. Reading: whether the transport reads, or leaves bytes in the kernel because they are not wanted yet.
4. Writing: whether the transport takes more bytes of a request.

Each starts in the first of its states. An event belongs to one machine. Steps are made several times per message, so
states are strings: they hash fast, and name themselves in an error. `TRANSITIONS[state][event]` is the next state, and
`after` the same in words.
"""

from collections.abc import Mapping
from typing import NewType

State = NewType("State", str)
Event = NewType("Event", str)

# 1. The exchange
IDLE = State("IDLE")
AWAITING_HEAD = State("AWAITING_HEAD")  # the peer may have seen the request
IN_BODY = State("IN_BODY")  # the head of the response is here

# 2. The peer
OPEN = State("OPEN")
ENDED = State("ENDED")  # an orderly end, which may end a body (RFC 9112 section 6.3); the parser has not seen it yet
END_SEEN = State("END_SEEN")  # the parser has seen the end
LOST = State("LOST")  # no orderly end: it ends no body
CROSSED = State("CROSSED")  # it ended before it had received a byte of the request
CERTIFICATE_MISSING = State("CERTIFICATE_MISSING")  # lost, because the server wants a client certificate

# 3. Reading
READING = State("READING")
HELD = State("HELD")

# 4. Writing
WRITING = State("WRITING")
CHOKED = State("CHOKED")

SENT = Event("SENT")  # a request was handed to the transport
HEAD_READ = Event("HEAD_READ")
RECYCLED = Event("RECYCLED")  # the exchange is complete on both sides, and nothing came after it
EOF = Event("EOF")
EOF_PARSED = Event("EOF_PARSED")
END_CROSSED = Event("END_CROSSED")  # the end and a request have crossed on the way
CONNECTION_LOST = Event("CONNECTION_LOST")
CERTIFICATE_REQUIRED = Event("CERTIFICATE_REQUIRED")
READING_PAUSED = Event("READING_PAUSED")
READING_RESUMED = Event("READING_RESUMED")
WRITING_PAUSED = Event("WRITING_PAUSED")
WRITING_RESUMED = Event("WRITING_RESUMED")

_TABLE: Mapping[State, Mapping[Event, State]] = {
    # 1. The exchange
    IDLE: {SENT: AWAITING_HEAD},
    AWAITING_HEAD: {HEAD_READ: IN_BODY},
    IN_BODY: {RECYCLED: IDLE},
    # 2. The peer
    OPEN: {EOF: ENDED, END_CROSSED: CROSSED, CONNECTION_LOST: LOST, CERTIFICATE_REQUIRED: CERTIFICATE_MISSING},
    ENDED: {EOF_PARSED: END_SEEN, CONNECTION_LOST: ENDED, CERTIFICATE_REQUIRED: ENDED},
    END_SEEN: {CONNECTION_LOST: END_SEEN, CERTIFICATE_REQUIRED: END_SEEN},
    LOST: {},
    CROSSED: {CONNECTION_LOST: CROSSED, CERTIFICATE_REQUIRED: CROSSED},
    CERTIFICATE_MISSING: {},
    # 3. Reading
    READING: {READING_PAUSED: HELD},
    HELD: {READING_RESUMED: READING},
    # 4. Writing
    WRITING: {WRITING_PAUSED: CHOKED},
    CHOKED: {WRITING_RESUMED: WRITING},
}


class InvalidStep(RuntimeError):
    """An event that the state does not know: a fault of the bridge, and never of the peer."""


class Steps(dict[Event, State]):
    """The state that follows `state` at each event. Raises `InvalidStep`, which names both, for any other event."""

    def __init__(self, state: State, steps: Mapping[Event, State]) -> None:
        super().__init__(steps)
        self._state = state

    def __missing__(self, event: Event) -> State:
        raise InvalidStep(f"a connection in the state {self._state} cannot take the step {event}")


TRANSITIONS: Mapping[State, Steps] = {state: Steps(state, steps) for state, steps in _TABLE.items()}


def after(state: State, event: Event) -> State:
    """The state that follows `state` at `event`. Raises `InvalidStep`."""
    return TRANSITIONS[state][event]
