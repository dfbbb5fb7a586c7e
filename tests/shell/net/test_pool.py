"""The relay's plane against real sockets: a response is whole or an error, and an error says whether to repeat."""

import asyncio
import math

import pytest
from peers.scripted import CUT, DRAIN, HALF_CLOSE, REQUEST, RESET, Gate, Scripted, ok
from pooling import CHUNKED, LIMIT, MIB, at, call, pooled, post, story, through

from mcp_auth_bridge.errors import (
    OurProtocolError,
    OutcomeUnknown,
    TimedOut,
    Unreachable,
)
from mcp_auth_bridge.shell.net import pool as pool_module
from mcp_auth_bridge.shell.net.connection import Connection
from mcp_auth_bridge.urls import Url

# Requests and responses


@story
async def test_a_request_arrives_as_it_was_given():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(b"hello", b"X-Twice: 1", b"x-twice: 2")])
        answer = await post(pool, Url("http", "127.0.0.1", server.port, "/mcp", "a=b"), b"body")
        assert (answer.status, answer.header("x-twice"), answer.header("absent")) == (200, "1", "")
        assert answer.headers["x-twice"] == ("1", "2")
        assert await answer.read(LIMIT) == b"hello"
        host = f"127.0.0.1:{server.port}".encode()
        head = b"POST /mcp?a=b HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 4\r\nX-Org: 42\r\n\r\n"
        assert server.requests == [head + b"body"]


@pytest.mark.parametrize(("method", "has_length"), [("GET", False), ("DELETE", False), ("POST", True)])
@story
async def test_an_empty_body_has_a_length_only_where_one_is_expected(method, has_length):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok()])
        await (await pool.exchange(pool.prepare(method, at(server), []), b"")).read(LIMIT)
        assert (b"Content-Length: 0" in server.requests[0]) is has_length


@story
async def test_a_large_body_is_sent_and_received_whole():
    body = bytes(range(256)) * (8 * MIB // 256)
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(body)])
        assert await call(pool, at(server), body) == body
        assert server.requests[0].endswith(body)


@story
async def test_redirects_are_left_to_the_caller():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, b"HTTP/1.1 307 Go\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n"])
        answer = await post(pool, at(server))
        assert (answer.status, answer.header("location")) == (307, "http://elsewhere.example/")
        await answer.aclose()


# The pool


@story
async def test_a_connection_is_used_again_after_each_complete_response():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(b"1"), REQUEST, CHUNKED + b"1\r\n2\r\n0\r\n\r\n", REQUEST, ok(b"3")])
        assert [await call(pool, at(server)) for _ in range(3)] == [b"1", b"2", b"3"]
        assert server.connections == 1


@story
async def test_a_cancelled_request_closes_its_connection():
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, gate, DRAIN], [REQUEST, ok()])
        task = asyncio.create_task(post(pool, at(server)))
        await gate.reached.wait()
        task.cancel()
        gate.open.set()
        await server.all_ended(1)
        assert await call(pool, at(server)) == b"ok"


@pytest.mark.parametrize(
    "ending", [[CUT], [RESET], [HALF_CLOSE, DRAIN], [b"HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n", DRAIN]]
)
@story
async def test_an_idle_connection_that_ended_or_sent_bytes_is_never_used(ending):
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, ok(), gate, *ending], [REQUEST, ok(b"new")])
        await call(pool, at(server))
        await gate.reached.wait()
        gate.open.set()
        while pool._open:  # noqa: ASYNC110 - until the loop has seen it; nothing announces that
            await asyncio.sleep(0)
        assert await call(pool, at(server)) == b"new"
        assert len(server.requests) == 2


@story
async def test_connection_close_is_respected():
    async with Scripted() as server, pooled() as pool:
        server.play(*[[REQUEST, ok(b"ok", b"Connection: close")]] * 2)
        assert [await call(pool, at(server)) for _ in range(2)] == [b"ok", b"ok"]
        assert server.connections == 2


@story
async def test_a_reused_connection_that_dies_after_the_request_is_not_retried():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), REQUEST, CUT])
        await call(pool, at(server))
        with pytest.raises(OutcomeUnknown) as caught:
            await call(pool, at(server))
        assert not caught.value.retry_safe
        assert server.connections == 1


@story
async def test_a_request_of_which_the_server_received_nothing_goes_to_another_connection(monkeypatch):
    monkeypatch.setattr(Connection, "crossed", True)  # test_connection_crossing.py: how that is known
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(b"1"), REQUEST, CUT], [REQUEST, ok(b"2")])
        assert [await call(pool, at(server)) for _ in range(2)] == [b"1", b"2"]


@pytest.mark.parametrize("field", [b"timeout=0", b"timeout=5, max=1", b"max=0"])
@story
async def test_a_connection_that_is_about_to_end_as_announced_is_not_used_again(field):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(b"1", b"Keep-Alive: " + field), DRAIN], [REQUEST, ok(b"2"), REQUEST, ok(b"3")])
        assert [await call(pool, at(server)) for _ in range(3)] == [b"1", b"2", b"3"]
        assert server.connections == 2


@story
async def test_a_connection_is_used_again_while_its_announced_end_is_far():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(b"1", b"Keep-Alive: timeout=600, max=2"), REQUEST, ok(b"2")])
        assert [await call(pool, at(server)) for _ in range(2)] == [b"1", b"2"]
        assert server.connections == 1


@story
async def test_an_end_that_comes_to_an_idle_connection_shows_the_limit_of_its_server_and_one_of_our_own_does_not():
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, ok(), gate, CUT], [REQUEST, ok(), DRAIN])
        await call(pool, at(server))
        gate.open.set()
        while pool._open:  # noqa: ASYNC110 - until the loop has seen it; nothing announces that
            await asyncio.sleep(0)
        [route] = pool._routes.all()
        observed = route.idle_limit._last
        assert 0 <= observed < math.inf
        await call(pool, at(server))
        pool._routes.drop_oldest()
        await server.all_ended(2)
        assert not pool._open
        assert route.idle_limit._last == observed


@story
async def test_a_connection_is_not_used_again_near_the_limit_that_its_server_has_shown(monkeypatch):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(b"1"), DRAIN], [REQUEST, ok(b"2")])
        await call(pool, at(server))
        [route] = pool._routes.all()
        route.idle_limit.ended(3600.0)
        route.idle_limit.ended(3600.0)
        [idle] = pool._open
        idle.heard_at -= 3599.5
        assert await call(pool, at(server)) == b"2"
        assert server.connections == 2


@story
async def test_a_response_whose_rest_does_not_matter_gives_way_to_a_request_that_waits_its_turn(monkeypatch):
    monkeypatch.setattr(pool_module, "OPEN_LIMIT", 2)
    async with Scripted() as server, pooled() as pool:
        server.play(*[[REQUEST, CHUNKED + b"1\r\nx\r\n", DRAIN]] * 2, [REQUEST, ok(b"3")])
        needed, spare = [await post(pool, at(server)) for _ in range(2)]
        spare.give_way()
        spare.give_way()
        reading = asyncio.create_task(spare.read(LIMIT))
        assert await call(pool, at(server)) == b"3"
        with pytest.raises(OutcomeUnknown):
            await reading
        await needed.aclose()
        needed.give_way()  # it is over


@story
async def test_a_request_whose_turn_does_not_come_was_not_sent(monkeypatch):
    monkeypatch.setattr(pool_module, "OPEN_LIMIT", 1)
    monkeypatch.setattr(pool_module, "TURN_PATIENCE", 0.0)
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, CHUNKED, DRAIN], [REQUEST, ok(b"2")])
        first = await post(pool, at(server))
        with pytest.raises(TimedOut, match="1 requests are unanswered") as caught:
            await call(pool, at(server))
        assert caught.value.retry_safe
        await first.aclose()
        assert await call(pool, at(server)) == b"2"
        assert len(server.requests) == 2


@story
async def test_above_the_limit_requests_wait_their_turn_and_idle_connections_give_way(monkeypatch):
    monkeypatch.setattr(pool_module, "OPEN_LIMIT", 2)
    async with Scripted() as one, Scripted() as two, pooled() as pool:
        gate = Gate()
        one.play([REQUEST, ok(), DRAIN])
        two.play([REQUEST, gate, ok(b"1"), REQUEST, ok(b"3")], [REQUEST, gate, ok(b"2")])
        await call(pool, at(one))
        tasks = [asyncio.create_task(call(pool, at(two), b"%d" % number)) for number in range(3)]
        await one.all_ended(1)  # the idle connection made room
        await gate.reached.wait()
        assert two.connections <= 2
        gate.open.set()
        assert sorted(await asyncio.gather(*tasks)) == [b"1", b"2", b"3"]
        assert two.connections == 2


@story
async def test_two_hundred_open_streams_do_not_hold_up_a_call():
    async with (
        Scripted(forever=[REQUEST, CHUNKED + b"1\r\nx\r\n", DRAIN]) as server,
        Scripted() as fast,
        pooled() as pool,
    ):
        streams = await asyncio.gather(*(post(pool, at(server)) for _ in range(200)))
        fast.play([REQUEST, ok()] * 50)
        for _ in range(50):
            assert await call(pool, at(fast)) == b"ok"
        assert (server.connections, fast.connections) == (200, 1)
        for stream in streams:
            await stream.aclose()


@story
async def test_closing_ends_open_exchanges_and_lets_no_new_one_begin():
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, gate], [REQUEST])
        task = asyncio.create_task(post(pool, at(server)))
        await gate.reached.wait()
        await pool.aclose()
        with pytest.raises(OutcomeUnknown):
            await task
        with pytest.raises(Unreachable):
            await post(pool, at(server))
        assert len(server.requests) == 1


@story
async def test_plain_http_through_a_proxy_names_the_whole_url():
    async with Scripted() as middle, pooled(through(middle, "user:pass@")) as pool:
        middle.play([REQUEST, ok(), REQUEST, b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n"])
        url = Url("http", "mcp.test", 80, "/mcp", "")
        assert await call(pool, url) == b"ok"
        assert middle.requests[0].startswith(b"POST http://mcp.test/mcp HTTP/1.1\r\nHost: mcp.test\r\n")
        assert b"Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in middle.requests[0]
        with pytest.raises(Unreachable, match="407"):
            await call(pool, url)


@story
async def test_a_header_that_http_forbids_is_not_sent_and_not_quoted():
    async with Scripted() as server, pooled() as pool:
        with pytest.raises(OurProtocolError) as caught:
            pool.prepare("GET", at(server), [(b"Authorization", b"Bearer hunter2\r\nX: y")])
        assert "hunter2" not in caught.value.message + caught.value.hint
        assert caught.value.__cause__ is None
        assert server.connections == 0


@story
async def test_a_connection_that_ends_before_a_request_is_sent_is_safe_to_repeat(monkeypatch):
    async with Scripted() as server, pooled() as pool:
        server.play([DRAIN])
        whole = pool._connect

        async def ends_at_once(route):
            connection = await whole(route)
            connection.abort()
            await asyncio.sleep(0)
            return connection

        monkeypatch.setattr(pool, "_connect", ends_at_once)
        with pytest.raises(Unreachable, match="before a request was sent") as caught:
            await call(pool, at(server))
        assert caught.value.retry_safe


@story
async def test_a_request_is_sent_at_once_if_a_connection_is_idle_and_a_turn_is_free():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), REQUEST, ok(b"2")])
        prepared, moved = pool.prepare("POST", at(server), []), asyncio.Event()
        assert pool.at_once(prepared, b"{}", moved.set) is None
        await call(pool, at(server))
        prepared.route.dialling = 1  # a request that was made before waits for its connection
        assert pool.at_once(prepared, b"{}", moved.set) is None
        prepared.route.dialling = 0
        begun = pool.at_once(prepared, b"{}", moved.set)
        await moved.wait()
        assert await (await begun.resume()).read(LIMIT) == b"2"
        assert server.connections == 1
