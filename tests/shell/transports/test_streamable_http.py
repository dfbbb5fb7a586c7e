"""One POST and its outcomes: each shape of a response, each kind of refusal, the session and its end."""

import json

import pytest
from peers.scripted import CUT, REQUEST, Scripted
from presented_tokens import Tokens, tokens_of
from remoting import (
    ACCEPTED,
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
    header,
    heads,
    one,
    reply,
    story,
)

from mcp_auth_bridge.credentials.base import Target
from mcp_auth_bridge.errors import (
    LoginRequired,
    OutcomeUnknown,
    SessionLost,
    TheirProtocolError,
    UpstreamFailed,
)

INITIALIZED = b'{"jsonrpc":"2.0","id":0,"result":{}}'
IN_SESSION = reply(b"200 OK", b"Mcp-Session-Id: s1", body=INITIALIZED)


async def opened(server, remote, *scripts):
    """Open the session `s1` with a server that continues with these scripts."""
    server.play(one(IN_SESSION), *scripts)
    assert await collect(remote.post(OPENING, {})) == [INITIALIZED]


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"200 OK", body=ANSWER),
        reply(b"200 OK", body=ANSWER, kind=b"Application/JSON; charset=utf-8"),
        STREAM + event(ANSWER) + b"0\r\n\r\n",
        STREAM + event(ANSWER, kind=b"message") + b"0\r\n\r\n",
    ],
)
@story
async def test_a_reply_is_the_same_in_each_shape_of_response(answer):
    async with Scripted() as server, connected(server) as remote:
        server.play(one(answer))
        assert await collect(remote.post(CALL, {})) == [ANSWER]


@pytest.mark.parametrize("shape", ["json", "stream"])
@story
async def test_a_batch_of_2025_03_26_comes_apart_into_its_messages(shape):
    batch = b"[" + NOTE + b", " + ANSWER + b"]"
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"200 OK", body=batch) if shape == "json" else STREAM + event(batch) + b"0\r\n\r\n"))
        assert await collect(remote.post(CALL, {})) == [NOTE, ANSWER]


@pytest.mark.parametrize(
    "answer",
    [
        ACCEPTED,
        reply(b"204 No Content"),
        reply(b"200 OK"),
        reply(b"200 OK", body=b"{}"),
        reply(b"200 OK", body=b"[1]"),
        reply(b"200 OK", body=ANSWER, kind=b"application/json-seq"),
        reply(b"200 OK", body=ANSWER, kind=b"text/plain"),
        reply(b"200 OK", body=b"<html>", kind=b"text/html"),
    ],
)
@story
async def test_a_response_without_a_reply_to_the_request_is_a_protocol_error(answer):
    async with Scripted() as server, connected(server) as remote:
        server.play(one(answer))
        with pytest.raises(TheirProtocolError) as caught:
            await collect(remote.post(CALL, {}))
        assert not caught.value.retry_safe
        assert heads(server) == ["POST /mcp"]


@pytest.mark.parametrize("status", [b"400 Bad Request", b"404 Not Found", b"429 Slow", b"500 Oops", b"422 X"])
@story
async def test_a_json_rpc_error_is_the_reply_at_any_status(status):
    said = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no","data":1e400}}'
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(status, body=said)))
        assert await collect(remote.post(CALL, {})) == [said]


@pytest.mark.parametrize("id_member", [b'"id":null,', b""])
@story
async def test_an_error_without_an_id_answers_the_request_that_it_came_for(id_member):
    said = b'{"jsonrpc":"2.0",' + id_member + b'"error":{"code":-32600,"message":"no", "data": 1.10}}'
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"400 Bad Request", body=said)))
        [answer] = await collect(remote.post(CALL, {}))
        assert json.loads(answer)["id"] == 1
        assert b'"error":{"code":-32600,"message":"no", "data": 1.10}' in answer


@pytest.mark.parametrize(
    "body", [b"oops", b"[]", b'{"jsonrpc":"2.0","id":"1","error":{"code":1,"message":""}}', NOTE, b'{"error":"denied"}']
)
@story
async def test_another_body_does_not_change_a_failure(body):
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"500 Oops", body=body)))
        try:
            answered = await collect(remote.post(CALL, {}))
        except UpstreamFailed as failed:
            answered = failed.status
        assert answered == 500


@pytest.mark.parametrize("status", [b"400 Bad Request", b"503 Busy"])
@story
async def test_a_notification_that_fails_is_a_failure_and_never_a_reply(status):
    body = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}'
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(status, body=body)))
        with pytest.raises(UpstreamFailed):
            await collect(remote.post(OPENED, {}))


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        (b"7", 7.0),
        (b"0", 0.0),
        (b"99999999999999", 999999999.0),
        (b"Sat, 21 Nov 2026 10:00:30 GMT", 30.0),
        (b"Sat, 21 Nov 2026 09:00:00 GMT", 0.0),
        (b"soon", None),
        (b"-1", None),
        (b"1.5", None),
        (b"\xb2", None),
    ],
)
@story
async def test_the_time_to_wait_comes_from_retry_after(field, seconds):
    async with Scripted() as server, connected(server) as remote:
        date = b"Date: Sat, 21 Nov 2026 10:00:00 GMT"
        server.play(one(reply(b"503 Busy", b"Retry-After: " + field, date)))
        with pytest.raises(UpstreamFailed) as caught:
            await collect(remote.post(CALL, {}))
        assert caught.value.retry_after == seconds


# The session


@story
async def test_a_session_may_be_opened_with_any_success():
    async with Scripted() as server, connected(server) as remote:
        created = reply(b"201 Created", b"Mcp-Session-Id: s1", body=INITIALIZED)
        server.play(one(created), one(reply(b"201 Created", body=ANSWER)))
        assert await collect(remote.post(OPENING, {})) == [INITIALIZED]
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        assert header(server.requests[-1], b"mcp-session-id") == b"s1"


@story
async def test_an_opening_names_its_method_for_servers_of_the_modern_era():
    async with Scripted() as server, connected(server) as remote:
        await opened(server, remote, one(ACCEPTED))
        await collect(remote.post(OPENED, {}))
        assert [header(request, b"mcp-method") for request in server.requests] == [b"initialize", None]


@story
async def test_every_request_but_initialize_names_the_session():
    async with Scripted() as server, connected(server) as remote:
        await opened(server, remote, one(ACCEPTED), one(reply(b"405 No")), one(reply(b"200 OK", body=INITIALIZED)))
        await collect(remote.post(OPENED, {}))
        with pytest.raises(UpstreamFailed):
            await collect(remote.listen({}))
        await collect(remote.post(OPENING, {}))
        assert [header(request, b"mcp-session-id") for request in server.requests] == [None, b"s1", b"s1", None]
        server.play(one(ACCEPTED))
        await collect(remote.post(OPENED, {}))
        assert header(server.requests[-1], b"mcp-session-id") is None  # the newer session has no id


@pytest.mark.parametrize(
    ("value", "why"),
    [(b"two words", "not visible ASCII"), ("é".encode(), "not visible ASCII"), (b"x" * 32769, "more than 32 KiB")],
)
@story
async def test_a_session_id_that_mcp_forbids_or_that_fills_a_request_is_refused(value, why):
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"200 OK", b"Mcp-Session-Id: " + value, body=INITIALIZED)))
        with pytest.raises(TheirProtocolError, match=f"session id .*{why}"):
            await collect(remote.post(OPENING, {}))


@pytest.mark.parametrize("length", [1, 1025, 2500, 32768])
@story
async def test_a_session_id_of_any_length_goes_back_as_it_came(length):
    session = b"~" * length
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"200 OK", b"Mcp-Session-Id: " + session, body=INITIALIZED)), one(ACCEPTED))
        await collect(remote.post(OPENING, {}))
        await collect(remote.post(OPENED, {}))
        assert header(server.requests[1], b"mcp-session-id") == session


@pytest.mark.parametrize(
    "refusal",
    [
        reply(b"404 Not Found"),
        reply(b"404 Not Found", body=b'{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session"}}'),
        reply(b"400 Bad Request", body=b'{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request"}}'),
        reply(b"400 Bad Request", body=b"No valid session ID provided", kind=b"text/plain"),
        reply(b"200 OK", body=b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid Request"}}'),
        STREAM + event(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"session not found"}}') + END,
    ],
)
@story
async def test_a_forgotten_session_is_lost_and_the_request_is_safe_to_repeat(refusal):
    async with Scripted() as server, connected(server) as remote:
        await opened(server, remote, one(refusal))
        with pytest.raises(SessionLost) as caught:
            await collect(remote.post(CALL, {}))
        assert caught.value.retry_safe


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"the tool says no"}}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"bad"}}',
    ],
)
@story
async def test_other_refusals_in_a_session_leave_it_alone(body):
    async with Scripted() as server, connected(server) as remote:
        await opened(server, remote, one(reply(b"400 Bad Request", body=body)))
        assert len(await collect(remote.post(CALL, {}))) == 1


@story
async def test_without_a_session_404_is_an_ordinary_failure():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"404 Not Found")))
        with pytest.raises(UpstreamFailed):
            await collect(remote.post(CALL, {}))


@pytest.mark.parametrize("answer", [reply(b"200 OK"), reply(b"405 No"), reply(b"404 Gone"), reply(b"500 Oops")])
@story
async def test_the_session_is_ended_once_at_any_response(answer):
    async with Scripted() as server, connected(server) as remote:
        await opened(server, remote, one(answer))
        await remote.close()
        await remote.close()
        assert heads(server) == ["POST /mcp", "DELETE /mcp"]
        assert header(server.requests[1], b"mcp-session-id") == b"s1"


# Credentials


@pytest.mark.parametrize("refusal", [b"401 No", b"403 No"])
@story
async def test_refused_credentials_are_replaced_once_and_the_message_is_sent_once_more(refusal):
    async with Scripted() as server, connected(server, credentials=Tokens("t1", "t2")) as remote:
        challenge = b'WWW-Authenticate: Bearer error="insufficient_scope"'
        server.play(one(reply(refusal, challenge)), one(reply(b"200 OK", body=ANSWER)))
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        assert tokens_of(server) == [b"Bearer t1", b"Bearer t2"]


@story
async def test_after_a_second_refusal_nothing_is_sent_even_with_more_credentials():
    async with Scripted() as server, connected(server, credentials=Tokens("t1", "t2", "t3")) as remote:
        server.play(*[one(reply(b"401 No"))] * 2)
        with pytest.raises(LoginRequired, match="two tokens in a row"):
            await collect(remote.post(CALL, {}))
        assert len(server.requests) == 2


@story
async def test_credentials_that_are_refused_twice_may_say_why():
    why = LoginRequired("its aud is another")
    async with Scripted() as server, connected(server, credentials=Tokens("t1", "t2", explanation=why)) as remote:
        server.play(*[one(reply(b"401 No"))] * 2)
        with pytest.raises(LoginRequired, match="its aud is another"):
            await collect(remote.post(CALL, {}))
        assert len(server.requests) == 2


@story
async def test_the_credentials_know_where_a_redirect_leads():
    tokens = Tokens("t1")
    async with Scripted() as server, connected(server, credentials=tokens) as remote:
        server.play([REQUEST, reply(b"307 T", b"Location: /b"), REQUEST, reply(b"200 OK", body=ANSWER), CUT])
        await collect(remote.post(CALL, {}))
        targets = [target for target, _ in tokens.asked]
        assert targets == [Target("POST", remote.sender.url), Target("POST", remote.sender.url.with_path("/b"))]
        assert tokens_of(server) == [b"Bearer t1"] * 2


@pytest.mark.parametrize("cut", [b"", b"HTTP/1.1 200 OK\r\n", reply(b"200 OK", body=ANSWER)[:-1]])
@story
async def test_a_response_that_is_cut_leaves_the_outcome_unknown_and_nothing_is_sent_again(cut):
    async with Scripted() as server, connected(server) as remote:
        server.play(one(cut))
        with pytest.raises(OutcomeUnknown):
            await collect(remote.post(CALL, {}))
        assert heads(server) == ["POST /mcp"]
