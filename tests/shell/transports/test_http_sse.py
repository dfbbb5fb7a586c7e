"""The HTTP+SSE transport of 2024-11-05: its detection, its one stream, and replies that find their requests."""

import asyncio
import contextlib

import pytest
from peers.scripted import CUT, DRAIN, REQUEST, Gate, Scripted
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
    failed,
    header,
    heads,
    reply,
    story,
)

from mcp_auth_bridge.errors import (
    BridgeError,
    OutcomeUnknown,
    SessionLost,
    TheirProtocolError,
    UpstreamFailed,
    UrlRefused,
)
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.shell.transports import http_sse, remainder
from mcp_auth_bridge.shell.transports.probe import Stranger, ask_for_challenge

INITIALIZED = b'{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2024-11-05"}}'
GREETING = event(b"/messages?session=1", kind=b"endpoint")
NO_POST = [REQUEST, reply(b"405 Method Not Allowed")]


def opened(*more, answer=INITIALIZED, greeting=GREETING, refusal=NO_POST):
    """The scripts of a successful detection; the stream continues with the steps `more`, each POST is accepted."""
    posted = Gate()

    async def accept(reader, writer):
        posted.open.set()

    return [*refusal, REQUEST, STREAM + greeting, posted, event(answer), *more], [
        REQUEST,
        ACCEPTED,
        accept,
        *[REQUEST, ACCEPTED] * 9,
    ]


@pytest.mark.parametrize("status", [b"400 Bad Request", b"404 Not Found", b"405 Method Not Allowed"])
@story
async def test_a_server_of_the_older_transport_is_detected_at_initialize(status):
    async with Scripted() as server, connected(server, "/sse") as remote:
        server.play(*opened(DRAIN, refusal=[REQUEST, reply(status, body=b"no", kind=b"text/plain")]))
        assert await collect(remote.post(OPENING, {})) == [INITIALIZED]
        assert await collect(remote.post(OPENED, {"mcp-protocol-version": "2025-11-25"})) == []
        assert heads(server) == ["POST /sse", "GET /sse", "POST /messages?session=1", "POST /messages?session=1"]
        assert header(server.requests[2], b"x-org") == b"42"
        assert header(server.requests[3], b"mcp-protocol-version") is None
        assert all(header(request, b"mcp-session-id") is None for request in server.requests)


@pytest.mark.parametrize("status", [b"404 Not Found", b"405 Method Not Allowed"])
@story
async def test_a_server_whose_url_takes_no_post_is_asked_for_its_challenge_at_its_stream(status):
    stranger = Stranger()
    async with Scripted() as server, connected(server, "/sse", stranger) as remote:
        refusal = reply(b"401 Unauthorized", b'WWW-Authenticate: Bearer scope="files"')
        server.play([REQUEST, reply(status), REQUEST, refusal, CUT])
        assert (await ask_for_challenge(remote.remote, stranger)).parameters == {"scope": "files"}
        assert heads(server) == ["POST /sse", "GET /sse"]


@pytest.mark.parametrize(
    "reference", [b"http://127.0.0.1:%d/messages?session=1", b"messages?session=1", b"/messages?session=1"]
)
@story
async def test_the_endpoint_may_be_relative_or_absolute(reference):
    async with Scripted() as server, connected(server, "/sse") as remote:
        data = reference % server.port if b"%d" in reference else reference
        server.play(*opened(DRAIN, greeting=event(data, kind=b"endpoint")))
        assert await collect(remote.post(OPENING, {})) == [INITIALIZED]
        assert heads(server)[2] == "POST /messages?session=1"


@pytest.mark.parametrize(
    "reference", [b"http://127.0.0.1:1/m", b"https://evil.example/m", b"//evil.example/m", b"http://[::1/m", b"ftp:x"]
)
@story
async def test_an_endpoint_elsewhere_is_refused_before_anything_is_sent_there(reference):
    async with Scripted() as server, connected(server, "/sse") as remote:
        server.play([*NO_POST, REQUEST, STREAM + event(reference, kind=b"endpoint"), DRAIN])
        with pytest.raises(UrlRefused):
            await collect(remote.post(OPENING, {}))
        assert heads(server) == ["POST /sse", "GET /sse"]


@pytest.mark.parametrize(
    "get",
    [
        reply(b"405 No"),
        reply(b"200 OK", body=b"<html>", kind=b"text/html"),
        STREAM + event(NOTE) + END,
        STREAM + END,
        STREAM + event(b"x", kind=b"other") + END,
        b"",
    ],
)
@story
async def test_without_an_endpoint_event_the_first_error_counts(get):
    async with Scripted() as server, connected(server) as remote:
        server.play([*NO_POST, REQUEST, get, CUT])
        with pytest.raises(UpstreamFailed, match="no MCP endpoint") as caught:
            await collect(remote.post(OPENING, {}))
        assert caught.value.status == 405


@story
async def test_a_silent_stream_is_not_of_this_transport(monkeypatch):
    monkeypatch.setattr(http_sse, "ENDPOINT_TIMEOUT", 0.01)
    async with Scripted() as server, connected(server) as remote:
        server.play([*NO_POST, REQUEST, STREAM, DRAIN])
        with pytest.raises(UpstreamFailed, match="no MCP endpoint"):
            await collect(remote.post(OPENING, {}))


@story
async def test_without_an_older_transport_the_json_rpc_error_is_the_reply():
    said = b'{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"unsupported"}}'
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, reply(b"400 Bad Request", body=said), REQUEST, reply(b"405 No"), CUT])
        assert await collect(remote.post(OPENING, {})) == [said]


@pytest.mark.parametrize("code", [-32020, -32021, -32022])
@story
async def test_a_modern_error_does_not_lead_to_the_older_transport(code):
    said = b'{"jsonrpc":"2.0","id":0,"error":{"code":%d,"message":"x"}}' % code
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, reply(b"400 Bad Request", body=said), CUT])
        assert await collect(remote.post(OPENING, {})) == [said]
        assert heads(server) == ["POST /mcp"]


@pytest.mark.parametrize("status", [b"403 No", b"500 Oops", b"415 No"])
@story
async def test_other_failures_do_not_lead_to_it_either(status):
    async with Scripted() as server, connected(server) as remote:
        server.play(*failed(reply(status)))
        with pytest.raises(UpstreamFailed):
            await collect(remote.post(OPENING, {}))
        assert "GET /mcp" not in heads(server)


# Messages on the stream


@story
async def test_replies_go_to_their_requests_by_id_and_type():
    number, text = peek(CALL.raw), peek(CALL.raw.replace(b'"id":1', b'"id":"1"'))
    to_number, to_text = ANSWER, ANSWER.replace(b'"id":1', b'"id":"1"')
    async with Scripted() as server, connected(server, "/sse") as remote:
        both = Gate()
        server.play(*opened(both, event(to_text) + event(to_number), DRAIN), [REQUEST, ACCEPTED, CUT])
        await collect(remote.post(OPENING, {}))
        calls = [asyncio.create_task(collect(remote.post(call, {}))) for call in (number, text)]
        while len(server.requests) < 5:  # noqa: ASYNC110 - until both are there; nothing announces that
            await asyncio.sleep(0)
        both.open.set()
        assert await asyncio.gather(*calls) == [[to_number], [to_text]]


@story
async def test_all_other_messages_go_to_the_listener_in_order():
    asked = b'{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{}}'
    stray = b'{"jsonrpc":"2.0","id":99,"result":{}}'
    async with Scripted() as server, connected(server, "/sse") as remote:
        server.play(*opened(event(NOTE) + event(asked) + event(stray), DRAIN))
        await collect(remote.post(OPENING, {}))
        async with contextlib.aclosing(remote.listen({})) as messages:
            assert [(await anext(messages)).raw for _ in range(3)] == [NOTE, asked, stray]


@story
async def test_a_stream_without_a_listener_is_read_no_further_and_no_message_is_lost():
    async with Scripted() as server, connected(server, "/sse") as remote:
        server.play(*opened(event(NOTE) * 1000, DRAIN))
        await collect(remote.post(OPENING, {}))
        async with contextlib.aclosing(remote.listen({})) as messages:
            assert [(await anext(messages)).raw for _ in range(1000)] == [NOTE] * 1000


@story
async def test_a_reply_may_come_before_the_post_is_accepted():
    async with Scripted() as server, connected(server, "/sse") as remote:
        called, answered = Gate(), Gate()
        server.play([*NO_POST, REQUEST, STREAM + GREETING, called, event(INITIALIZED), answered, DRAIN])

        async def accept_late(reader, writer):
            called.open.set()
            await answered.reached.wait()

        server.play([REQUEST, accept_late, ACCEPTED, DRAIN])
        assert await collect(remote.post(OPENING, {})) == [INITIALIZED]


@pytest.mark.parametrize("ending", [END, b"", event(b"{oops")])
@story
async def test_a_lost_stream_leaves_its_calls_with_an_unknown_outcome_and_is_opened_anew(ending):
    async with Scripted() as server, connected(server, "/sse") as remote:
        called = Gate()
        first, posts = opened(called, ending, CUT)

        async def call_is_there(reader, writer):
            called.open.set()

        posts = [REQUEST, ACCEPTED, posts[2], REQUEST, ACCEPTED, call_is_there, CUT]
        server.play(first, posts)
        await collect(remote.post(OPENING, {}))
        with pytest.raises((OutcomeUnknown, TheirProtocolError)) as caught:
            await collect(remote.post(CALL, {}))
        assert not caught.value.retry_safe
        for lost in (remote.post(CALL, {}), remote.post(OPENED, {}), remote.listen({})):
            with pytest.raises(SessionLost):
                await collect(lost)
        again, posts = opened(DRAIN, refusal=[])
        server.play(again, posts)
        assert await collect(remote.post(OPENING, {})) == [INITIALIZED]
        assert heads(server).count("POST /sse") == 1  # how it is spoken to is known by now


@pytest.mark.parametrize(
    "refusal",
    [
        reply(b"404 Not Found"),
        reply(b"400 Bad Request", body=b"No transport found for sessionId", kind=b"text/plain"),
        reply(b"400 Bad Request", body=b'{"id":null,"error":{"code":-32602,"message":"Invalid session ID"}}'),
    ],
)
@story
async def test_a_post_to_a_forgotten_session_is_a_lost_session(refusal):
    async with Scripted() as server, connected(server, "/sse") as remote:
        stream, posts = opened(DRAIN)
        server.play(stream, [*posts[:3], REQUEST, refusal, CUT])
        await collect(remote.post(OPENING, {}))
        with pytest.raises(SessionLost):
            await collect(remote.post(CALL, {}))


@story
async def test_a_cancelled_call_leaves_the_others_alone():
    async with Scripted() as server, connected(server, "/sse") as remote:
        go = Gate()
        server.play(*opened(go, event(ANSWER) + event(ANSWER.replace(b"1,", b"2,")), DRAIN), [REQUEST, ACCEPTED, DRAIN])
        await collect(remote.post(OPENING, {}))
        first = asyncio.create_task(collect(remote.post(CALL, {})))
        second = asyncio.create_task(collect(remote.post(peek(CALL.raw.replace(b'"id":1', b'"id":2')), {})))
        while len(server.requests) < 5:  # noqa: ASYNC110 - until both are there; nothing announces that
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait((first,))
        go.open.set()
        assert await second == [ANSWER.replace(b"1,", b"2,")]


@story
async def test_closing_the_remote_ends_the_stream():
    async with Scripted() as server, connected(server, "/sse") as remote:
        server.play(*opened(DRAIN))
        await collect(remote.post(OPENING, {}))
        await remote.close()
        await server.all_ended(1)


@story
async def test_a_stream_that_is_cut_anywhere_leaves_no_request_waiting():
    whole = STREAM + GREETING + event(INITIALIZED)
    outcomes = set()
    for length in range(len(whole) + 1):
        async with Scripted(forever=[REQUEST, ACCEPTED, CUT]) as server, connected(server, "/sse") as remote:
            server.play([*NO_POST, REQUEST, whole[:length], CUT])
            try:
                outcomes.add(tuple(await collect(remote.post(OPENING, {}))))
            except BridgeError as error:
                outcomes.add(type(error))
            assert sum(OPENING.raw in request for request in server.requests) <= 2  # the refused POST, and the one
    assert outcomes >= {UpstreamFailed, OutcomeUnknown}
    assert outcomes <= {UpstreamFailed, OutcomeUnknown, SessionLost, (INITIALIZED,)}


@story
async def test_a_post_that_fails_fails_its_call_alone():
    async with Scripted() as server, connected(server, "/sse") as remote:
        stream, posts = opened(event(NOTE), DRAIN)
        server.play(stream, [*posts[:3], REQUEST, reply(b"503 Busy"), REQUEST, ACCEPTED, CUT])
        await collect(remote.post(OPENING, {}))
        with pytest.raises(UpstreamFailed, match="503"):
            await collect(remote.post(CALL, {}))
        await collect(remote.post(OPENED, {}))
        assert await anext(remote.listen({})) is not None


@story
async def test_a_post_whose_response_stays_open_holds_neither_its_reply_nor_a_notification(monkeypatch):
    monkeypatch.setattr(remainder, "GRACE", 0.0)
    async with Scripted() as server, connected(server, "/sse") as remote:
        asked = Gate()
        stream, first = opened(asked, event(ANSWER), DRAIN)

        async def answer(reader, writer):
            asked.open.set()

        server.play(stream, first[:3], [REQUEST, STREAM, answer, DRAIN], [REQUEST, STREAM, DRAIN])
        assert await collect(remote.post(OPENING, {})) == [INITIALIZED]
        signs = []
        assert await collect(remote.post(CALL, {}, lambda: signs.append("alive"))) == [ANSWER]
        assert await collect(remote.post(OPENED, {}, lambda: signs.append("alive"))) == []
        assert signs == ["alive"] * 2
        await server.all_ended(3)


@story
async def test_a_fault_of_the_bridge_ends_the_waiting_request_with_an_error(monkeypatch):
    def broken(data):
        raise ZeroDivisionError

    async with Scripted() as server, connected(server, "/sse") as remote:
        server.play(*opened(DRAIN))
        monkeypatch.setattr(http_sse, "messages_in", broken)
        with pytest.raises(BridgeError, match="ZeroDivisionError") as caught:
            await collect(remote.post(OPENING, {}))
        assert not caught.value.retry_safe


@story
async def test_a_large_reply_is_handed_on_before_the_stream_is_read_further():
    """Otherwise thirty of them would be kept at once: the stream has one share of the memory."""
    large = b'{"jsonrpc":"2.0","id":%d,"result":"' + b"x" * (http_sse.FREE + 1) + b'"}'
    both = Gate()
    async with Scripted() as server, connected(server, "/sse") as remote:
        server.play(*opened(both, event(large % 1), event(large % 2), DRAIN))
        assert await collect(remote.post(OPENING, {})) == [INITIALIZED]
        first, second = (remote.post(peek(b'{"jsonrpc":"2.0","id":%d,"method":"tools/call"}' % n), {}) for n in (1, 2))
        answers = []
        for each in (first, second):
            answers.append(asyncio.ensure_future(anext(each)))
            sent = len(server.requests)
            while len(server.requests) == sent:  # noqa: ASYNC110 - it has no event of its own
                await asyncio.sleep(0)
            for _ in range(100):  # and is accepted, which frees the connection for the next one
                await asyncio.sleep(0)
        both.open.set()
        assert (await answers[0]).raw == large % 1
        for _ in range(100):
            await asyncio.sleep(0)
        assert not answers[1].done()  # the first one has not been taken yet
        await first.aclose()
        assert (await answers[1]).raw == large % 2
        await second.aclose()
