"""An unexpected exception costs one line, one call or one stream, in the sessions of `hostile_session`."""

import asyncio
from collections import Counter

import pytest
from hostile_session import FAR, OPENED, OPENING, Answer, Script, Session, _arriving, _never
from warped import played

from mcp_auth_bridge.app import relay_stack
from mcp_auth_bridge.credentials.static import AnonymousCredentials
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.envelope import peek as parser
from mcp_auth_bridge.shell import run_relay
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.run_relay import RelayRunner
from mcp_auth_bridge.shell.transports import messages
from mcp_auth_bridge.shell.transports.remote import Remote

CALL = b'{"jsonrpc":"2.0","id":"%d","method":"tools/call","params":{"name":"%b"}}'
ODD = CALL % (1, b"odd")
PLAIN = CALL % (2, b"plain")


class Bug(Exception):
    """An exception that is not expected."""


def once_odd(function):
    """`function`, which raises for arguments that hold the word "odd"."""

    def changed(*given):
        if any(b"odd" in getattr(each, "raw", each) for each in given if isinstance(getattr(each, "raw", each), bytes)):
            raise Bug
        return function(*given)

    return changed


class Wire:
    """A server that echoes the id; its own stream says something odd each time and ends."""

    def __init__(self, stream):
        self.stream = stream
        self.gets = 0

    def prepare(self, verb, url, fields):
        return verb

    def at_once(self, prepared, body, moved):
        """No connection is ever idle."""

    async def exchange(self, verb, body):
        if verb == "GET":
            self.gets += 1
            return Answer(200, {"content-type": ("text/event-stream",)}, _arriving([self.stream]))
        message = parser(body)
        if message.id is None:
            return Answer(202, {}, _arriving([]))
        name = b"odd" if b"odd" in body else b"plain"
        said = b'{"id":%b,"result":{"protocolVersion":"2025-06-18","capabilities":{},"x":"%b"}}' % (message.id, name)
        return Answer(200, {"content-type": ("application/json",)}, _arriving([said]))


def heard(lines, stream=b""):
    """The messages of the client by id, the errors in the log, and how often the stream was opened."""

    async def story():
        wire = Wire(stream)
        relay = relay_stack.build_headless_relay(FAR, {})
        told = Session(relay._inner)
        terminal.report_error = told.complain
        remote = Remote(FAR.url, wire, AnonymousCredentials("far"))
        performer = RelayRunner(relay, remote, told, lambda method, result: None, _never)
        await asyncio.wait_for(performer.run(Script(told.say(lines))), 4000)
        return told.heard, told.faults, wire.gets

    return played(story())


@pytest.fixture(autouse=True)
def silent(monkeypatch):
    monkeypatch.setattr(terminal, "report_error", terminal.report_error)  # and put back


def test_a_fault_of_a_parser_costs_one_line(monkeypatch):
    monkeypatch.setattr(run_relay, "peek", once_odd(run_relay.peek))
    answers, faults, _ = heard([OPENING, OPENED, ODD, PLAIN])
    assert answers == Counter(["opening", None, "2"])
    assert len(faults) == 1
    assert "Bug" in faults[0]


@pytest.mark.parametrize("step", ["from_client", "from_server", "ended"])
def test_a_fault_of_a_relay_costs_one_call_which_is_answered(monkeypatch, step):
    whole = getattr(Delivery, step)

    def broken(self, *given):
        odd = given[0] == 1 if step == "ended" else b"odd" in given[-1].raw
        actions = whole(self, *given)
        if odd:
            raise Bug
        return actions

    monkeypatch.setattr(Delivery, step, broken)
    answers, faults, _ = heard([OPENING, OPENED, ODD, PLAIN])
    assert answers == Counter(["opening", "1", "2"])
    assert len(faults) == 1


def test_a_fault_while_a_call_is_sent_costs_that_call(monkeypatch):
    monkeypatch.setattr(Remote, "at_once", once_odd(Remote.at_once))
    answers, faults, _ = heard([OPENING, OPENED, ODD, PLAIN])
    assert answers == Counter(["opening", "1", "2"])
    assert faults
    assert all("Bug" in fault for fault in faults)


def test_a_fault_during_a_reply_costs_its_call(monkeypatch):
    monkeypatch.setattr("mcp_auth_bridge.shell.transports.streamable_http.parsed", once_odd(messages.parsed))
    answers, faults, _ = heard([OPENING, OPENED, ODD, PLAIN])
    assert answers == Counter(["opening", "1", "2"])
    assert faults
    assert all("Bug" in fault for fault in faults)


def test_a_fault_on_the_servers_stream_is_reported_once_and_the_stream_opens_again(monkeypatch):
    monkeypatch.setattr(messages, "parsed", once_odd(messages.parsed))
    answers, faults, gets = heard([OPENING, OPENED, PLAIN], b'data: {"method":"odd"}\n\n')
    assert answers == Counter(["opening", "2"])
    assert len(faults) == 1
    assert gets > 1


def test_an_unexpected_exception_of_the_writer_ends_the_relaying(monkeypatch):
    def broken(self, line):
        raise Bug

    monkeypatch.setattr(Session, "put", broken)
    with pytest.raises(Bug):
        heard([OPENING, OPENED])
