"""A session that the server has forgotten: no credentials are asked for, and no refresh token is spent."""

import asyncio

import pytest
from peers.scripted import CUT, REQUEST, Gate, Scripted
from presented_tokens import Tokens, tokens_of
from remoting import (
    ACCEPTED,
    ANSWER,
    CALL,
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

from mcp_auth_bridge.errors import LoginRequired, SessionLost, TheirProtocolError, UpstreamFailed
from mcp_auth_bridge.relay.envelope import peek

INITIALIZED = b'{"jsonrpc":"2.0","id":0,"result":{}}'
IN_SESSION = reply(b"200 OK", b"Mcp-Session-Id: s1", body=INITIALIZED)
DONE = reply(b"200 OK", body=ANSWER)
OTHER_DONE = reply(b"200 OK", body=b'{"jsonrpc":"2.0","id":2,"result":{}}')
OTHER_CALL = peek(b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"add"}}')
CHALLENGE = b'WWW-Authenticate: Bearer error="invalid_token", error_description="Session not found"'
FORGOTTEN = {
    "text": reply(b"401 Unauthorized", body=b"Unauthorized: Session not found", kind=b"text/plain"),
    "a challenge": reply(b"401 Unauthorized", CHALLENGE),
    "JSON-RPC": reply(
        b"401 Unauthorized", body=b'{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Unknown session"}}'
    ),
    "JSON-RPC 401": reply(
        b"200 OK", body=b'{"jsonrpc":"2.0","id":1,"error":{"code":401,"message":"Session not found"}}'
    ),
    "a scope": reply(b"403 No", b'WWW-Authenticate: Bearer error="insufficient_scope"', body=b"Invalid session"),
}


async def worked(server, remote, *scripts):
    """A session in which a request was answered, with a server that continues with these scripts."""
    server.play(one(IN_SESSION), one(DONE), *scripts)
    await collect(remote.post(OPENING, {}))
    await collect(remote.post(CALL, {}))


@pytest.mark.parametrize("shape", ["text", "a challenge", "JSON-RPC", "JSON-RPC 401"])
@story
async def test_a_401_that_speaks_of_the_session_loses_it_and_asks_for_no_credentials(shape):
    tokens = Tokens("t1", "t2")
    async with Scripted() as server, connected(server, credentials=tokens) as remote:
        await worked(server, remote, one(FORGOTTEN[shape]))
        with pytest.raises(SessionLost) as raised:
            await collect(remote.post(CALL, {}))
        assert raised.value.retry_safe
        assert "session" in raised.value.message.partition("saying")[2].lower()
        assert tokens.refusals == []


@story
async def test_so_does_one_that_comes_late_when_another_session_has_worked():
    tokens, gate = Tokens("t1", "t2"), Gate()
    async with Scripted() as server, connected(server, credentials=tokens) as remote:
        await worked(server, remote, [REQUEST, gate, FORGOTTEN["text"], CUT])
        late = asyncio.ensure_future(collect(remote.post(CALL, {})))
        await gate.reached.wait()
        server.play(one(reply(b"200 OK", b"Mcp-Session-Id: s2", body=INITIALIZED)), one(OTHER_DONE))
        await collect(remote.post(OPENING, {}))
        await collect(remote.post(OTHER_CALL, {}))
        gate.open.set()
        with pytest.raises(SessionLost):
            await late
        assert tokens.refusals == []


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
@story
async def test_neither_the_servers_stream_nor_the_end_of_the_session_asks_for_credentials_then(verb):
    tokens = Tokens("t1", "t2")
    async with Scripted() as server, connected(server, credentials=tokens) as remote:
        await worked(server, remote, one(FORGOTTEN["text"]))
        if verb == "GET":
            with pytest.raises(UpstreamFailed):
                await collect(remote.listen({}))
        else:
            await remote.close()
        assert heads(server)[-1] == f"{verb} /mcp"
        assert tokens.refusals == []


@story
async def test_a_401_without_a_word_about_the_session_is_about_the_credentials():
    async with Scripted() as server, connected(server, credentials=Tokens("t1", "t2")) as remote:
        await worked(server, remote, one(reply(b"401 No", body=b"the token has expired")), one(DONE))
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        assert tokens_of(server)[-2:] == [b"Bearer t1", b"Bearer t2"]


@story
async def test_in_a_session_that_has_never_worked_a_401_is_about_the_credentials_whatever_it_says():
    """A sign-on service calls a login a session, too: after a new MCP session did not help, credentials are next."""
    tokens = Tokens("t1", "t2")
    async with Scripted() as server, connected(server, credentials=tokens) as remote:
        server.play(one(IN_SESSION), one(ACCEPTED), one(FORGOTTEN["text"]), one(DONE))
        await collect(remote.post(OPENING, {}))
        await collect(remote.post(OPENED, {}))
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        assert [refused.status for refused in tokens.refusals] == [401]


@story
async def test_without_a_session_the_words_change_nothing():
    async with Scripted() as server, connected(server, credentials=Tokens("t1", "t2", "t3")) as remote:
        server.play(one(FORGOTTEN["text"]), one(FORGOTTEN["text"]))
        with pytest.raises(LoginRequired):
            await collect(remote.post(CALL, {}))


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"400 Bad Request", body=b"Invalid or missing session ID", kind=b"text/plain"),
        reply(b"400 Bad Request", body=b'{"id":null,"error":{"code":-32000,"message":"Bad Request"}}'),
        reply(b"405 No", body=b"Method not allowed", kind=b"text/plain"),
    ],
)
@story
async def test_a_refusal_of_the_servers_stream_says_nothing_about_the_session(answer):
    """A server without such a stream may answer a GET with anything."""
    async with Scripted() as server, connected(server) as remote:
        await worked(server, remote, one(answer))
        with pytest.raises(UpstreamFailed):
            await collect(remote.listen({}))


@story
async def test_a_get_that_may_have_found_the_session_lost_fails_with_its_status():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"500 Oops", body=b"no session", kind=b"text/plain")))
        with pytest.raises(UpstreamFailed) as raised:
            await remote.sender.open_stream({"mcp-session-id": "s1"})
        assert raised.value.status == 500


@story
async def test_an_error_for_another_request_under_way_answers_only_that_one():
    """Both calls are under way: a server that mixes them up must not answer one with the other's error."""
    other = peek(b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"t"}}')
    mixed = reply(b"200 OK", body=b'{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"no"}}')
    held = STREAM + event(b'{"jsonrpc":"2.0","method":"notifications/message"}')
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, held, REQUEST], one(mixed))
        second = remote.post(other, {})
        await anext(second)
        assert [b'"id":1' in raw for raw in await collect(remote.post(CALL, {}))] == [False]
        await second.aclose()
        server.play(one(mixed))
        with pytest.raises(TheirProtocolError, match="another id, saying “no”"):
            await collect(remote.post(CALL, {}))


@story
async def test_neither_a_failed_nor_an_answered_request_stays_under_way():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"302 Found", b"Location: https://other.example/")), one(DONE))
        with pytest.raises(UpstreamFailed):
            await collect(remote.post(CALL, {}))
        await collect(remote.post(CALL, {}))
        assert remote.sender._under_way == set()
