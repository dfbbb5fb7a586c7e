"""Server-sent events against a reference that is written from the WHATWG text, at every split."""

import pytest
from chunking import cut, cuts
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_auth_bridge.errors import LimitExceeded
from mcp_auth_bridge.relay.sse import EventParser, ServerSentEvent

BIG = 1 << 20
BOM = b"\xef\xbb\xbf"


def reference(stream):  # noqa: C901 - the specification is one list of steps
    """WHATWG HTML 9.2.5 and 9.2.6, sentence by sentence, on the whole stream at once: (events, last id, retry)."""
    stream = stream.removeprefix(BOM)
    lines = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]  # the rest has no line end
    events, last_id, retry = [], b"", None
    data, event_type, id_buffer = b"", b"", b""
    for line in lines:
        if line == b"":
            last_id = id_buffer
            if data:
                events.append(ServerSentEvent(data.removesuffix(b"\n"), event_type or b"message", last_id))
            data, event_type = b"", b""
            continue
        if line.startswith(b":"):
            continue
        if b":" in line:
            field, value = line.split(b":", 1)
            if value.startswith(b" "):
                value = value[1:]
        else:
            field, value = line, b""
        if field == b"event":
            event_type = value
        elif field == b"data":
            data += value + b"\n"
        elif field == b"id":
            if b"\0" not in value:
                id_buffer = value
        elif field == b"retry" and value and all(digit in b"0123456789" for digit in value):
            retry = int(value)
    return events, last_id, retry


def parsed(chunks, limit=BIG):
    parser = EventParser(limit)
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    return events, parser.last_id, parser.retry


ends = st.sampled_from([b"\n", b"\r", b"\r\n"])
fields = st.sampled_from([b"data", b"event", b"id", b"retry", b"Data", b"x", b"", b" data", b"data "])
field_values = st.sampled_from(
    [b"", b" ", b"a", b" a", b"  a", b"a:b", b":", b"12", b"12x", b"\x00", b"\xc3\xa9", b"\xe2\x80\xa8", b"\x0b"]
)
lines = st.just(b"") | fields | st.builds(lambda name, value: name + b":" + value, fields, field_values)
streams = st.builds(
    lambda bom, parts, tail: bom + b"".join(line + end for line, end in parts) + tail,
    st.sampled_from([b"", BOM, BOM + BOM, BOM[:2], BOM[:1]]),
    st.lists(st.tuples(lines, ends), max_size=12),
    st.sampled_from([b"", b"data: cut", b"\r", b"\n"]),
)

# Events as nearly all servers write them, and events that differ from these in one place.
ids = st.sampled_from([b"", b"id: 1", b"id:2", b"id: a b", b"id: \0", b"id: a\rb", b"id:  x", b"id"])
types = st.sampled_from([b"", b"", b"event: message", b"event:message", b"event: ping", b"event: message "])
contents = st.sampled_from(
    [b"data: {}", b"data:{}", b"data:  x", b"data: ", b"data: a\rb", b"data: \xc3\xa9", b": ping"]
)
usual_events = st.builds(
    lambda first, type_, second, content, end, last: (
        b"".join(line + end for line in (first, type_, second, content) if line) + last
    ),
    ids,
    types,
    ids,
    contents,
    ends,
    ends,
)
usual_streams = st.builds(
    lambda before, events, tail: before + b"".join(events) + tail,
    st.sampled_from([b"", b"", BOM, b"\n", b"retry: 7\n\n"]),
    st.lists(usual_events, max_size=8),
    st.sampled_from([b"", b"data: cut", b"data: cut\r\n"]),
)


@settings(max_examples=400)
@given(streams, cuts)
@example(b"data: a\r\n\r\ndata: b\r\r\ndata: c\n\n", [8, 9, 10])
@example(BOM + b"data: a\n\n", [1, 2])
def test_any_stream_in_any_chunks_is_read_as_the_specification_says(stream, where):
    expected = reference(stream)
    assert parsed([stream]) == expected
    assert parsed([stream[at : at + 1] for at in range(len(stream))]) == expected
    assert parsed(cut(stream, where)) == expected


@settings(max_examples=400)
@given(usual_streams, cuts)
@example(b"id: 1\nid: 2\ndata: x\n\n", [])
@example(b"data: a\rb\n\n", [])
@example(b"data: \rb\n\ndata: c\n\n", [])
@example(b"id: 1\rdata: x\ndata: y\n\n", [])
@example(b"data: a\n\nevent: message\ndata: b\n\n: ping\n\nid: 3\r\nevent: message\r\ndata: c\r\n\r\n", [4, 30])
def test_the_usual_events_are_read_as_all_others_are(stream, where):
    test_any_stream_in_any_chunks_is_read_as_the_specification_says.hypothesis.inner_test(stream, where)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [ServerSentEvent(b"YHOO\n+2\n10")]),
        (b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
         [
            ServerSentEvent(b"first event", id=b"1"),
            ServerSentEvent(b"second event"),
            ServerSentEvent(b" third event"),
        ]),
        (b"data\n\ndata\ndata\n\ndata:", [ServerSentEvent(b""), ServerSentEvent(b"\n")]),
        (b"data:test\n\ndata: test\n\n", [ServerSentEvent(b"test"), ServerSentEvent(b"test")]),
        (b"event: add\ndata: 73857293\n\n", [ServerSentEvent(b"73857293", b"add")]),
        (b"id: 7\ndata:\n\n", [ServerSentEvent(b"", id=b"7")]),
        (b"id: 7\n\ndata: x\n\n", [ServerSentEvent(b"x", id=b"7")]),
    ],
)  # fmt: skip
def test_the_examples_of_the_specification(stream, events):
    assert parsed([stream])[0] == events


def test_an_id_with_nul_is_ignored():
    assert parsed([b"id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n"])[0] == [
        ServerSentEvent(b"a", id=b"1"),
        ServerSentEvent(b"b", id=b"1"),
    ]


def test_an_event_that_was_cut_off_does_not_count():
    assert parsed([b"id: 1\ndata: a\n\nid: 2\ndata: b\n"]) == ([ServerSentEvent(b"a", id=b"1")], b"1", None)


def test_a_retry_that_is_not_a_number_changes_nothing():
    assert parsed([b"retry: 10\nretry: 1.5\nretry: -1\nretry: \nretry: \xd9\xa1\n"])[2] == 10


def test_a_very_long_retry_is_still_a_number():
    assert parsed([b"retry: " + b"9" * 10_000 + b"\n"])[2] == 999_999_999


def test_comments_and_other_fields_never_reach_the_limit():
    parser = EventParser(limit=64)
    for _ in range(1000):
        assert list(parser.feed(b": keep alive, keep alive\nid: 5\nevent: x\nretry: 1\n")) == []
    assert list(parser.feed(b"data: still here\n\n")) == [ServerSentEvent(b"still here", b"x", b"5")]


def test_many_events_never_reach_the_limit():
    assert len(parsed([b"data: 0123456789\n\n"] * 1000, limit=32)[0]) == 1000


@pytest.mark.parametrize("chunk", [b"data: 0123456789\n", b"x", b": x"])
def test_an_event_that_is_too_large_ends_the_stream(chunk):
    with pytest.raises(LimitExceeded):
        parsed([chunk] * 100, limit=64)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_a_data_line_that_arrives_in_pieces_is_one_and_counted_until_its_event_ends(ending):
    parser = EventParser(BIG)
    assert list(parser.feed(b"data: begun")) == []
    assert parser.kept >= len(b"begun")
    (event,) = parser.feed(b" and ended" + ending + ending + (b"" if ending != b"\r" else b":\n"))
    assert event.data == b"begun and ended"
    assert parser.kept == 0
