"""Which transport a server speaks is found out at `initialize`, and all that follows uses it."""

import pytest
from peers.scripted import CUT, DRAIN, REQUEST, Gate, Scripted
from remoting import (
    ACCEPTED,
    ANSWER,
    CALL,
    NOTE,
    OPENED,
    OPENING,
    STREAM,
    collect,
    connected,
    event,
    heads,
    one,
    reply,
    story,
)

from mcp_auth_bridge.errors import CredentialRefused, UpstreamFailed, UrlRefused

HELLO = b'{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{}}}'
ENDPOINT = STREAM + event(b"/messages?s=1", kind=b"endpoint")


@story
async def test_a_server_of_today_is_asked_at_one_url():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"200 OK", body=HELLO)), one(ACCEPTED), one(reply(b"200 OK", body=ANSWER)))
        assert await collect(remote.post(OPENING, {})) == [HELLO]
        assert await collect(remote.post(OPENED, {})) == []
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        assert heads(server) == ["POST /mcp"] * 3


@story
async def test_a_server_of_2024_11_05_gets_its_messages_where_its_stream_says():
    async with Scripted() as server, connected(server) as remote:
        posted = Gate()

        async def accept(reader, writer):
            posted.open.set()

        server.play(
            [REQUEST, reply(b"405 Method Not Allowed"), REQUEST, ENDPOINT, posted, event(HELLO), event(NOTE), DRAIN],
            [REQUEST, ACCEPTED, accept, REQUEST, ACCEPTED],
        )
        assert await collect(remote.post(OPENING, {})) == [HELLO]
        assert await collect(remote.post(OPENED, {})) == []
        notes = remote.listen({})
        assert (await anext(notes)).raw == NOTE
        await notes.aclose()
        assert heads(server) == ["POST /mcp", "GET /mcp", "POST /messages?s=1", "POST /messages?s=1"]
        await remote.close()


@story
async def test_a_server_that_speaks_neither_transport_is_reported_by_its_response_to_the_post():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"404 Not Found")), one(reply(b"404 Not Found")))
        with pytest.raises(UpstreamFailed) as caught:
            await collect(remote.post(OPENING, {}))
        assert caught.value.status == 404


@story
async def test_a_json_rpc_error_is_the_reply_where_there_is_no_older_transport():
    refusal = b'{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"Unsupported protocol version"}}'
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"400 Bad Request", body=refusal)), one(reply(b"405 Method Not Allowed")))
        assert await collect(remote.post(OPENING, {})) == [refusal]


@story
async def test_a_modern_servers_error_is_its_reply_and_no_older_transport_is_tried():
    refusal = b'{"jsonrpc":"2.0","id":0,"error":{"code":-32022,"message":"Unsupported protocol version"}}'
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"400 Bad Request", body=refusal)))
        assert await collect(remote.post(OPENING, {})) == [refusal]
        assert heads(server) == ["POST /mcp"]


@story
async def test_credentials_that_only_the_stream_asks_for_are_missed():
    refusal = reply(b"401 Unauthorized", b"WWW-Authenticate: Bearer")
    async with Scripted() as server, connected(server) as remote:
        server.play(
            [REQUEST, reply(b"405 Method Not Allowed"), REQUEST, refusal, CUT], one(reply(b"405 Method Not Allowed"))
        )
        with pytest.raises(CredentialRefused):
            await collect(remote.post(OPENING, {}))


@story
async def test_a_stream_that_leads_the_credentials_to_another_origin_is_refused():
    async with Scripted() as server, connected(server) as remote:
        elsewhere = STREAM + event(b"https://evil.example/messages", kind=b"endpoint")
        server.play(one(reply(b"405 Method Not Allowed")), [REQUEST, elsewhere, CUT])
        with pytest.raises(UrlRefused):
            await collect(remote.post(OPENING, {}))


@story
async def test_a_server_without_a_stream_of_its_own_says_so():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"405 Method Not Allowed")))
        with pytest.raises(UpstreamFailed):
            await collect(remote.listen({}))


@pytest.mark.parametrize(
    "stream", [reply(b"405 Method Not Allowed"), reply(b"404 Not Found"), STREAM + event(b"{}")], ids=str
)
@story
async def test_a_server_that_no_longer_speaks_the_older_transport_is_asked_at_one_url(stream):
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, reply(b"405 Method Not Allowed"), REQUEST, ENDPOINT, event(HELLO), CUT], one(ACCEPTED))
        assert await collect(remote.post(OPENING, {})) == [HELLO]
        server.play([REQUEST, stream, CUT], one(reply(b"200 OK", body=HELLO)), one(reply(b"200 OK", body=ANSWER)))
        assert await collect(remote.post(OPENING, {})) == [HELLO]
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        assert heads(server)[-3:] == ["GET /mcp", "POST /mcp", "POST /mcp"]


@story
async def test_a_server_of_the_older_transport_that_is_away_keeps_it():
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, reply(b"405 Method Not Allowed"), REQUEST, ENDPOINT, event(HELLO), CUT], one(ACCEPTED))
        assert await collect(remote.post(OPENING, {})) == [HELLO]
        server.play(one(reply(b"503 Service Unavailable")))
        with pytest.raises(UpstreamFailed):
            await collect(remote.post(OPENING, {}))
        server.play([REQUEST, ENDPOINT, event(HELLO), DRAIN], one(ACCEPTED))
        assert await collect(remote.post(OPENING, {})) == [HELLO]
        assert heads(server)[-3:] == ["GET /mcp", "GET /mcp", "POST /messages?s=1"]
        await remote.close()
