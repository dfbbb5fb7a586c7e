"""The messages of a response: from JSON, a batch or a stream, and a failed request's reply or error."""

import asyncio

import pytest

from mcp_auth_bridge.errors import LimitExceeded, SessionLost, TheirProtocolError, UpstreamFailed
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.relay.http_semantics import Failure
from mcp_auth_bridge.relay.resumption import Resumption
from mcp_auth_bridge.shell.transports.messages import (
    Denied,
    check_admitted,
    parsed,
    read_events,
    read_failure,
    read_messages,
)

CALL = peek(b'{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t"}}')
NOTE = b'{"jsonrpc":"2.0","method":"notifications/message"}'
REPLY = b'{"jsonrpc":"2.0","id":"a","result":{}}'


class Share:
    """Records how many bytes are counted."""

    def __init__(self):
        self.held = []

    async def hold(self, size):
        self.held.append(size)


class Body:
    """A response whose body arrives in these chunks."""

    def __init__(self, *chunks, status=200, kind="application/json"):
        self._chunks, self.status, self._kind = chunks, status, kind
        self.share, self.closed = Share(), False

    def header(self, name):
        return {"content-type": self._kind}.get(name, "")

    async def chunks(self):
        for chunk in self._chunks:
            yield chunk

    async def read(self, limit):
        return b"".join(self._chunks)

    async def aclose(self):
        self.closed = True


def gathered(iterator):
    async def story():
        return [each async for each in iterator]

    return asyncio.run(story())


def failure(body, *, in_session=False, request=CALL, sent=None, body_may_reply=True):
    verdict = Failure(UpstreamFailed("HTTP 500", status=500), body_may_reply=body_may_reply)
    return asyncio.run(read_failure(body, verdict, request, sent or {}, in_session=in_session))


def test_a_batch_is_its_messages():
    assert [message.raw for message in parsed(b"[%b,%b]" % (NOTE, REPLY))] == [NOTE, REPLY]
    assert [message.raw for message in parsed(REPLY)] == [REPLY]


def test_a_body_that_is_not_a_message_is_the_servers_fault():
    with pytest.raises(TheirProtocolError, match="not a message"):
        parsed(b"<html>")


def test_json_that_is_nested_too_deeply_for_clients_is_refused():
    with pytest.raises(LimitExceeded, match="MCP clients may be unable to read"):
        parsed(b'{"jsonrpc":"2.0","id":1,"result":%b%b}' % (b"[" * 10_000, b"]" * 10_000))


def test_a_json_rpc_error_401_in_place_of_the_reply_refuses_the_credentials():
    assert check_admitted(REPLY) == REPLY
    with pytest.raises(Denied) as caught:
        check_admitted(b'{"jsonrpc":"2.0","id":"a","error":{"code":401,"message":"no token"}}')
    assert caught.value.verdict.status == 401


def test_a_stream_holds_messages_and_its_place_follows_every_event():
    text = b"id: 1\ndata:\n\nevent: ping\ndata: {}\n\nid: 2\nretry: 5\ndata: " + NOTE + b"\n\ndata: " + REPLY + b"\n\n"
    place = Resumption()
    assert [message.raw for message in gathered(read_messages(Body(text), place))] == [NOTE, REPLY]
    assert place.last_id == b"2"


def test_an_event_counts_against_the_budget_while_it_is_incomplete_and_no_longer():
    body = Body(b"data: " + NOTE, b"\n\n")
    assert len(gathered(read_events(body, Resumption()))) == 1
    assert max(body.share.held) >= len(NOTE)
    assert body.share.held[-1] < len(NOTE)


@pytest.mark.parametrize("id_", [b'"a"', b"null"])
def test_a_json_rpc_error_in_the_body_is_the_reply_whatever_the_status(id_):
    body = b'{"jsonrpc":"2.0","id":%b,"error":{"code":-32000,"message":"no"}}' % id_
    reply = failure(Body(body, status=500))
    assert reply.key == CALL.key
    assert b'"code":-32000' in reply.raw


def test_an_error_without_an_id_gets_that_of_the_request():
    reply = failure(Body(b'{"jsonrpc":"2.0","error":{"code":-32600,"message":"no"}}', status=400))
    assert reply.raw == b'{"jsonrpc":"2.0","id":"a","error":{"code":-32600,"message":"no"}}'


def test_the_typescript_sdks_words_for_an_unknown_session_mean_that_it_is_lost():
    body = b'{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request: No valid session ID"}}'
    assert isinstance(failure(Body(body, status=400), in_session=True), SessionLost)
    assert failure(Body(body, status=400)).key == CALL.key


@pytest.mark.parametrize("body", [b"", b"<h1>Oops</h1>", b'{"error":"invalid"}', REPLY.replace(b'"a"', b'"b"')])
def test_any_other_body_leaves_the_error_of_the_status(body):
    assert isinstance(failure(Body(body, status=500)), UpstreamFailed)


def test_the_words_of_a_failure_are_quoted_without_the_credentials_that_were_sent():
    body = Body(b"no access for hunter2-token", status=500, kind="text/plain")
    error = failure(body, request=peek(NOTE), sent={"authorization": "Bearer hunter2-token"})
    assert "no access" in error.message
    assert "hunter2" not in error.message
    assert body.closed
