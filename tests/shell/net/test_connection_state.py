"""The table of a connection's states: every step that it has, and a named error for every other one."""

import asyncio
import socket
from itertools import product

import pytest

from mcp_auth_bridge.shell.net import connection_state as states
from mcp_auth_bridge.shell.net.connection import Connection
from mcp_auth_bridge.shell.net.connection_state import TRANSITIONS, InvalidStep, Steps, after
from mcp_auth_bridge.shell.net.request_head import request_head

FIRST = (states.IDLE, states.OPEN, states.READING, states.WRITING)
EVENTS = {event for steps in TRANSITIONS.values() for event in steps}
REQUEST = request_head("GET", "/", [(b"Host", b"mcp.test")])


def machine(first):
    """The states that can be reached from `first`, itself included."""
    found = [first]
    for state in found:
        found += [target for target in TRANSITIONS[state].values() if target not in found]
    return set(found)


def walk(state, *events):
    for event in events:
        state = after(state, event)
    return state


def test_every_state_belongs_to_one_of_four_machines():
    machines = [machine(first) for first in FIRST]
    assert set.union(*machines) == set(TRANSITIONS)
    assert sum(map(len, machines)) == len(TRANSITIONS)


def test_every_event_belongs_to_one_machine():
    heard = [{event for state in machine(first) for event in TRANSITIONS[state]} for first in FIRST]
    assert set.union(*heard) == EVENTS
    assert sum(map(len, heard)) == len(EVENTS)


@pytest.mark.parametrize(("state", "event"), sorted(product(TRANSITIONS, EVENTS)))
def test_a_step_is_in_the_table_or_an_error_that_names_it(state, event):
    if event in TRANSITIONS[state]:
        assert after(state, event) is TRANSITIONS[state][event]
    else:
        with pytest.raises(InvalidStep, match=f"state {state} cannot take the step {event}"):
            after(state, event)


def test_steps_name_the_state_that_does_not_have_them():
    steps = Steps(states.HELD, {states.READING_RESUMED: states.READING})
    assert steps[states.READING_RESUMED] is states.READING
    with pytest.raises(InvalidStep, match="state HELD cannot take the step EOF"):
        steps[states.EOF]


def test_one_exchange_follows_the_other():
    again = walk(states.IDLE, states.SENT, states.HEAD_READ, states.RECYCLED)
    assert again is states.IDLE
    with pytest.raises(InvalidStep, match="AWAITING_HEAD cannot take the step SENT"):
        walk(again, states.SENT, states.SENT)


@pytest.mark.parametrize("loss", [states.CONNECTION_LOST, states.CERTIFICATE_REQUIRED])
def test_a_loss_after_an_orderly_end_takes_nothing_from_that_end(loss):
    assert walk(states.OPEN, states.EOF, loss) is states.ENDED
    assert walk(states.OPEN, states.EOF, states.EOF_PARSED, loss) is states.END_SEEN
    assert walk(states.OPEN, states.EOF, loss, states.EOF_PARSED) is states.END_SEEN


@pytest.mark.parametrize("loss", [states.CONNECTION_LOST, states.CERTIFICATE_REQUIRED])
def test_nothing_follows_the_loss_of_a_connection_without_an_end(loss):
    assert TRANSITIONS[walk(states.OPEN, loss)] == {}


class Transport(asyncio.Transport):
    """Takes what is written and sends it nowhere."""

    def __init__(self, unconnected):
        super().__init__()
        self.socket = unconnected

    def get_extra_info(self, name, default=None):
        return self.socket if name == "socket" else default

    def write(self, data):
        pass


def test_a_connection_refuses_a_request_while_another_is_under_way():
    async def tell():
        connection = Connection("mcp.test", memoryview(bytearray(16)), lambda _: None)
        with socket.socket() as unconnected:
            connection.connection_made(Transport(unconnected))
            connection.write(REQUEST, b"")
            with pytest.raises(InvalidStep, match="AWAITING_HEAD cannot take the step SENT"):
                connection.write(REQUEST, b"")

    asyncio.run(tell())
