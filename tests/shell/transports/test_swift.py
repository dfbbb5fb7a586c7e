"""A call whose answer is short needs no task; any other goes on in one."""

import asyncio

import pytest
from peers.scripted import CUT, DRAIN, REQUEST, Gate, Scripted
from remoting import ACCEPTED, ANSWER, CALL, END, NOTE, OPENED, OPENING, STREAM, connected, event, header, reply, story
from swift_calls import WARMING, Course, at_once, warmed

from mcp_auth_bridge.errors import CredentialRefused, OutcomeUnknown
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.shell.console import debug_log, silence_notice
from mcp_auth_bridge.shell.transports import heartbeat
from mcp_auth_bridge.shell.transports.swift import LARGEST_REQUEST

JSON = reply(b"200 OK", body=ANSWER)
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(autouse=True)
def all_signs():
    """Each sign of life is passed on."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(heartbeat, "PAUSE", 0.0)
        yield


@pytest.mark.parametrize(
    ("answer", "message", "heard"),
    [
        (JSON, CALL, [ANSWER]),
        (reply(b"200 OK", body=b"[%b,%b]" % (NOTE, ANSWER)), CALL, [NOTE, ANSWER]),
        (STREAM + event(NOTE) + event(ANSWER) + END, CALL, [NOTE, ANSWER]),
        (STREAM + event(NOTE) + END, OPENED, [NOTE]),
        (ACCEPTED, OPENED, []),
    ],
)
@story
async def test_a_short_answer_is_taken_without_a_task(answer, message, heard):
    async with Scripted() as server, connected(server) as remote:
        server.play([*WARMING, REQUEST, answer, REQUEST, JSON])
        await warmed(remote)
        for _ in range(2):
            course = Course()
            swift = at_once(remote, course, message)
            await course.over
            assert course.task is None
            assert course.heard == heard
            assert course.signs
            swift.cancel()  # which comes too late
            message, heard = CALL, [ANSWER]
        assert server.connections == 1
        assert remote.sender._under_way == set()


@story
async def test_an_answer_in_pieces_is_waited_for():
    async with Scripted() as server, connected(server) as remote:
        gates = [Gate() for _ in range(3)]
        body = LENGTH % (b"application/json", len(ANSWER)) + ANSWER
        server.play([*WARMING, REQUEST, body[:10], gates[0], body[10:-20], gates[1], body[-20:], gates[2]])
        await warmed(remote)
        course = Course()
        at_once(remote, course)
        for gate in gates:
            await gate.reached.wait()
            gate.open.set()
        await course.over
        assert (course.heard, course.task) == ([ANSWER], None)


@pytest.mark.parametrize(
    ("answer", "message", "heard"),
    [
        (STREAM + event(b"x") * 40 + event(ANSWER) + END, CALL, [ANSWER]),
        (STREAM + event(NOTE) + event(ANSWER), CALL, [NOTE, ANSWER]),
        (STREAM + event(NOTE) + END, CALL, [NOTE]),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n", OPENED, []),
        (reply(b"200 OK", body=b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}'), CALL, None),
        (LENGTH % (b"application/json", 70_000) + ANSWER + b" " * (70_000 - len(ANSWER)), CALL, None),
    ],
)
@story
async def test_an_unusual_answer_is_read_in_a_task(answer, message, heard):
    async with Scripted() as server, connected(server) as remote:
        server.play([*WARMING, REQUEST, answer, CUT])
        await warmed(remote)
        course = Course()
        at_once(remote, course, message)
        await asyncio.wait((course.over,))
        assert course.task is not None
        if heard is not None:
            assert course.heard == heard
        else:
            assert len(course.heard) == 1
        course.over.exception()
        assert len(server.requests) == 2


@story
async def test_a_message_in_a_stream_that_goes_on_is_delivered_at_once():
    async with Scripted() as server, connected(server) as remote:
        gate = Gate()
        server.play([*WARMING, REQUEST, STREAM, gate, event(NOTE), DRAIN])
        await warmed(remote)
        course = Course()
        at_once(remote, course)
        await gate.reached.wait()
        gate.open.set()
        while not course.heard:  # noqa: ASYNC110 - nothing announces that
            await asyncio.sleep(0)
        assert course.heard == [NOTE]
        course.task.cancel()


@story
async def test_a_client_that_does_not_read_is_waited_for_in_a_task():
    async with Scripted() as server, connected(server) as remote:
        server.play([*WARMING, REQUEST, JSON])
        await warmed(remote)
        course = Course(congested=True)
        at_once(remote, course)
        await course.over
        assert course.task is not None
        assert course.heard == [ANSWER]


@pytest.mark.parametrize(
    ("steps", "error"), [([CUT], OutcomeUnknown), ([reply(b"401 Unauthorized"), CUT], CredentialRefused)]
)
@story
async def test_a_failure_is_that_of_the_ordinary_way(steps, error):
    async with Scripted(forever=[REQUEST, reply(b"405 No"), CUT]) as server, connected(server) as remote:
        server.play([*WARMING, REQUEST, *steps])
        await warmed(remote)
        course = Course()
        at_once(remote, course)
        with pytest.raises(error):
            await course.over
        assert [request for request in server.requests if request.endswith(CALL.raw)] == [server.requests[1]]


@story
async def test_cancelling_a_call_ends_its_connection():
    async with Scripted() as server, connected(server) as remote:
        server.play([*WARMING, REQUEST, DRAIN])
        await warmed(remote)
        course = Course()
        at_once(remote, course).cancel()
        await server.all_ended(1)
        assert not course.over.done()
        assert remote.sender._under_way == set()


@story
async def test_a_task_that_is_cancelled_before_it_begins_ends_the_connection_too():
    async with Scripted() as server, connected(server) as remote:
        server.play([*WARMING, REQUEST, reply(b"500 Oops"), DRAIN])
        await warmed(remote)

        class Cancelled(Course):
            def goes_on(self, call, work):
                task = super().goes_on(call, work)
                task.cancel()
                return task

        at_once(remote, Cancelled())
        await server.all_ended(1)
        assert remote.sender._under_way == set()


@story
async def test_a_relay_that_hangs_up_at_a_sign_of_life_gets_no_more():
    async with Scripted() as server, connected(server) as remote:
        server.play([*WARMING, REQUEST, JSON, DRAIN])
        await warmed(remote)

        class HangsUp(Course):
            def alive(self, call):
                self.swift.cancel()

        course = HangsUp()
        course.swift = at_once(remote, course)
        await server.all_ended(1)
        assert course.heard == []


@story
async def test_a_fault_while_an_answer_is_read_goes_on_where_it_is_reported(monkeypatch):
    def broken(_):
        raise ZeroDivisionError

    async with Scripted() as server, connected(server) as remote:
        server.play([*WARMING, REQUEST, JSON])
        await warmed(remote)
        monkeypatch.setattr("mcp_auth_bridge.shell.transports.swift.parsed", broken)
        course = Course()
        at_once(remote, course)
        await course.over
        assert course.task is not None
        assert course.heard == [ANSWER]


@story
async def test_what_needs_a_wait_is_not_sent_at_once(monkeypatch):
    async with Scripted() as server, connected(server) as remote:
        server.play([*WARMING, DRAIN])
        assert at_once(remote, Course()) is None  # there is no connection
        await warmed(remote)
        assert at_once(remote, Course(), OPENING) is None
        large = peek(b'{"jsonrpc":"2.0","id":1,"method":"m","params":"%b"}' % (b"x" * LARGEST_REQUEST))
        assert at_once(remote, Course(), large) is None
        assert at_once(remote, Course(), headers={"x": "not\r\nvalid"}) is None
        for module, name in ((debug_log, "on"), (silence_notice, "_enabled")):
            with monkeypatch.context() as patched:
                patched.setattr(module, name, True)
                assert at_once(remote, Course()) is None
        assert len(server.requests) == 1


@pytest.mark.parametrize("headers", [{}, {"dpop": "proof"}])
@story
async def test_credentials_that_have_to_be_asked_are_not_sent_at_once(headers):
    class Asked:
        async def headers(self, target, refused=None):
            return headers

        def at_hand(self, target):
            return headers or None

    async with Scripted() as server, connected(server, credentials=Asked()) as remote:
        server.play([*WARMING, DRAIN])
        await warmed(remote)
        assert at_once(remote, Course()) is None
        assert header(server.requests[0], b"x-org") == b"42"
