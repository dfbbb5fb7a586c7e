"""A large body is received into its place: whole, without a copy, and no byte beyond it belongs to it."""

import asyncio

import pytest
from peers.scripted import CUT, DRAIN, REQUEST, Gate, Scripted, ok
from pooling import LIMIT, MIB, at, call, pooled, post, server_context, story

from mcp_auth_bridge.errors import LimitExceeded, OutcomeUnknown
from mcp_auth_bridge.shell.net.bulk_body import BulkBody
from mcp_auth_bridge.shell.net.connection_state import HELD

BODY = bytes(range(256)) * 4096


def test_the_whole_is_what_was_received_and_no_copy():
    bulk = BulkBody(5, b"he")
    bulk.room(2)[:] = b"ll"
    bulk.size += 2
    assert (bytes(bulk.room(9)), bulk.complete) == (b"\0", False)
    bulk.room(9)[:] = b"o"
    bulk.size += 1
    assert (bulk.take(), bulk.complete) == (b"hello", True)
    assert bulk._whole.getvalue() is bulk._whole.getvalue()


@pytest.mark.parametrize("tls", [False, True])
@story
async def test_a_large_body_comes_whole_and_its_connection_is_used_again(tls, ca_file):
    context = server_context("localhost") if tls else None
    async with Scripted(tls=context) as server, pooled(ca_file=ca_file) as pool:
        url = at(server, scheme="https" if tls else "http", host="localhost")
        server.play([REQUEST, ok(BODY), REQUEST, ok(BODY[:-1]), REQUEST, ok()])
        assert [await call(pool, url) for _ in range(3)] == [BODY, BODY[:-1], b"ok"]
        assert server.connections == 1


@pytest.mark.parametrize("extra", [b"x", ok(b"smuggled"), b"\r\n"])
@story
async def test_bytes_beyond_a_large_body_are_never_the_next_response(extra):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(BODY) + extra, DRAIN], [REQUEST, ok(b"2")])
        assert [await call(pool, at(server)) for _ in range(2)] == [BODY, b"2"]
        assert server.connections == 2


@story
async def test_a_large_body_that_is_cut_is_not_whole():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(BODY)[:-1], CUT])
        with pytest.raises(OutcomeUnknown, match="before its response was complete"):
            await call(pool, at(server))


@story
async def test_each_arrival_of_bytes_is_heard_and_a_task_that_waits_for_memory_slows_the_server_down():
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        large = b"y" * (32 * MIB)
        server.play([REQUEST, ok(large)[: -len(large)], *[BODY] * 32, gate])
        server_body = BODY * 32
        response = await post(pool, at(server))
        connection, room, heard = response._connection, asyncio.Event(), []
        response.heard = lambda: heard.append(connection._bulk.size)
        hold = response.share.hold

        async def held(size):
            await room.wait()
            await hold(size)

        response.share.hold = held
        reading = asyncio.create_task(response.read(LIMIT))
        while connection._reading is not HELD:  # noqa: ASYNC110 - nothing announces that
            await asyncio.sleep(0)
        assert not gate.reached.is_set()
        room.set()
        assert await reading == server_body
        assert heard == sorted(heard)
        assert heard[-1] == 32 * MIB
        gate.open.set()


@story
async def test_a_length_above_the_callers_limit_takes_no_place():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(BODY), DRAIN])
        with pytest.raises(LimitExceeded, match="more than 70000 bytes"):
            await (await post(pool, at(server))).read(70_000)
