"""A request that is sent at once, without a task: its response as it arrives, and the way back to the ordinary path."""

import asyncio
import gzip

import pytest
from peers.scripted import CUT, DRAIN, REQUEST, Gate, Scripted, ok
from pooling import CHUNKED, LIMIT, MIB, WHOLE, at, call, pooled, post, story

from mcp_auth_bridge.errors import OutcomeUnknown, Overdue, TheirProtocolError, Unreachable
from mcp_auth_bridge.shell.net import pool as pool_module
from mcp_auth_bridge.shell.net.connection import Connection

SAID = b'{"id":1}'


class Sent:
    """A request that was sent at once on a connection that a first call has made; `moved` is set at each progress."""

    def __init__(self, pool, server, said=SAID):
        self.moved = asyncio.Event()
        prepared = pool.prepare("POST", at(server), [(b"X-Org", b"42")])
        self.begun = pool.at_once(prepared, said, self.moved.set)

    async def until(self, condition):
        """Wait until `condition`, which is looked at after each progress only."""
        while not condition(self.begun):
            await self.moved.wait()
            self.moved.clear()

    async def whole(self):
        await self.until(lambda begun: begun.whole_body() is not None)
        return self.begun.whole_body()

    async def stuck(self):
        """Wait until no further progress can help."""
        await self.until(lambda begun: begun.whole_body() is None and not begun.waits)


async def warmed(pool, server):
    assert await call(pool, at(server)) == b"ok"


@pytest.mark.parametrize("answer", WHOLE)
@story
async def test_a_small_response_is_read_whole_and_frees_its_connection(answer):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), REQUEST, answer, REQUEST, ok(b"next")])
        await warmed(pool, server)
        sent = Sent(pool, server)
        assert sent.begun.arrived_head() is None
        assert sent.begun.waits
        assert await sent.whole() == b"hello"
        assert sent.begun.arrived_head().status == 200
        assert sent.begun.body_so_far == b"hello"
        assert not sent.begun.waits
        sent.begun.release()
        assert await call(pool, at(server)) == b"next"
        assert server.requests[1].endswith(b"Content-Length: 8\r\nX-Org: 42\r\n\r\n" + SAID)
        assert server.connections == 1


@pytest.mark.parametrize("answer", WHOLE)
@story
async def test_a_response_in_pieces_is_waited_for(answer):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), REQUEST, *(bytes([byte]) for byte in answer)])
        await warmed(pool, server)
        sent = Sent(pool, server)
        assert await sent.whole() == b"hello"
        sent.begun.release()


@story
async def test_nothing_is_sent_without_an_idle_connection():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok()])
        assert Sent(pool, server).begun is None
        assert server.connections == 0
        await warmed(pool, server)


@pytest.mark.parametrize("ending", [CUT, b"HTTP/1.1 408 Timeout\r\n\r\n"])
@story
async def test_nothing_is_sent_on_an_idle_connection_that_has_ended_or_stirs(ending):
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, ok(), gate, ending, DRAIN])
        await warmed(pool, server)
        [connection] = pool._open
        await gate.reached.wait()
        gate.open.set()
        while connection.is_usable() and not connection.is_stirring():  # noqa: ASYNC110 - nothing announces that
            await asyncio.sleep(0)
        assert Sent(pool, server).begun is None
        assert len(server.requests) == 1


@story
async def test_nothing_is_sent_while_no_turn_is_free(monkeypatch):
    monkeypatch.setattr(pool_module, "OPEN_LIMIT", 2)
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, gate, ok(), DRAIN], [REQUEST, CHUNKED, DRAIN], [REQUEST, CHUNKED, DRAIN])
        warming = asyncio.create_task(call(pool, at(server)))
        await gate.reached.wait()
        held = await post(pool, at(server))
        gate.open.set()
        await warming
        other = pool.at_once(pool.prepare("POST", at(server), []), SAID, lambda: None)
        assert other is not None
        assert Sent(pool, server).begun is None
        other.abort()
        await held.aclose()


@story
async def test_a_request_that_waits_for_its_connection_goes_first():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), REQUEST, ok(), DRAIN], [DRAIN])
        await warmed(pool, server)
        [route] = pool._routes.all()
        [idle] = route.idle
        route.idle.clear()
        dialling = asyncio.create_task(call(pool, at(server)))
        await asyncio.sleep(0)
        route.idle.append(idle)
        assert Sent(pool, server).begun is None
        dialling.cancel()
        await asyncio.wait((dialling,))
        sent = Sent(pool, server)
        assert await sent.whole() == b"ok"
        sent.begun.release()


@story
async def test_an_aborted_request_ends_its_connection_and_gives_its_turn_back(monkeypatch):
    monkeypatch.setattr(pool_module, "OPEN_LIMIT", 1)
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), REQUEST, DRAIN], [REQUEST, ok()])
        await warmed(pool, server)
        Sent(pool, server).begun.abort()
        await server.all_ended(1)
        await warmed(pool, server)


LARGE = b"x" * MIB

UNUSUAL = {
    "a large body": (ok(LARGE), LARGE),
    "a coded body": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        % len(gzip.compress(b"hello", mtime=0))
        + gzip.compress(b"hello", mtime=0),
        b"hello",
    ),
    "very many chunks": (CHUNKED + b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n", b"x" * 10_000),
    "chunks of a large body": (CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (MIB, LARGE), LARGE),
    "a body that ends with the connection": (b"HTTP/1.1 200 OK\r\n\r\nhello", b"hello"),
}


@pytest.mark.parametrize(("answer", "body"), UNUSUAL.values(), ids=UNUSUAL)
@story
async def test_an_unusual_body_is_read_by_the_ordinary_path_from_its_beginning(answer, body):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), REQUEST, answer, CUT])
        await warmed(pool, server)
        sent = Sent(pool, server)
        await sent.stuck()
        assert await (await sent.begun.resume()).read(LIMIT) == body


@story
async def test_a_coded_body_is_not_waited_for_while_the_connection_stays_open():
    answer, body = UNUSUAL["a coded body"]
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), REQUEST, answer, REQUEST, ok(b"next")])
        await warmed(pool, server)
        sent = Sent(pool, server)
        await sent.stuck()
        assert await (await sent.begun.resume()).read(LIMIT) == body
        assert await call(pool, at(server)) == b"next"


@story
async def test_a_stream_shows_its_beginning_and_goes_on_from_there():
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, ok(), REQUEST, CHUNKED + b"3\r\none\r\n", gate, b"3\r\ntwo\r\n0\r\n\r\n"])
        await warmed(pool, server)
        sent = Sent(pool, server)
        await sent.until(lambda begun: begun.whole_body() is None and begun.body_so_far)
        assert sent.begun.waits
        response = await sent.begun.resume()
        gate.open.set()
        assert [chunk async for chunk in response.chunks()] == [b"one", b"two"]


@pytest.mark.parametrize("before_head", [False, True])
@story
async def test_a_request_goes_on_in_a_task_at_any_time(before_head):
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, ok(), REQUEST, gate, ok(b"hello"), REQUEST, ok(b"next")])
        await warmed(pool, server)
        sent = Sent(pool, server)
        await gate.reached.wait()
        if before_head:
            resumed = asyncio.create_task(sent.begun.resume())
            await asyncio.sleep(0)
            gate.open.set()
            response = await resumed
        else:
            gate.open.set()
            await sent.whole()
            response = await sent.begun.resume()
        assert await response.read(LIMIT) == b"hello"
        assert await call(pool, at(server)) == b"next"
        assert server.connections == 1


FAULTS = {
    "not HTTP": ([b"SSH-2.0-OpenSSH_9.2\r\n\r\n"], TheirProtocolError),
    "HTTP/2": ([b"\0\0\x12\x04\0\0\0\0\0" + b"\0\x03\0\0\0\x80" * 3], TheirProtocolError),
    "two lengths": (
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"],
        TheirProtocolError,
    ),
    "interim responses": ([b"HTTP/1.1 100 Continue\r\n\r\n" * 12], TheirProtocolError),
    "bad chunks": ([CHUNKED + b"xyz\r\n"], TheirProtocolError),
    "bad chunks after good ones": ([CHUNKED + b"3\r\none\r\nxyz\r\n"], TheirProtocolError),
    "an end before the head": ([CUT], OutcomeUnknown),
    "an end in the body": ([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", CUT], OutcomeUnknown),
}


@pytest.mark.parametrize(("steps", "error"), FAULTS.values(), ids=FAULTS)
@story
async def test_a_fault_ends_as_on_the_ordinary_path(steps, error, monkeypatch):
    monkeypatch.setattr(pool_module, "OPEN_LIMIT", 1)
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), REQUEST, *steps, DRAIN], [REQUEST, ok()])
        await warmed(pool, server)
        sent = Sent(pool, server)
        await sent.stuck()
        with pytest.raises(error):
            await (await sent.begun.resume()).read(LIMIT)
        assert len(server.requests) == 2
        await warmed(pool, server)  # the turn is free again


@story
async def test_a_response_that_does_not_begin_in_time_moves_the_request_and_is_overdue():
    async with Scripted() as server, pooled(headers_timeout=0.05) as pool:
        server.play([REQUEST, ok(), REQUEST, DRAIN])
        await warmed(pool, server)
        sent = Sent(pool, server)
        await sent.stuck()
        with pytest.raises(Overdue, match=r"did not begin to answer within 0\.05 s") as caught:
            await sent.begun.resume()
        assert caught.value.facts["host"] == at(server).authority
        await server.all_ended(1)


@story
async def test_a_response_that_has_begun_in_time_has_no_deadline():
    async with Scripted() as server, pooled(headers_timeout=0.2) as pool:
        gate = Gate()
        server.play([REQUEST, ok(), REQUEST, ok(b"hello")[:-2], gate, b"lo"])
        await warmed(pool, server)
        sent = Sent(pool, server)
        await sent.until(lambda begun: begun.arrived_head() is not None)
        await asyncio.wait((asyncio.create_task(sent.stuck()),), timeout=0.25)
        assert sent.begun.waits
        gate.open.set()
        assert await sent.whole() == b"hello"
        sent.begun.release()


@story
async def test_a_request_of_which_the_server_received_nothing_goes_to_another_connection(monkeypatch):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), REQUEST, CUT], [REQUEST, ok(b"2")])
        await warmed(pool, server)
        sent = Sent(pool, server)
        await sent.stuck()
        monkeypatch.setattr(Connection, "crossed", True)  # test_connection_crossing.py: how that is known
        assert await (await sent.begun.resume()).read(LIMIT) == b"2"


@story
async def test_the_end_of_the_pool_moves_a_request_and_leaves_its_outcome_unknown():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), REQUEST, DRAIN], [DRAIN])
        await warmed(pool, server)
        sent = Sent(pool, server)
        await pool.aclose()
        await sent.stuck()
        with pytest.raises(OutcomeUnknown):
            await sent.begun.resume()
        assert Sent(pool, server).begun is None
        with pytest.raises(Unreachable):
            await call(pool, at(server))
