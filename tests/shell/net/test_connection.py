"""One HTTP/1.1 connection: a response that is cut or malformed is an error that says whether to repeat the request."""

import asyncio
import socket
import ssl

import pytest
from peers.scripted import ABORT_TLS, CUT, DRAIN, HEAD, REQUEST, RESET, Gate, Scripted, ok
from pooling import CA, CHUNKED, LIMIT, MIB, WHOLE, at, call, pooled, post, server_context, story

from mcp_auth_bridge.errors import (
    LimitExceeded,
    OutcomeUnknown,
    Sent,
    TheirProtocolError,
    Unreachable,
)
from mcp_auth_bridge.shell.net.connection import Connection
from mcp_auth_bridge.shell.net.connection_state import HELD


@story
async def test_an_early_response_is_read_while_the_request_is_still_being_sent():
    async with Scripted() as server, pooled() as pool:
        server.play([HEAD, b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", Gate()], [REQUEST, ok()])
        answer = await post(pool, at(server), b"x" * (32 * MIB))
        assert (answer.status, await answer.read(LIMIT)) == (413, b"")
        assert await call(pool, at(server)) == b"ok"
        assert server.connections == 2  # the first one still owes most of a body


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


SETTINGS = b"\0\0\x12\x04\0\0\0\0\0" + b"\0\x03\0\0\0\x80" * 3
GOAWAY = b"\0\0\x08\x07\0\0\0\0\0" + b"\0" * 7 + b"\x01"


@pytest.mark.parametrize("said", [SETTINGS, GOAWAY, SETTINGS + GOAWAY])
@pytest.mark.parametrize("after", [CUT, DRAIN])
@story
async def test_a_server_that_answers_with_frames_of_http_2_is_named(said, after):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, said, after])
        with pytest.raises(TheirProtocolError, match="speaks HTTP/2 only"):
            await call(pool, at(server))


@pytest.mark.parametrize("wanted", [False, True])
@story
async def test_a_server_that_goes_on_with_a_body_that_is_not_wanted_any_more_notices_it_at_once(wanted):
    async with Scripted() as server, pooled() as pool:
        seen = []

        async def look(reader, writer):
            try:
                seen.append(await reader.read(1))
            except ConnectionResetError:
                seen.append("reset")

        server.play([REQUEST, CHUNKED, *([b"0\r\n\r\n"] if wanted else []), look])
        answer = await post(pool, at(server))
        answer.give_way()
        if wanted:
            await answer.read(LIMIT)
        await answer.aclose()
        await pool.aclose()
        await server.all_ended(1)
        assert seen == [b"" if wanted else "reset"]


@pytest.mark.parametrize("extra", [b"x", ok(b"smuggled"), b"\r\n"])
@story
async def test_bytes_beyond_a_response_are_never_the_next_response(extra):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(b"1") + extra, DRAIN], [REQUEST, ok(b"2")])
        assert [await call(pool, at(server)) for _ in range(2)] == [b"1", b"2"]
        assert server.connections == 2


@story
async def test_a_slow_reader_slows_the_server_down():
    piece = b"%x\r\n" % MIB + b"y" * MIB + b"\r\n"
    gate = Gate()
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, CHUNKED, *[piece] * 64, b"0\r\n\r\n", gate])
        answer = await post(pool, at(server))
        stuck = 0
        connection = answer._connection
        while connection._reading is not HELD:  # until the high-water mark, because no task reads the body
            stuck += 1
            assert stuck < 100_000
            await asyncio.sleep(0)
        assert connection._unread <= 3 * 256 * 1024
        assert not gate.reached.is_set()
        assert len(await answer.read(LIMIT)) == 64 * MIB


@pytest.mark.parametrize("ending", [CUT, RESET])
@pytest.mark.parametrize("answer", WHOLE)
@story
async def test_a_response_cut_at_any_byte_is_never_taken_for_a_whole_one(answer, ending):
    async with Scripted() as server, pooled() as pool:
        for size in range(len(answer)):
            server.play([REQUEST, answer[:size], ending])
            with pytest.raises(OutcomeUnknown, match="ended the connection before"):
                await call(pool, at(server))


@story
async def test_a_response_that_ends_with_its_connection_is_whole_at_an_orderly_end_only():
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
async def test_a_response_that_is_not_valid_http_is_named(garbage):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, garbage, CUT])
        with pytest.raises(TheirProtocolError) as caught:
            await call(pool, at(server))
        assert caught.value.sent is Sent.YES


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.6\r\n", b"-ERR unknown command\r\n", b"\x00\x01"])
@story
async def test_a_server_that_speaks_another_protocol_and_hangs_up_is_named(greeting):
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, greeting, CUT])
        with pytest.raises(TheirProtocolError, match="is not valid HTTP"):
            await call(pool, at(server))


@story
async def test_chunks_before_bad_framing_are_delivered_first():
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
        with pytest.raises(LimitExceeded, match="bytes of headers"):
            await call(pool, at(server))


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
async def test_over_tls_a_response_without_an_orderly_end_is_never_whole(answer, ca_file):
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


@story
async def test_bytes_on_an_idle_connection_end_it():
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, ok(), gate, b"HTTP/1.1 408 Timeout\r\n\r\n", DRAIN])
        await call(pool, at(server))
        (connection,) = pool._open
        gate.open.set()
        while connection.is_usable():  # noqa: ASYNC110 - until the loop has seen them; nothing announces that
            await asyncio.sleep(0)


@story
async def test_a_server_that_reads_slowly_gets_the_rest_when_it_has_room():
    gate = Gate()
    async with Scripted() as server, pooled() as pool:
        server.play([gate, REQUEST, ok()])
        sending = asyncio.create_task(call(pool, at(server), b"x" * (32 * MIB)))
        await gate.reached.wait()
        gate.open.set()
        assert await sending == b"ok"


@story
async def test_a_certificate_that_is_missing_is_known_by_the_alert_of_tls_1_3():
    connection = Connection("mcp.example:443", memoryview(bytearray(10)), lambda _: None)
    alert = ssl.SSLError()
    alert.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    connection.connection_lost(alert)
    assert isinstance(connection._error(), Unreachable)


@story
async def test_a_large_body_goes_into_its_place_from_wherever_it_was_read_to():
    body = bytes(range(256)) * 4096
    async with Scripted() as server, pooled() as pool:
        server.play([REQUEST, ok(body)])
        response = await post(pool, at(server))
        connection = response._connection
        assert connection.length == len(body)
        assert connection.arrived_body() is None
        bulk, size = connection.begin_bulk(), 0
        while not connection.complete:
            size = await connection.fill(bulk, size)
        assert bulk.take() == body
        await response.aclose()


@story
async def test_a_small_body_can_be_looked_at_before_it_is_read():
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, CHUNKED + b"3\r\none\r\n", gate, b"3\r\ntwo\r\n0\r\n\r\n"])
        response = await post(pool, at(server))
        connection = response._connection
        while not connection.body_ahead:
            assert connection.arrived_body() is None
            await asyncio.sleep(0)
        assert connection.is_promising
        gate.open.set()
        while (body := connection.arrived_body()) is None:  # noqa: ASYNC110 - nothing announces that
            await asyncio.sleep(0)
        assert (body, connection.is_promising) == (b"onetwo", False)
        assert await response.read(LIMIT) == b"onetwo"


@pytest.mark.parametrize("waits", [False, True])
@story
async def test_a_wait_for_a_head_ends_with_the_error_that_is_given(waits):
    async with Scripted() as server, pooled() as pool:
        gate = Gate()
        server.play([REQUEST, gate])
        task = asyncio.create_task(call(pool, at(server)))
        await gate.reached.wait()
        [connection] = pool._open
        if waits:
            connection.fail(TheirProtocolError("given"))
        else:
            connection.failure = TheirProtocolError("given")
            with pytest.raises(TheirProtocolError, match="given"):
                connection.arrived_head()
            connection.moved()
        with pytest.raises(TheirProtocolError, match="given"):
            await task
