"""Streams that break are resumed by GET; the request that began them is never sent again."""

import contextlib

import pytest
from peers.scripted import CUT, DRAIN, REQUEST, Scripted
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

from mcp_auth_bridge.errors import LoginRequired, OutcomeUnknown, UpstreamFailed
from mcp_auth_bridge.shell.transports import streamable_http

PRIMED = STREAM + event(event_id=b"e1", retry=b"300")


@pytest.mark.parametrize("ending", [END, b""])
@story
async def test_a_response_that_breaks_off_is_resumed_by_get_and_its_request_is_never_repeated(ending):
    async with Scripted() as server, connected(server) as remote:
        server.play([REQUEST, PRIMED + ending, CUT], one(STREAM + event(ANSWER, b"e2") + END))
        assert await collect(remote.post(CALL, {"mcp-protocol-version": "2025-11-25"})) == [ANSWER]
        assert heads(server) == ["POST /mcp", "GET /mcp"]
        resumption = server.requests[1]
        assert header(resumption, b"last-event-id") == b"e1"
        assert header(resumption, b"mcp-protocol-version") == b"2025-11-25"
        assert header(resumption, b"x-org") == b"42"
        assert remote.waits.seconds == [0.3]


@story
async def test_messages_before_the_reply_are_delivered_once_and_in_order():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(STREAM + event(NOTE, b"1")), one(STREAM + event(NOTE, b"2")), one(STREAM + event(ANSWER, b"3")))
        assert await collect(remote.post(CALL, {})) == [NOTE, NOTE, ANSWER]
        assert [header(request, b"last-event-id") for request in server.requests] == [None, b"1", b"2"]


@story
async def test_a_resumption_names_the_session():
    async with Scripted() as server, connected(server) as remote:
        opened = STREAM.replace(b"\r\n\r\n", b"\r\nMcp-Session-Id: s1\r\n\r\n") + event(event_id=b"p")
        server.play(one(opened + END), one(STREAM + event(b'{"jsonrpc":"2.0","id":0,"result":{}}') + END))
        assert len(await collect(remote.post(OPENING, {}))) == 1
        assert header(server.requests[1], b"mcp-session-id") == b"s1"


@story
async def test_without_an_event_id_the_outcome_is_unknown():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(STREAM + event(NOTE)))
        with pytest.raises(OutcomeUnknown):
            await collect(remote.post(CALL, {}))
        assert heads(server) == ["POST /mcp"]


@story
async def test_a_modern_stream_is_never_resumed():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(PRIMED + END))
        with pytest.raises(OutcomeUnknown):
            await collect(remote.post(CALL, {"mcp-protocol-version": "2026-07-28"}))
        assert heads(server) == ["POST /mcp"]


@story
async def test_after_five_tries_without_an_event_the_outcome_is_unknown():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(PRIMED), *[one(reply(b"503 Busy"))] * 2, *[one(STREAM + END)] * 3)
        with pytest.raises(OutcomeUnknown):
            await collect(remote.post(CALL, {}))
        assert heads(server) == ["POST /mcp"] + ["GET /mcp"] * 5
        assert remote.waits.seconds[0] == 0.3
        assert remote.waits.seconds == sorted(remote.waits.seconds)


@story
async def test_a_polling_server_may_end_the_stream_after_each_event():
    async with Scripted() as server, connected(server) as remote:
        polls = [one(STREAM + event(event_id=b"p%d" % number, retry=b"100") + END) for number in range(20)]
        server.play(*polls, one(STREAM + event(ANSWER) + END))
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        assert remote.waits.seconds == [0.1] * 20


@pytest.mark.parametrize("status", [b"400 No", b"404 Gone", b"405 No", b"401 No"])
@story
async def test_a_refused_resumption_is_never_reported_as_a_refused_request(status):
    async with Scripted() as server, connected(server) as remote:
        opened = reply(b"200 OK", b"Mcp-Session-Id: s", body=b'{"jsonrpc":"2.0","id":0,"result":{}}')
        server.play(one(opened), one(PRIMED), one(reply(status)), one(reply(status)))
        await collect(remote.post(OPENING, {}))
        with pytest.raises(OutcomeUnknown) as caught:
            await collect(remote.post(CALL, {}))
        assert not caught.value.retry_safe
        assert heads(server).count("POST /mcp") == 2


@story
async def test_a_resumed_stream_that_stays_open_ends_with_the_reply(monkeypatch):
    monkeypatch.setattr(streamable_http, "GRACE", 0.0)
    async with Scripted() as server, connected(server) as remote:
        server.play(one(PRIMED), [REQUEST, STREAM + event(ANSWER, b"e2"), DRAIN])
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        await server.all_ended(2)


@story
async def test_a_stream_that_breaks_after_the_reply_is_not_resumed():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(PRIMED + event(ANSWER, b"e2")))
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        assert heads(server) == ["POST /mcp"]


@story
async def test_a_notification_is_done_without_a_reply():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(ACCEPTED), one(PRIMED))
        assert await collect(remote.post(OPENED, {})) == []
        assert await collect(remote.post(OPENED, {})) == []
        assert heads(server) == ["POST /mcp"] * 2


WHOLE = PRIMED + event(NOTE, b"e2") + event(ANSWER, b"e3") + END


@story
async def test_a_response_cut_at_any_byte_is_delivered_once_or_unknown_and_its_request_never_repeated():
    later = {b"e1": event(NOTE, b"e2") + event(ANSWER, b"e3"), b"e2": event(ANSWER, b"e3")}
    outcomes = set()
    for length in range(len(WHOLE) + 1):
        async with Scripted() as server, connected(server) as remote:

            async def continue_from_there(reader, writer, server=server):
                writer.write(STREAM + later[header(server.requests[-1], b"last-event-id")] + END)

            server.play([REQUEST, WHOLE[:length], CUT], [REQUEST, continue_from_there, CUT])
            try:
                outcome = tuple(await collect(remote.post(CALL, {})))
            except OutcomeUnknown:
                outcome = "unknown"
            outcomes.add(outcome)
            assert [head for head in heads(server) if head.startswith("POST")] == ["POST /mcp"]
    assert outcomes == {"unknown", (NOTE, ANSWER)}


# The server's own stream


async def listened(remote, count):
    """The first `count` messages of the server's own stream."""
    heard = []
    async with contextlib.aclosing(remote.listen({})) as messages:
        async for message in messages:
            heard.append(message.raw)
            if len(heard) == count:
                break
    return heard


@story
async def test_the_servers_own_stream_is_opened_again_where_it_ended():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(STREAM + event(NOTE, b"1", retry=b"700") + END), one(STREAM + event(NOTE, b"2")))
        server.play(one(STREAM + event(NOTE, b"3")))
        assert len(await listened(remote, 3)) == 3
        assert [header(request, b"last-event-id") for request in server.requests] == [None, b"1", b"2"]
        assert remote.waits.seconds == [0.7, 0.7]


@pytest.mark.parametrize("trouble", [reply(b"503 Busy"), reply(b"409 Conflict"), reply(b"429 Slow"), b"", b"HTTP/1.1"])
@story
async def test_the_servers_own_stream_outlasts_a_passing_failure(trouble):
    async with Scripted() as server, connected(server) as remote:
        server.play(*[one(trouble)] * 7, one(STREAM + event(NOTE)))
        assert await listened(remote, 1) == [NOTE]
        pauses = list(zip([1, 2, 4, 8, 16, 30, 30], remote.waits.seconds, strict=True))
        assert all(0 <= wait - base <= base / 4 for base, wait in pauses)


IN_SESSION = reply(b"200 OK", b"Mcp-Session-Id: s", body=b'{"jsonrpc":"2.0","id":0,"result":{}}')


@pytest.mark.parametrize("status", [b"400 No", b"404 No", b"405 No", b"406 No", b"501 No", b"200 OK", b"302 Elsewhere"])
@pytest.mark.parametrize("begun", [[], [IN_SESSION]])
@story
async def test_a_server_without_a_stream_of_its_own_is_asked_once_and_the_session_is_not_lost(begun, status):
    async with Scripted() as server, connected(server) as remote:
        server.play(*map(one, begun), one(reply(status, body=b"<pre>Cannot GET /mcp</pre>", kind=b"text/html")))
        for _ in begun:
            await collect(remote.post(OPENING, {}))
        with pytest.raises(UpstreamFailed):
            await listened(remote, 1)
        assert heads(server).count("GET /mcp") == 1
        server.play(one(ACCEPTED))
        await collect(remote.post(OPENED, {}))
        assert header(server.requests[-1], b"mcp-session-id") == (b"s" if begun else None)


@pytest.mark.parametrize("status", [b"400 No", b"404 No", b"405 No", b"403 No"])
@story
async def test_a_stream_that_is_refused_after_it_has_worked_is_asked_for_again_once_a_minute(status):
    async with Scripted() as server, connected(server) as remote:
        server.play(one(IN_SESSION), one(STREAM + event(NOTE) + END))
        await collect(remote.post(OPENING, {}))
        server.play(*[one(reply(status))] * 3, one(STREAM + event(NOTE)))
        assert await listened(remote, 2) == [NOTE, NOTE]
        assert remote.waits.seconds[1:] == [60.0] * 3
        assert {header(request, b"mcp-session-id") for request in server.requests[1:]} == {b"s"}


class LoggedOut:
    """Credentials that lack a login at the attempts with these numbers."""

    def __init__(self, *attempts):
        self.attempts = attempts
        self.asked = 0

    async def headers(self, target, refused=None):
        self.asked += 1
        if self.asked in self.attempts:
            raise LoginRequired("log in")
        return {}


@story
async def test_a_login_that_is_missing_for_a_while_leaves_the_place_in_the_stream():
    async with Scripted() as server, connected(server, credentials=LoggedOut(2, 3)) as remote:
        server.play(one(STREAM + event(NOTE, b"1") + END), one(STREAM + event(NOTE, b"2")))
        assert await listened(remote, 2) == [NOTE, NOTE]
        assert [header(request, b"last-event-id") for request in server.requests] == [None, b"1"]
        assert remote.waits.seconds[1:] == [60.0] * 2


@story
async def test_a_login_that_is_missing_at_the_first_attempt_is_the_outcome():
    async with Scripted() as server, connected(server, credentials=LoggedOut(1)) as remote:
        with pytest.raises(LoginRequired):
            await listened(remote, 1)
        assert server.requests == []


@story
async def test_a_place_that_the_server_has_forgotten_is_given_up_and_the_stream_goes_on():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(STREAM + event(NOTE, b"1")), one(reply(b"400 Unknown event")), one(STREAM + event(NOTE)))
        assert len(await listened(remote, 2)) == 2
        assert [header(request, b"last-event-id") for request in server.requests] == [None, b"1", None]


@story
async def test_an_event_that_is_not_a_message_is_passed_over_and_not_requested_again():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(STREAM + event(b"{oops", b"1")), one(STREAM + event(NOTE)))
        assert await listened(remote, 1) == [NOTE]
        assert header(server.requests[1], b"last-event-id") == b"1"


@story
async def test_a_response_of_another_type_is_not_a_stream():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(reply(b"200 OK", body=b"{}")))
        with pytest.raises(UpstreamFailed) as caught:
            await listened(remote, 1)
        assert caught.value.status == 406


@story
async def test_a_call_outlives_an_event_that_is_not_a_message():
    async with Scripted() as server, connected(server) as remote:
        server.play(one(STREAM + event(b"{oops") + event(ANSWER) + END), one(STREAM + event(b"{oops") + END))
        assert await collect(remote.post(CALL, {})) == [ANSWER]
        with pytest.raises(OutcomeUnknown):
            await collect(remote.post(CALL, {}))
        assert heads(server) == ["POST /mcp", "POST /mcp"]
