"""How long a response is read from which nothing important is to come."""

import asyncio

import pytest
from bodies import Body
from peers.scripted import DRAIN, REQUEST, Gate, Scripted, ok
from pooling import CHUNKED, at, call, pooled, post
from remoting import story

from mcp_auth_bridge.relay.resumption import Resumption
from mcp_auth_bridge.relay.sse import ServerSentEvent
from mcp_auth_bridge.shell.transports import remainder
from mcp_auth_bridge.shell.transports.messages import EventReader
from mcp_auth_bridge.shell.transports.remainder import next_until, read_acceptance

NOTE = ServerSentEvent(b'{"method":"n"}')


class Silent:
    """Events of which none comes."""

    def __init__(self):
        self.ended = False

    async def next(self):
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True


@pytest.mark.parametrize("seconds", [None, 60, -1])
@story
async def test_an_event_that_is_here_is_read_at_any_time_and_the_end_is_nothing(seconds):
    events = EventReader(Body(b"data: " + NOTE.data + b"\n\n"), Resumption())
    deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds
    assert await next_until(events, deadline) == NOTE
    assert await next_until(events, deadline) is None


@story
async def test_an_event_that_is_not_here_at_the_deadline_is_not_waited_for():
    silent = Silent()
    assert await next_until(silent, asyncio.get_running_loop().time()) is None
    assert silent.ended


@story
async def test_an_acceptance_that_ends_leaves_a_good_connection():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(b"Accepted"), REQUEST, ok()])
        assert await read_acceptance(await post(pool, at(server))) == b"Accepted"
        assert await call(pool, at(server)) == b"ok"
        assert server.connections == 1


@story
async def test_an_acceptance_that_does_not_end_is_one_all_the_same(monkeypatch):
    monkeypatch.setattr(remainder, "GRACE", 0.0)
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, CHUNKED, DRAIN])
        assert await read_acceptance(await post(pool, at(server))) == b""
        await server.all_ended(1)


@story
async def test_an_acceptance_that_comes_in_pieces_is_read_whole():
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, CHUNKED + b"1\r\na\r\n", gate, b"1\r\nb\r\n0\r\n\r\n"])
        response = await post(pool, at(server))
        response.heard = gate.open.set
        assert await read_acceptance(response) == b"ab"
