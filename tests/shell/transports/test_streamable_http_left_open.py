"""Streams that a server leaves open: whose end is waited for, and for how long. Signs of life in them."""

import asyncio

import pytest
from peers.scripted import DRAIN, REQUEST, Gate, Scripted
from remoting import (
    ANSWER,
    CALL,
    END,
    NOTE,
    OPENED,
    OPENING,
    STREAM,
    collect,
    connected,
    event,
    one,
    reply,
    story,
)

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.shell.net import pool as pool_module
from mcp_auth_bridge.shell.transports import remainder, streamable_http

REPLY = peek(b'{"jsonrpc":"2.0","id":"s1","result":{}}')
COMMENT = b"5\r\n: x\n\n\r\n"
CHUNKED_202 = b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(params=[0.0, 60.0])
def grace(request, monkeypatch):
    monkeypatch.setattr(streamable_http, "GRACE", request.param)
    monkeypatch.setattr(streamable_http, "LINGER", request.param)
    monkeypatch.setattr(remainder, "GRACE", request.param)
    return request.param


async def posted(remote, message):
    """What `message` leads to, as raw messages and the word "alive"."""
    told = []
    told.extend([received.raw async for received in remote.post(message, {}, lambda: told.append("alive"))])
    return told


@pytest.mark.parametrize("grace", [0.0], indirect=True)
@pytest.mark.parametrize("before", [b"", event(NOTE, b"1"), COMMENT])
@story
async def test_a_stream_that_stays_open_after_the_reply_is_let_go(grace, before):
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, STREAM + before + event(ANSWER) + COMMENT, DRAIN])
        assert (await collect(remote.post(CALL, {})))[-1] == ANSWER
        await server.all_ended(1)


@pytest.mark.parametrize("grace", [60.0], indirect=True)
@story
async def test_notifications_that_follow_the_reply_are_still_relayed(grace):
    async with Scripted() as server, connected(server) as remote:
        gate = Gate()
        server.play([REQUEST, STREAM + event(ANSWER), gate, event(NOTE) + END])
        messages = remote.post(CALL, {})
        assert (await anext(messages)).raw == ANSWER
        gate.open.set()
        assert await collect(messages) == [NOTE]


@story
async def test_a_stream_that_ends_with_its_reply_is_not_waited_for_and_its_connection_is_used_again():
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, STREAM + event(ANSWER) + END] * 2)
        assert [await collect(remote.post(CALL, {})) for _ in range(2)] == [[ANSWER], [ANSWER]]
        assert server.connections == 1


@pytest.mark.parametrize("grace", [60.0], indirect=True)
@story
async def test_streams_that_only_wait_for_their_end_give_way_to_the_next_request(grace, monkeypatch):
    monkeypatch.setattr(pool_module, "OPEN_LIMIT", 3)
    async with Scripted(forever=[REQUEST, STREAM + event(ANSWER), DRAIN]) as server, connected(server) as remote:
        answered, waiting = asyncio.Queue(), []

        async def call():
            async for message in remote.post(CALL, {}):
                answered.put_nowait(message.raw)

        for _ in range(10):
            waiting.append(asyncio.create_task(call()))
            assert await answered.get() == ANSWER
        await server.all_ended(7)
        assert sum(not task.done() for task in waiting) <= 3
        for task in waiting:
            task.cancel()


@pytest.mark.parametrize("message", [OPENED, REPLY])
@pytest.mark.parametrize("opening", [STREAM, STREAM + COMMENT, CHUNKED_202, CHUNKED_202 + b"2\r\nOK\r\n"])
@pytest.mark.parametrize("grace", [0.0], indirect=True)
@story
async def test_a_message_that_needs_no_reply_is_accepted_with_the_status_and_a_response_that_stays_open_is_let_go(
    grace, opening, message
):
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, opening, DRAIN])
        assert (await posted(remote, message))[0] == "alive"
        await server.all_ended(1)


@pytest.mark.parametrize("message", [OPENED, REPLY])
@pytest.mark.parametrize("grace", [60.0], indirect=True)
@story
async def test_messages_in_the_stream_of_a_notification_are_relayed(grace, message):
    async with Scripted() as server, connected(server) as remote:
        gate = Gate()
        server.play([REQUEST, STREAM, gate, event(NOTE) + END])
        assert await collect(remote.post(message, {}, gate.open.set)) == [NOTE]


@story
async def test_bytes_that_are_no_message_are_signs_of_life_also_in_a_resumed_stream():
    async with Scripted() as server, connected(server) as remote:
        first, second = Gate(), Gate()
        server.play(
            one(STREAM + event(event_id=b"1") + COMMENT), [REQUEST, STREAM, first, COMMENT, second, event(ANSWER) + END]
        )
        signs = []

        def alive():
            signs.append("alive")
            if first.reached.is_set():
                (second if first.open.is_set() else first).open.set()

        posting = asyncio.create_task(collect(remote.post(CALL, {}, alive)))
        await first.reached.wait()
        first.open.set()
        assert await posting == [ANSWER]
        assert len(signs) >= 4  # the status, the first stream, the comment, the reply


@pytest.mark.parametrize("status", [b"500 Oops", b"404 Gone", b"401 No"])
@story
async def test_a_failure_is_not_an_acceptance(status):
    async with Scripted() as server, connected(server) as remote:
        server.play(*[one(reply(status, body=b'{"oops":1}'))] * 2)
        signs = []
        with pytest.raises(BridgeError):
            await collect(remote.post(OPENED, {}, lambda: signs.append("alive")))
        assert signs == []


@story
async def test_initialize_is_a_call_like_others():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(STREAM + event(b'{"jsonrpc":"2.0","id":0,"result":{}}') + END))
        assert (await posted(remote, OPENING))[0] == "alive"
