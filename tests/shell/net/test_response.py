"""The body of a response: whole in every framing, or an error; and its connection is free afterwards."""

import asyncio
import gzip

import pytest
from peers.scripted import CUT, DRAIN, REQUEST, Gate, Scripted, ok
from pooling import CHUNKED, at, call, pooled, post, story

from mcp_auth_bridge.errors import (
    LimitExceeded,
    TheirProtocolError,
)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        CHUNKED + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
        # A recipient may accept these, or must: one length given twice, bare LF in the head (RFC 9112 section 2.2), a
        # folded field (section 5.2). None of them gives two lengths.
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length:\r\n 5\r\n\r\nhello",
    ],
)
@pytest.mark.parametrize("bytewise", [False, True])
@story
async def test_every_framing_is_read_whole_and_byte_by_byte(answer, bytewise):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, *([bytes([byte]) for byte in answer] if bytewise else [answer]), CUT])
        assert await call(pool, at(server)) == b"hello"


@story
async def test_chunks_are_read_while_the_response_is_still_open():
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, CHUNKED + b"3\r\none\r\n", gate, b"3\r\ntwo\r\n0\r\n\r\n"])
        seen = []
        async for chunk in (await post(pool, at(server))).chunks():
            seen.append(chunk)
            gate.open.set()
        assert seen == [b"one", b"two"]


@story
async def test_each_arrival_of_bytes_is_heard():
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, CHUNKED + b"1\r\na\r\n", gate, b"1\r\nb\r\n0\r\n\r\n"])
        response = await post(pool, at(server))
        response.heard = gate.open.set
        assert await response.read(9) == b"ab"


@story
async def test_a_response_gives_way_while_it_has_a_connection():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, CHUNKED, DRAIN])
        response = await post(pool, at(server))
        [connection] = pool._open
        response.give_way()
        since = connection.spare_since
        response.give_way()
        assert connection.spare_since == since is not None
        await response.aclose()
        response.give_way()


@story
async def test_a_body_above_the_callers_limit_is_refused_and_its_connection_closed():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, CHUNKED + b"5\r\nhello\r\n", DRAIN])
        with pytest.raises(LimitExceeded, match="more than 4 bytes"):
            await (await post(pool, at(server))).read(4)
        await server.all_ended(1)


@story
async def test_a_response_without_a_body_frees_its_connection_when_closed():
    accepted = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, accepted, REQUEST, b"HTTP/1.1 204 No Content\r\n\r\n", REQUEST, ok()])
        for _ in range(2):
            await (await post(pool, at(server))).aclose()
        await call(pool, at(server))
        assert server.connections == 1


@pytest.mark.parametrize("how", ["aclose", "break", "cancel"])
@story
async def test_a_response_left_unfinished_closes_its_connection_and_no_other(how):
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, CHUNKED + b"1\r\nx\r\n", DRAIN], [REQUEST, gate, ok(b"other")])
        answer = await post(pool, at(server))
        other = asyncio.create_task(call(pool, at(server)))
        await gate.reached.wait()

        async def iterate(started):
            async for _ in answer.chunks():
                if how == "break":
                    break
                started.set()

        if how == "aclose":
            await answer.aclose()
        elif how == "break":
            await iterate(None)
        else:
            started = asyncio.Event()
            task = asyncio.create_task(iterate(started))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await server.all_ended(1)
        gate.open.set()
        assert await other == b"other"


@story
async def test_an_encoded_body_is_decoded_piece_by_piece_and_has_to_be_whole():
    packed = gzip.compress(b"hello" * 1000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, head % len(packed) + packed, REQUEST, head % 20 + packed[:20]])
        assert await call(pool, at(server)) == b"hello" * 1000
        with pytest.raises(TheirProtocolError):
            await call(pool, at(server))


@story
async def test_a_header_is_its_first_value_in_any_case_of_its_name():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(b"", b"X-Twice: 1", b"x-twice: 2")])
        response = await post(pool, at(server))
        assert (response.header("x-twice"), response.header("absent")) == ("1", "")
        assert response.headers["x-twice"] == ("1", "2")
        await response.aclose()


@story
async def test_a_large_body_is_heard_counted_and_limited_like_a_small_one():
    body = bytes(range(256)) * 4096
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(body), REQUEST, ok(body), DRAIN])
        response, heard = await post(pool, at(server)), []
        response.heard = lambda: heard.append(response.share.counted)
        assert await response.read(len(body)) == body
        assert heard
        assert response.share.counted > 0
        await response.aclose()
        assert response.share.counted == 0
        with pytest.raises(LimitExceeded):
            await (await post(pool, at(server))).read(len(body) - 1)
