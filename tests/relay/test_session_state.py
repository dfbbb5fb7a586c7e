"""The table of a legacy session's states: what can happen is in it, and what is in it can happen."""

from collections import deque

import pytest
from relaying import INITIALIZE, INITIALIZED, WELCOMED, answer, message, notification, request

from mcp_auth_bridge.errors import LoginRequired, SessionLost, Unreachable, UpstreamFailed
from mcp_auth_bridge.relay.base import ToServer
from mcp_auth_bridge.relay.call_numbers import FORWARDED, OWN, STREAM
from mcp_auth_bridge.relay.legacy_session import REOPEN, LegacySession
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.session_state import (
    IN_USE,
    TRANSITIONS,
    InvalidStep,
    SessionState,
    SessionStep,
    next_state,
)

ENDS = [None, SessionLost("lost"), LoginRequired("log in"), Unreachable("away"), UpstreamFailed("no", status=400)]
REPLIES = [{"result": WELCOMED}, {"error": {"code": -32602, "message": ""}}, {"error": {"code": 1, "message": ""}}]
CLIENT = ["initialize", "initialized", "request", "notification", "reply"]
TIMERS = [REOPEN, "opening"]
STIMULI = [
    *(("client", what) for what in CLIENT),
    *(("own call answered", n) for n in range(len(REPLIES))),
    *((call, n) for call in ("own call ended", "forwarded call ended", "stream ended") for n in range(len(ENDS))),
    ("server speaks", None),
    *(("timer", timer) for timer in TIMERS),
]
LONGEST = 7


class Recorded(LegacySession):
    """Plays one history, and notes each step with the state in which it was taken."""

    def __init__(self):
        super().__init__(Passthrough())
        self.steps = []
        self.last_id = 0
        self.own_call = OWN[-1]
        self.forwarded_call = FORWARDED[0]

    def _step(self, step):
        self.steps.append((self._state, step))
        super()._step(step)

    def play(self, stimulus):
        for action in list(self._actions(*stimulus)):
            if isinstance(action, ToServer) and action.call in OWN:
                self.own_call = action.call
            elif isinstance(action, ToServer):
                self.forwarded_call = action.call

    def _actions(self, kind, what):
        match kind:
            case "client":
                return self.from_client(message(self._said(what)))
            case "own call answered":
                id_ = self._begun.request.key if self._begun else 0
                return self.from_server(self.own_call, message({"jsonrpc": "2.0", "id": id_, **REPLIES[what]}))
            case "own call ended":
                return self.ended(self.own_call, ENDS[what])
            case "server speaks":
                return self.from_server(STREAM, message(notification("n")))
            case "timer":
                return self.woke(what)
        return self.ended(STREAM if kind == "stream ended" else self.forwarded_call, ENDS[what])

    def _said(self, what):
        self.last_id += 1
        return {
            "initialize": {**INITIALIZE, "id": self.last_id},
            "initialized": INITIALIZED,
            "request": request(self.last_id),
            "notification": notification("n"),
            "reply": answer("s"),
        }[what]

    def looks(self):
        """What the next steps depend on: two histories that look the same go on in the same way."""
        begun = self._begun
        known = begun and (begun.confirmation is None, begun.answered, begun.skips_confirmation, begun.offer.params)
        calls = self._calls
        under_way = (calls.session.alive, bool(calls._made), bool(calls._waiting), calls._repeated)
        return repr((self._state, known, *under_way))


def replayed(history):
    session = Recorded()
    for stimulus in history:
        session.play(stimulus)
    return session


def test_every_history_keeps_to_the_table_and_every_row_of_the_table_happens():
    histories, seen, taken = deque([()]), set(), set()
    while histories:
        history = histories.popleft()
        for stimulus in STIMULI:
            session = replayed((*history, stimulus))  # an invalid step would raise
            taken.update(session.steps)
            if session.looks() not in seen and len(history) < LONGEST:
                seen.add(session.looks())
                histories.append((*history, stimulus))
    assert taken == set(TRANSITIONS)


@pytest.mark.parametrize("state", SessionState)
@pytest.mark.parametrize("step", SessionStep)
def test_a_step_that_is_not_in_the_table_names_the_state_and_itself(state, step):
    if (state, step) in TRANSITIONS:
        assert next_state(state, step) is TRANSITIONS[state, step]
        return
    with pytest.raises(InvalidStep, match=f"{state.value} cannot {step.value}"):
        next_state(state, step)


@pytest.mark.parametrize("state", IN_USE)
def test_a_session_in_use_can_be_lost_and_closed(state):
    assert next_state(state, SessionStep.REOPEN) is SessionState.OPENING
    assert next_state(state, SessionStep.CLOSE) is SessionState.CLOSED


def test_an_invalid_step_changes_nothing():
    session = LegacySession(Passthrough())
    with pytest.raises(InvalidStep, match="a session that is idle cannot become open"):
        session._step(SessionStep.OPEN)
    assert session._state is SessionState.IDLE
