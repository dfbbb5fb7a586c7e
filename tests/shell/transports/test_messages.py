"""The messages of a response: from JSON, a batch or a stream."""

import asyncio

import pytest
from bodies import Body

from mcp_auth_bridge.errors import LimitExceeded, TheirProtocolError
from mcp_auth_bridge.relay.resumption import Resumption
from mcp_auth_bridge.shell.time_slice import CREDIT
from mcp_auth_bridge.shell.transports.messages import (
    Denied,
    EventReader,
    check_admitted,
    messages_in,
    parsed,
)

NOTE = b'{"jsonrpc":"2.0","method":"notifications/message"}'
REPLY = b'{"jsonrpc":"2.0","id":"a","result":{}}'


def events_of(body, place):
    async def story():
        reader, events = EventReader(body, place), []
        while (event := await reader.next()) is not None:
            events.append(event)
        return events

    return asyncio.run(story())


def messages_of(body, place):
    return [message for event in events_of(body, place) for message in messages_in(event)]


def test_a_batch_is_its_messages():
    assert [message.raw for message in parsed(b"[%b,%b]" % (NOTE, REPLY))] == [NOTE, REPLY]
    assert [message.raw for message in parsed(REPLY)] == [REPLY]


def test_a_body_that_is_not_a_message_is_the_servers_fault():
    with pytest.raises(TheirProtocolError, match="not a message"):
        parsed(b"<html>")


@pytest.mark.parametrize("nothing", [b"", b" \r\n"])
def test_an_empty_body_in_place_of_a_message_is_named(nothing):
    with pytest.raises(TheirProtocolError, match="an empty body"):
        parsed(nothing)


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
    assert [message.raw for message in messages_of(Body(text), place)] == [NOTE, REPLY]
    assert place.last_id == b"2"


def test_an_event_counts_against_the_budget_while_it_is_incomplete_and_no_longer():
    body = Body(b"data: " + NOTE, b"\n\n")
    assert len(events_of(body, Resumption())) == 1
    assert max(body.share.held) >= len(NOTE)
    assert body.share.held[-1] < len(NOTE)


@pytest.mark.parametrize("beat", [b'{"type":"heartbeat"}', b"ping", b"{}", b"[]", b"[1]", b"17", b'{"id":1}', b"\xff"])
def test_data_that_are_not_a_message_are_passed_over(beat):
    """Some servers send their signs of life so (dav-mcp #31)."""
    text = b"data: " + beat + b"\n\nid: 3\ndata: " + beat + b"\n\ndata: " + REPLY + b"\n\n"
    place = Resumption()
    assert [message.raw for message in messages_of(Body(text), place)] == [REPLY]
    assert place.last_id == b"3"


def test_an_event_that_exceeds_a_limit_ends_the_stream():
    with pytest.raises(LimitExceeded):
        messages_of(Body(b"data: " + b"[" * 10_000 + b"]" * 10_000 + b"\n\n"), Resumption())


def test_events_that_are_here_need_no_wait_until_others_have_to_have_their_turn():
    async def story():
        reader = EventReader(Body(b"data: x\n\n" * 100), Resumption())
        assert reader.at_hand() is None
        assert await reader.next() is not None
        at_a_stretch = 1
        while reader.at_hand() is not None:
            at_a_stretch += 1
        assert at_a_stretch < CREDIT
        turns = []
        asyncio.get_running_loop().call_soon(turns.append, None)
        assert await reader.next() is not None
        assert turns
        rest = 0
        while (reader.at_hand() or await reader.next()) is not None:
            rest += 1
        assert at_a_stretch + 1 + rest == 100

    asyncio.run(story())
