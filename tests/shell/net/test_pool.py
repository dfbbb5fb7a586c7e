"""The data plane against real sockets: every answer is whole or an error, and every error says whether to repeat."""

import asyncio
import contextlib
import datetime as dt
import inspect
import socket
import ssl
from functools import partial

import pytest
import trustme
from peers.scripted import ABORT_TLS, CUT, DRAIN, HALF_CLOSE, HEAD, REQUEST, RESET, Gate, Scripted, ok, proxy

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.errors import (
    LimitExceeded,
    OurProtocolError,
    OutcomeUnknown,
    Sent,
    TheirProtocolError,
    Unreachable,
)
from mcp_auth_bridge.shell.net import pool as pool_module
from mcp_auth_bridge.shell.net.connection_state import HELD
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.urls import Url

MIB = 1 << 20
LIMIT = 64 * MIB
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def story(function):
    """Run an async test, and fail it if a connection is left open."""

    def run(*args, **kwargs):
        async def told():
            try:
                await function(*args, **kwargs)
            finally:
                leftover = asyncio.all_tasks() - {asyncio.current_task()}
                for task in leftover:
                    task.cancel()
                await asyncio.gather(*leftover, return_exceptions=True)

        asyncio.run(told())

    run.__name__ = function.__name__
    run.__signature__ = inspect.signature(function)
    run.pytestmark = getattr(function, "pytestmark", [])
    return run


@contextlib.asynccontextmanager
async def pooled(environ=None, **settings):
    pool = Pool(Network(NetworkSettings(**settings), environ or {}))
    try:
        yield pool
    finally:
        await pool.aclose()


def at(server, path="/mcp", scheme="http", host=None):
    return Url(scheme, host or server.host, server.port, path, "")


async def post(pool, url, body=b"{}"):
    return await pool.exchange("POST", url, [(b"X-Org", b"42")], body)


async def call(pool, url, body=b"{}"):
    return await (await post(pool, url, body)).read(LIMIT)


# Requests and answers


@story
async def test_a_request_arrives_as_it_was_meant():
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
        await (await pool.exchange(method, at(server), [], b"")).read(LIMIT)
        assert (b"Content-Length: 0" in server.requests[0]) is has_length


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        CHUNKED + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
        # What a recipient may accept, or must: one length said twice, bare LF in the head (RFC 9112 section 2.2), a
        # folded field (section 5.2). None of them says a length in two ways.
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
async def test_chunks_arrive_while_the_answer_is_still_open():
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, CHUNKED + b"3\r\none\r\n", gate, b"3\r\ntwo\r\n0\r\n\r\n"])
        seen = []
        async for chunk in (await post(pool, at(server))).chunks():
            seen.append(chunk)
            gate.open.set()
        assert seen == [b"one", b"two"]


@story
async def test_a_large_body_goes_out_and_comes_back_whole():
    body = bytes(range(256)) * (8 * MIB // 256)
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(body)])
        assert await call(pool, at(server), body) == body
        assert server.requests[0].endswith(body)


@story
async def test_an_early_answer_is_read_while_the_request_still_leaves():
    async with Scripted() as server, pooled() as pool:
        server.play([HEAD, b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", Gate()], [REQUEST, ok()])
        answer = await post(pool, at(server), b"x" * (32 * MIB))
        assert (answer.status, await answer.read(LIMIT)) == (413, b"")
        assert await call(pool, at(server)) == b"ok"
        assert server.connections == 2  # the first one still owes most of a body


@story
async def test_a_body_above_the_callers_limit_is_refused_and_hung_up_on():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, CHUNKED + b"5\r\nhello\r\n", DRAIN])
        with pytest.raises(LimitExceeded, match="more than 4 bytes"):
            await (await post(pool, at(server))).read(4)
        await server.all_ended(1)


@story
async def test_redirects_are_the_callers_business():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, b"HTTP/1.1 307 Go\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n"])
        answer = await post(pool, at(server))
        assert (answer.status, answer.header("location")) == (307, "http://elsewhere.example/")
        await answer.aclose()


@story
async def test_a_header_that_http_forbids_is_not_sent_and_not_quoted():
    async with Scripted() as server, pooled() as pool:
        with pytest.raises(OurProtocolError) as caught:
            await pool.exchange("GET", at(server), [(b"Authorization", b"Bearer hunter2\r\nX: y")], b"")
        assert "hunter2" not in caught.value.message + caught.value.hint
        assert caught.value.__cause__ is None
        assert server.connections == 0


# The pool


@story
async def test_a_connection_is_used_again_after_each_complete_answer():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(b"1"), REQUEST, CHUNKED + b"1\r\n2\r\n0\r\n\r\n", REQUEST, ok(b"3")])
        assert [await call(pool, at(server)) for _ in range(3)] == [b"1", b"2", b"3"]
        assert server.connections == 1


@story
async def test_an_answer_without_a_body_frees_its_connection_when_closed():
    accepted = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, accepted, REQUEST, b"HTTP/1.1 204 No Content\r\n\r\n", REQUEST, ok()])
        for _ in range(2):
            await (await post(pool, at(server))).aclose()
        await call(pool, at(server))
        assert server.connections == 1


@pytest.mark.parametrize("how", ["aclose", "break", "cancel"])
@story
async def test_an_answer_left_unfinished_closes_its_connection_and_no_other(how):
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
async def test_an_idle_connection_that_ended_or_spoke_is_never_used(ending):
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
async def test_an_end_that_only_the_kernel_has_seen_is_noticed_before_a_connection_is_used_again():
    async with Scripted() as server, pooled() as pool:
        writers = []

        async def hand_over(reader, writer):
            writers.append(writer)

        server.play([REQUEST, hand_over, ok(), DRAIN], [REQUEST, ok(b"new")])
        await call(pool, at(server))
        writers[0].get_extra_info("socket").shutdown(socket.SHUT_WR)
        assert await call(pool, at(server)) == b"new"  # the loop had no chance to see the end before this


@pytest.mark.parametrize("extra", [b"x", ok(b"smuggled"), b"\r\n"])
@story
async def test_bytes_beyond_an_answer_are_never_the_next_answer(extra):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(b"1") + extra, DRAIN], [REQUEST, ok(b"2")])
        assert [await call(pool, at(server)) for _ in range(2)] == [b"1", b"2"]
        assert server.connections == 2


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
async def test_a_connection_that_was_idle_too_long_is_closed(monkeypatch):
    monkeypatch.setattr(pool_module, "IDLE_SECONDS", 0.0)
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(), DRAIN])
        await call(pool, at(server))
        await server.all_ended(1)


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
async def test_a_slow_reader_slows_the_server_down():
    piece = b"%x\r\n" % MIB + b"y" * MIB + b"\r\n"
    gate = Gate()
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, CHUNKED, *[piece] * 64, b"0\r\n\r\n", gate])
        answer = await post(pool, at(server))
        stuck = 0
        connection = answer._connection
        while connection._reading is not HELD:  # nobody reads the body: the socket is left alone at the high-water mark
            stuck += 1
            assert stuck < 100_000
            await asyncio.sleep(0)
        assert connection._unread <= 3 * 256 * 1024
        assert not gate.reached.is_set()
        assert len(await answer.read(LIMIT)) == 64 * MIB


@story
async def test_closing_ends_what_is_open_and_lets_nothing_new_begin():
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


# Broken answers


WHOLE = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    CHUNKED + b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("ending", [CUT, RESET])
@pytest.mark.parametrize("answer", WHOLE)
@story
async def test_an_answer_cut_at_any_byte_is_never_taken_for_a_whole_one(answer, ending):
    async with Scripted() as server, pooled() as pool:
        for size in range(len(answer)):
            server.play([REQUEST, answer[:size], ending])
            with pytest.raises(OutcomeUnknown, match="ended the connection before"):
                await call(pool, at(server))


@story
async def test_an_answer_that_ends_with_its_connection_is_whole_at_an_orderly_end_only():
    answer = b"HTTP/1.1 200 OK\r\n\r\nhello"
    head = answer.index(b"hello")
    async with Scripted() as server, pooled() as pool:
        for size in range(len(answer)):
            server.play([REQUEST, answer[:size], CUT])
            if size < head:
                with pytest.raises(OutcomeUnknown):
                    await call(pool, at(server))
            else:  # nothing in HTTP tells this cut from the end
                assert await call(pool, at(server)) == answer[head:size]
        gate = Gate()
        server.play([REQUEST, answer, gate, RESET])
        reply = await post(pool, at(server))
        gate.open.set()
        with pytest.raises(OutcomeUnknown):
            await reply.read(LIMIT)


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nCONTENT-LENGTH: 0\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding\x0b: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\n X: continues nothing\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX: a\rContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 5\r\n\r\nhello",
        CHUNKED + b"5\nhello\r\n0\r\n\r\n",
        CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nhello\n0\r\n\r\n",
        CHUNKED + b"f" * 21 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad name: 1\r\n\r\n",
        CHUNKED + b"xyz\r\n",
        CHUNKED + b"3\r\nabcde\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 12,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x46",
    ],
)
@story
async def test_what_is_not_http_is_called_so(garbage):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, garbage, CUT])
        with pytest.raises(TheirProtocolError) as caught:
            await call(pool, at(server))
        assert caught.value.sent is Sent.YES


@story
async def test_what_came_before_bad_framing_is_delivered_first():
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, CHUNKED + b"3\r\none\r\nxyz\r\n", DRAIN])
        chunks = (await post(pool, at(server))).chunks()
        assert await anext(chunks) == b"one"
        with pytest.raises(TheirProtocolError):
            await anext(chunks)


@pytest.mark.parametrize("size", [70_000, 1_000_000])
@story
async def test_a_header_block_above_its_limit_is_refused(size):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, b"HTTP/1.1 200 OK\r\nX: " + b"y" * size + b"\r\n\r\n", DRAIN])
        with pytest.raises((LimitExceeded, TheirProtocolError)):
            await call(pool, at(server))


# Connections that cannot be made


@story
async def test_a_refused_connection_is_safe_to_repeat():
    async with Scripted() as server, pooled() as pool:
        server._server.close()
        await server._server.wait_closed()
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:\d+ refuses connections") as caught:
            await call(pool, at(server))
        assert caught.value.retry_safe
        assert caught.value.facts == {"host": at(server).authority}
        with pytest.raises(Unreachable, match="refuses connections"):  # at several addresses
            await call(pool, at(server, host="localhost"))


@story
async def test_an_unknown_host_name_is_dns():
    async with pooled() as pool:
        for name in ("nowhere.invalid", "x" * 70 + ".invalid"):
            with pytest.raises(Unreachable, match="DNS"):
                await call(pool, Url("https", name, 443, "/", ""))


@story
async def test_a_server_that_never_finishes_the_handshake_is_given_up():
    async with Scripted() as server, pooled(connect_timeout=0.05) as pool:
        server.play([DRAIN])
        with pytest.raises(Unreachable, match=r"no connection to .* within 0\.05 s") as caught:
            await call(pool, at(server, scheme="https"))
        assert caught.value.retry_safe


@story
async def test_ipv6_loopback_is_reached_by_its_literal():
    async with Scripted(host="::1") as server, pooled() as pool:
        server.play([REQUEST, ok()])
        assert await call(pool, at(server)) == b"ok"
        assert f"Host: [::1]:{server.port}\r\n".encode() in server.requests[0]


@story
async def test_ipv4_only_is_respected():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # held without listening: nobody else can answer there
        async with Scripted(host="::1", port=held.getsockname()[1]) as server, pooled(ipv4_only=True) as pool:
            with pytest.raises(Unreachable):
                await call(pool, at(server, host="localhost"))
            assert server.connections == 0


# TLS


CA = trustme.CA()


def server_context(*names, ca=CA, **issue):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names, **issue).configure_cert(context)
    return context


@pytest.fixture
def ca_file(tmp_path):
    path = tmp_path / "ca.pem"
    CA.cert_pem.write_to_path(path)
    return str(path)


@story
async def test_tls_works_with_an_additional_ca_and_reuses_its_connection(ca_file):
    async with Scripted(tls=server_context("localhost")) as server, pooled(ca_file=ca_file) as pool:
        body = b"x" * (2 * MIB)
        server.play([REQUEST, ok(body), REQUEST, ok(b"2")])
        url = at(server, scheme="https", host="localhost")
        assert [await call(pool, url, body), await call(pool, url)] == [body, b"2"]
        assert server.connections == 1


PAST = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("context", "trusted", "words", "hint"),
    [
        (partial(server_context, "localhost", not_after=PAST), True, "has expired", "clock"),
        (partial(server_context, "other.example"), True, "is for another host", "host name"),
        (partial(server_context, "localhost", ca=trustme.CA()), True, "unknown issuer", 'ca_file = "…"'),
        (partial(server_context, "localhost"), False, "unknown issuer", 'ca_file = "…"'),
    ],
)
@story
async def test_a_bad_certificate_is_named_with_what_to_do(context, trusted, words, hint, ca_file):
    settings = {"ca_file": ca_file} if trusted else {}
    async with Scripted(tls=context(), forever=[REQUEST]) as server, pooled(**settings) as pool:
        with pytest.raises(Unreachable, match=words) as caught:
            await call(pool, at(server, scheme="https", host="localhost"))
        assert hint in caught.value.hint
        assert caught.value.retry_safe
        assert server.requests == []


@pytest.mark.parametrize(
    ("alert", "words"),
    [
        (70, "offers no TLS version that is still safe"),
        (120, "no application protocol"),
        (40, "broke off the TLS handshake"),
    ],
)
@story
async def test_a_handshake_that_the_server_refuses_is_named(alert, words):
    async with Scripted() as server, pooled() as pool:
        server.play([b"\x15\x03\x03\x00\x02\x02" + bytes([alert]), DRAIN])  # a fatal alert, RFC 8446 section 6
        with pytest.raises(Unreachable, match=words) as caught:
            await call(pool, at(server, scheme="https"))
        assert caught.value.retry_safe


@story
async def test_a_request_cancelled_during_the_handshake_leaves_no_connection():
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([gate, DRAIN])
        task = asyncio.create_task(call(pool, at(server, scheme="https")))
        await gate.reached.wait()
        task.cancel()
        gate.open.set()
        await server.all_ended(1)
        with pytest.raises(asyncio.CancelledError):
            await task


@story
async def test_tls_to_a_plain_port_is_named():
    async with Scripted() as server, pooled() as pool:
        server.play([b"HTTP/1.1 400 Bad Request\r\n\r\n", CUT])
        with pytest.raises(Unreachable, match="does not speak TLS"):
            await call(pool, at(server, scheme="https"))


@story
async def test_plain_http_to_a_tls_port_is_named():
    async with Scripted(tls=server_context("localhost")) as server, pooled() as pool:
        # asyncio's TLS server hangs up without a word; OpenSSL's own and most others send an alert.
        server.play([DRAIN])
        with pytest.raises(OutcomeUnknown, match="before it answered"):
            await call(pool, at(server))
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, b"\x15\x03\x03\x00\x02\x02\x46", CUT])
        with pytest.raises(TheirProtocolError, match="speaks TLS") as caught:
            await call(pool, at(server))
        assert "https://" in caught.value.hint


@pytest.mark.parametrize("answer", [*WHOLE, b"HTTP/1.1 200 OK\r\n\r\nhello"])
@story
async def test_over_tls_an_answer_without_an_orderly_end_is_never_whole(answer, ca_file):
    async with Scripted(tls=server_context("localhost")) as server, pooled(ca_file=ca_file) as pool:
        url = at(server, scheme="https", host="localhost")
        for size in (0, 10, len(answer) - 1, *([len(answer)] if answer not in WHOLE else [])):
            gate = Gate()
            server.play([REQUEST, answer[:size], gate, ABORT_TLS])
            task = asyncio.create_task(call(pool, url))
            await gate.reached.wait()
            gate.open.set()
            with pytest.raises(OutcomeUnknown):
                await task


@story
async def test_over_tls_an_orderly_end_ends_a_body_without_length(ca_file):
    async with Scripted(tls=server_context("localhost")) as server, pooled(ca_file=ca_file) as pool:
        server.play([REQUEST, b"HTTP/1.1 200 OK\r\n\r\nhello", CUT])
        assert await call(pool, at(server, scheme="https", host="localhost")) == b"hello"


@story
async def test_a_missing_client_certificate_is_an_error_and_a_given_one_works(ca_file, tmp_path):
    context = server_context("localhost")
    context.verify_mode = ssl.CERT_REQUIRED
    CA.configure_trust(context)
    mine = tmp_path / "me.pem"
    CA.issue_cert("me.example").private_key_and_cert_chain_pem.write_to_path(mine)
    async with Scripted(tls=context, forever=[REQUEST, ok()]) as server:
        url = at(server, scheme="https", host="localhost")
        async with pooled(ca_file=ca_file) as pool:
            with pytest.raises(Unreachable):  # in TLS 1.3 the refusal comes after the request: OutcomeUnknown is one
                await call(pool, url)
        async with pooled(ca_file=ca_file, client_certificate=str(mine)) as pool:
            assert await call(pool, url) == b"ok"


# Proxies. `mcp.test` is only reachable through them: the proxy connects to loopback whatever the name.


def through(server, login=""):
    return {
        "HTTPS_PROXY": f"http://{login}127.0.0.1:{server.port}",
        "HTTP_PROXY": f"http://{login}127.0.0.1:{server.port}",
    }


@story
async def test_https_goes_through_a_proxys_tunnel(ca_file):
    async with (
        Scripted(tls=server_context("mcp.test")) as server,
        Scripted() as middle,
        pooled(through(middle, "user:pass@"), ca_file=ca_file) as pool,
    ):
        server.play([REQUEST, ok(b"1"), REQUEST, ok(b"2")])
        middle.play([partial(proxy, middle, authorization=b"Basic dXNlcjpwYXNz")])
        url = at(server, scheme="https", host="mcp.test")
        assert [await call(pool, url), await call(pool, url)] == [b"1", b"2"]
        assert middle.requests[0].startswith(f"CONNECT mcp.test:{server.port} HTTP/1.1\r\n".encode())
        assert b"Proxy-Authorization" not in server.requests[0]


@pytest.mark.parametrize(
    ("login", "status", "words"),
    [
        ("", b"407 Login", "wants a user and password"),
        ("user:hunter2@", b"407 Login", "refused its user and password"),
        ("user:hunter2@", b"403 Forbidden", r"opened no way to mcp\.test:443 \(403\)"),
    ],
)
@story
async def test_a_proxy_that_refuses_is_named_without_its_password(login, status, words):
    async with Scripted() as middle, pooled(through(middle, login)) as pool:
        middle.play([partial(proxy, middle, status=status)])
        with pytest.raises(Unreachable, match=words) as caught:
            await call(pool, Url("https", "mcp.test", 443, "/", ""))
        assert caught.value.retry_safe
        assert "HTTPS_PROXY" in caught.value.message
        assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("steps", [[CUT], [DRAIN], [b"garbage\r\n\r\n", CUT]])
@story
async def test_a_proxy_that_dies_is_safe_to_repeat(steps):
    async with Scripted() as middle, pooled(through(middle), connect_timeout=0.2) as pool:
        middle.play(steps)
        with pytest.raises(Unreachable, match="the proxy") as caught:
            await call(pool, Url("https", "mcp.test", 443, "/", ""))
        assert caught.value.retry_safe


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
