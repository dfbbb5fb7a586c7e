"""A stream of one event: what is taken is what the parser of streams reads, and nothing else is taken."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_auth_bridge.relay.sse import EventParser
from mcp_auth_bridge.shell.transports.plain_event import plain_event


def read(stream):
    return [(event.type, event.data) for event in EventParser(1 << 20).feed(stream)]


@pytest.mark.parametrize(
    "stream",
    [
        b'data: {"a":1}\n\n',
        b"data:x\n\n",
        b"data:  x \n\n",
        b"data: \n\n",
        b"event: message\ndata: x\n\n",
        b"event: message\r\ndata: x\r\n\r\n",
        b"id: 7\nevent: message\ndata: x\n\n",
        b"event: message\nid: 7\ndata: x\n\n",
        b"data: \xe2\x80\xa8\n\n",
    ],
)
def test_one_plain_event_is_taken(stream):
    assert read(stream) == [(b"message", plain_event(stream))]


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"data: x",
        b"data: x\n",
        b"data: x\ndata: y\n\n",
        b"data: x\n\ndata: y\n\n",
        b"data: x\ry\n\n",
        b"data: x\r\r\n\r\n",
        b"id: 1\r2\ndata: x\n\n",
        b"event: other\ndata: x\n\n",
        b": comment\n\ndata: x\n\n",
        b"\xef\xbb\xbfdata: x\n\n",
        b"retry: 1\ndata: x\n\n",
        b"data: x\n\n\n",
    ],
)
def test_anything_else_is_left_to_the_parser(stream):
    assert plain_event(stream) is None


PARTS = st.sampled_from(
    [
        b"data: ",
        b"data:",
        b"id: ",
        b"event: message",
        b"event:",
        b"x",
        b" ",
        b"\n",
        b"\n\n",
        b"\r\n",
        b"\r",
        b":",
        b"\0",
    ]
)


@given(st.lists(PARTS, max_size=9).map(b"".join))
@example(b"data: \r\n\r\n")
def test_what_is_taken_is_what_the_parser_reads(parts):
    for stream in (parts, b"data: " + parts, b"data: " + parts + b"\n\n", b"event: message\r\n" + parts + b"\r\n\r\n"):
        if (data := plain_event(stream)) is not None:
            assert read(stream) == [(b"message", data)]
