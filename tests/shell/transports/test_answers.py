"""Which message of a response is the answer: its reply, an error under no id or a wrong one, a lost session."""

import asyncio

import pytest
from bodies import Body

from mcp_auth_bridge.errors import (
    BridgeError,
    OutcomeUnknown,
    SessionDoubted,
    SessionLost,
    TheirProtocolError,
    UpstreamFailed,
)
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.relay.http_semantics import Failure
from mcp_auth_bridge.shell.transports.answers import Asked, Attribution, read_error, read_failure

CALL = peek(b'{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t"}}')
TOLD = peek(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
NOTE = b'{"jsonrpc":"2.0","method":"notifications/message"}'
REPLY = b'{"jsonrpc":"2.0","id":"a","result":{}}'
SENT = {"authorization": "Bearer hunter2-token"}
CUT = OutcomeUnknown("the server ended its response without a reply")


def error(id_, code=-32603, message="the quota of tenant 42 is used up"):
    return b'{"jsonrpc":"2.0","id":%b,"error":{"code":%d,"message":"%b"}}' % (id_, code, message.encode())


def answers(*steps, session="", request=CALL, under_way=()):
    """What becomes of a response with these messages, the last of which may be an error of the bridge."""

    heard = []

    async def deliver(message):
        heard.append(message.raw)

    async def story():
        attribution = Attribution(Asked(request, session, under_way=under_way), 200, SENT, deliver)
        for step in steps:
            if isinstance(step, BridgeError):
                await attribution.end(step)
                break
            await attribution.hand_on(peek(step))
        else:
            await attribution.end(None)
        return heard

    return asyncio.run(story())


# Successes


def test_messages_and_the_reply_pass_unchanged():
    question = b'{"jsonrpc":"2.0","id":"a","method":"ping"}'
    assert answers(NOTE, question, REPLY, NOTE) == [NOTE, question, REPLY, NOTE]
    assert answers(error(b'"a"')) == [error(b'"a"')]


def test_an_error_under_no_id_is_the_reply_if_nothing_else_is():
    assert answers(NOTE, error(b"null")) == [NOTE, error(b'"a"')]
    assert answers(error(b"null"), CUT) == [error(b'"a"')]
    assert answers(error(b"null"), REPLY) == [REPLY]


@pytest.mark.parametrize("id_", [b'""', b'"server-error"', b'"x"', b"99"])
@pytest.mark.parametrize("end", [(), (CUT,)])
def test_an_error_under_another_id_is_quoted_and_never_takes_the_id_of_the_request(id_, end):
    with pytest.raises(TheirProtocolError, match="another id, saying “the quota of tenant 42 is used up”") as raised:
        answers(error(id_), *end)
    assert not raised.value.retry_safe


def test_a_quoted_error_holds_nothing_of_the_credentials():
    with pytest.raises(TheirProtocolError) as raised:
        answers(error(b"99", message="no access for hunter2-token"))
    assert "no access" in raised.value.message
    assert "hunter2" not in raised.value.message


def test_an_error_that_is_not_one_of_json_rpc_is_quoted():
    with pytest.raises(TheirProtocolError, match="not a message, saying “no such user”"):
        answers(b'{"error":"no such user"}')


def test_an_error_for_another_request_under_way_is_not_an_answer_to_this_one():
    assert answers(error(b'"b"'), under_way={"a", "b"}) == [error(b'"b"')]
    with pytest.raises(OutcomeUnknown):
        answers(error(b'"b"'), CUT, under_way={"a", "b"})


def test_a_result_under_another_id_is_no_answer():
    foreign = REPLY.replace(b'"a"', b'"b"')
    assert answers(foreign) == [foreign]
    with pytest.raises(OutcomeUnknown):
        answers(foreign, CUT)


def test_a_notification_has_no_answer():
    assert answers(error(b"null"), request=TOLD) == [error(b"null")]


LOST = (-32001, "Session not found")


@pytest.mark.parametrize("refusal", [error(b'"a"', *LOST), error(b"null", *LOST), error(b"null", -32600, "Invalid")])
def test_a_refusal_of_the_session_is_a_doubt_that_holds_the_answer(refusal):
    with pytest.raises(SessionDoubted) as raised:
        answers(refusal, session="s1")
    assert raised.value.retry_safe
    assert raised.value.answer == refusal.replace(b"null", b'"a"')
    assert answers(refusal) == [refusal.replace(b"null", b'"a"')]


def test_a_refusal_under_another_id_is_a_doubt_whose_answer_quotes_it():
    with pytest.raises(SessionDoubted) as raised:
        answers(error(b'"x"', *LOST), session="s1")
    assert "saying “Session not found”" in raised.value.answer.message


def test_a_refusal_that_follows_another_message_is_the_answer():
    """The method was running: sending the request again could do its work twice."""
    for id_ in (b'"a"', b"null"):
        assert answers(NOTE, error(id_, *LOST), session="s1") == [NOTE, error(b'"a"', *LOST)]


def test_a_large_reply_is_not_read_to_find_out_whether_it_is_an_error():
    large = error(b'"a"', -32001, "Session not found" + " " * 70_000)
    assert answers(large, session="s1") == [large]


# Failures


def failure(body, *, session="", request=CALL, body_may_reply=True):
    verdict = Failure(UpstreamFailed("HTTP 500", status=500), body_may_reply=body_may_reply)
    return asyncio.run(read_failure(body, verdict, Asked(request, session), SENT))


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
    assert isinstance(failure(Body(body, status=400), session="s1"), SessionLost)
    assert failure(Body(body, status=400)).key == CALL.key


@pytest.mark.parametrize("body", [b"", b"<h1>Oops</h1>", b'{"error":"invalid"}', REPLY.replace(b'"a"', b'"b"')])
def test_any_other_body_leaves_the_error_of_the_status(body):
    assert isinstance(failure(Body(body, status=500)), UpstreamFailed)


def test_the_words_of_a_failure_are_quoted_without_the_credentials_that_were_sent():
    body = Body(b"no access for hunter2-token", status=500, kind="text/plain")
    failed = failure(body, body_may_reply=False)
    assert "no access" in failed.message
    assert "hunter2" not in failed.message
    assert body.closed


@pytest.mark.parametrize("id_", [b'"x"', b'"server-error"', b'""'])
def test_an_error_under_another_id_is_quoted_in_the_error_of_the_status(id_):
    assert failure(Body(error(id_), status=400)).message.endswith("saying “the quota of tenant 42 is used up”")


@pytest.mark.parametrize("ending", [b"", b": the stream stays open\n\n"])
def test_the_body_may_be_a_stream_with_one_event(ending):
    """Some gateways do not change the type of a stream when it becomes an error (claude-code #55970)."""
    text = b": hello\n\nid: 1\ndata:\n\nevent: message\ndata: " + error(b"null") + b"\n\n" + ending
    assert failure(Body(text, status=400, kind="text/event-stream")).raw == error(b'"a"')


@pytest.mark.parametrize("text", [b"", b": hello\n\n"])
def test_a_stream_without_an_event_leaves_the_error_of_the_status(text):
    assert isinstance(failure(Body(text, status=400, kind="text/event-stream")), UpstreamFailed)


@pytest.mark.parametrize("body", [NOTE, b"[1]", b'{"jsonrpc":"2.0","id":"a"}'])
def test_json_that_is_not_a_reply_leaves_the_error_of_the_status(body):
    assert isinstance(failure(Body(body, status=400)), UpstreamFailed)


def test_a_result_with_an_error_status_is_the_reply():
    assert failure(Body(REPLY, status=500)).raw == REPLY


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"Bad Request: No valid session ID provided", "text/plain"),
        (b"Invalid or missing session ID", "text/html"),
        (b"<title>Session not found</title>", "text/html"),
        (b'{"message":"Unknown session"}', "application/json"),
        (b'"Session expired"', "application/json"),
        (error(b'"server-error"', *LOST), "application/json"),
        (b"data: " + error(b"null", *LOST) + b"\n\n", "text/event-stream"),
        (b"No valid session ID", ""),
    ],
)
@pytest.mark.parametrize("request_", [CALL, TOLD])
def test_words_about_the_session_mean_that_it_is_lost_in_any_type_of_body(body, kind, request_):
    refused = Body(body, status=400, kind=kind)
    may_reply = kind in ("application/json", "text/event-stream")
    assert isinstance(failure(refused, session="s1", request=request_, body_may_reply=may_reply), SessionLost)
    failed = failure(Body(body, status=400, kind=kind), request=request_, body_may_reply=may_reply)
    assert not isinstance(failed, SessionLost)


def test_the_answer_to_a_lost_session_is_the_error_of_the_status_with_the_words():
    lost = failure(Body(b"no session", status=400, kind="text/plain"), session="s1", body_may_reply=False)
    assert lost.answer.message == "HTTP 500, saying “no session”"


def test_a_get_is_never_answered_by_a_reply():
    body = Body(error(b"null"), status=400)
    verdict = Failure(UpstreamFailed("HTTP 400", status=400), body_may_reply=True)
    for read in (read_error, read_failure):
        assert isinstance(asyncio.run(read(body, verdict, Asked(None), {})), UpstreamFailed)
