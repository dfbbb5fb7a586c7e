"""A request and the server's end of the connection cross: a server that received nothing has carried out nothing."""

import asyncio
import os
import socket
import sys

import pytest
from peers.scripted import REQUEST, RESET, Gate, Scripted, ok
from pooling import at, call, pooled, server_context, story

from mcp_auth_bridge.errors import OutcomeUnknown, Unreachable
from mcp_auth_bridge.shell.net import connection as connection_module

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which bytes were acknowledged")


@pytest.fixture
def unseen(monkeypatch):
    """An end that comes just after the pool has looked for it."""
    monkeypatch.setattr(connection_module, "readable_check", lambda _: lambda: ())


class Kept:
    """A step that keeps the server's side of a connection until the test ends it."""

    async def __call__(self, reader, writer):
        self.writer = writer

    def end(self):
        """End the connection in the kernel, which answers all that follows with a reset. No loop has seen that yet."""
        self.writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


async def crossing(pool, server, end, scheme="http"):
    """Two calls, between which `end` ends the connection."""
    url = at(server, scheme=scheme, host="localhost" if scheme == "https" else None)
    assert await call(pool, url, b"first") == b"1"
    end()
    return await call(pool, url, b"second")


@story
async def test_a_request_that_crosses_the_end_of_an_idle_connection_goes_to_another_one(unseen):
    async with Scripted() as server, pooled() as pool:
        kept = Kept()
        server.play([REQUEST, kept, ok(b"1"), Gate()], [REQUEST, ok(b"2")])
        assert await crossing(pool, server, kept.end) == b"2"
        assert [request.rpartition(b"\n")[2] for request in server.requests] == [b"first", b"second"]


@story
async def test_each_idle_connection_may_have_ended(unseen):
    async with Scripted() as server, pooled() as pool:
        kept, gate = [Kept(), Kept()], Gate()
        server.play(*[[REQUEST, each, gate, ok(b"1"), Gate()] for each in kept], [REQUEST, ok(b"2")])
        both = [asyncio.create_task(call(pool, at(server))) for _ in kept]
        while len(server.requests) < 2:  # noqa: ASYNC110 - until both connections are in use
            await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(*both)
        for each in kept:
            each.end()
        assert await call(pool, at(server)) == b"2"
        assert len(server.requests) == 3


@story
async def test_the_end_may_be_followed_by_a_reset_before_the_request_is_written(unseen):
    async with Scripted() as server, pooled() as pool:
        kept = Kept()
        server.play([REQUEST, kept, ok(b"1"), Gate()], [REQUEST, ok(b"2")])

        def end():
            kept.end()
            [idle] = pool._open
            with socket.socket(fileno=os.dup(idle.transport.get_extra_info("socket").fileno())) as ours:
                ours.send(b"\r\n")

        assert await crossing(pool, server, end) == b"2"


@story
async def test_over_tls_an_end_with_close_notify_is_the_servers_own(unseen, ca_file):
    async with Scripted(tls=server_context("localhost")) as server, pooled(ca_file=ca_file) as pool:
        kept = Kept()
        server.play([REQUEST, kept, ok(b"1"), Gate()], [REQUEST, ok(b"2")])

        def end():
            kept.writer.close()  # writes close_notify
            kept.end()

        assert await crossing(pool, server, end, "https") == b"2"


@story
async def test_over_tls_any_machine_on_the_way_can_send_an_end_without_close_notify(unseen, ca_file):
    async with Scripted(tls=server_context("localhost")) as server, pooled(ca_file=ca_file) as pool:
        kept = Kept()
        server.play([REQUEST, kept, ok(b"1"), Gate()])
        with pytest.raises(OutcomeUnknown):
            await crossing(pool, server, kept.end, "https")


@story
async def test_a_reset_leaves_the_outcome_unknown(unseen):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(b"1"), REQUEST, RESET])
        with pytest.raises(OutcomeUnknown):
            await crossing(pool, server, lambda: None)


@story
async def test_where_the_system_does_not_tell_the_outcome_is_unknown(unseen, monkeypatch):
    monkeypatch.setattr(connection_module.Receipt, "is_missing", lambda _: False)
    async with Scripted() as server, pooled() as pool:
        kept = Kept()
        server.play([REQUEST, kept, ok(b"1"), Gate()])
        with pytest.raises(OutcomeUnknown):
            await crossing(pool, server, kept.end)


@story
async def test_a_new_connection_that_ends_before_it_takes_a_request_is_safe_to_repeat_and_not_replaced(monkeypatch):
    async with Scripted() as server, pooled() as pool:
        kept = Kept()
        server.play([kept, Gate()])
        whole = pool._connect

        async def ends_at_once(route):
            connection = await whole(route)
            while not hasattr(kept, "writer"):  # noqa: ASYNC110 - until the server has accepted it
                await asyncio.sleep(0)
            kept.end()
            return connection

        monkeypatch.setattr(pool, "_connect", ends_at_once)
        with pytest.raises(Unreachable, match="while the request was on its way") as caught:
            await call(pool, at(server))
        assert caught.value.retry_safe
        assert server.connections == 1
