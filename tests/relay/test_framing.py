"""Lines of stdio: a line ends at LF and nowhere else, in any chunks, and takes no more memory than the limit."""

import json

from chunking import cut, cuts
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.relay.base import Malformed
from mcp_auth_bridge.relay.framing import Lines, one_line

BIG = 1 << 20


def read(chunks, limit=BIG):
    lines = Lines(limit)
    found = [line for chunk in chunks for line in lines.feed(chunk)]
    found += lines.close()
    return ["too long" if isinstance(line, Malformed) else line for line in found]


alphabet = st.sampled_from(
    [b"a", b"\n", b"\r", b" ", b"\t", b"\xc3\xa9", b"\xe2\x80\xa8", b"\xc2\x85", b"\x0b", b"\x0c", b"\x1c"]
)
streams = st.lists(alphabet, max_size=40).map(b"".join)


@given(streams, cuts)
def test_any_chunking_gives_the_same_lines(stream, where):
    expected = [line.removesuffix(b"\r") for line in stream.split(b"\n")]
    expected = [line for line in expected if line.strip()]
    assert read([stream]) == expected
    assert read([stream[at : at + 1] for at in range(len(stream))]) == expected
    assert read(cut(stream, where)) == expected


def test_other_line_separators_do_not_end_a_line():
    line = '{"a":"\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e"}'.encode()
    assert read([line + b"\n"]) == [line]


def test_a_carriage_return_before_the_end_belongs_to_the_end():
    assert read([b"{}\r\n{}\r", b"\n{}\r"]) == [b"{}", b"{}", b"{}"]


def test_a_last_line_without_an_end_is_a_line():
    assert read([b"{}\n{", b"}"]) == [b"{}", b"{}"]


def test_empty_lines_are_skipped():
    assert read([b"\n\r\n \t \n\n"]) == []


@given(st.integers(0, 40), cuts)
def test_a_line_that_is_too_long_is_reported_once_and_the_next_one_is_whole(excess, where):
    stream = b"first\n" + b"x" * (10 + excess) + b"\nlast\n"
    expected = [b"first", b"x" * 10 if excess == 0 else "too long", b"last"]
    assert read(cut(stream, where), limit=10) == expected


def test_a_line_that_is_too_long_is_not_kept():
    lines = Lines(10)
    for _ in range(1000):
        list(lines.feed(b"x" * 1000))
    assert len(lines._line) == 0
    assert list(lines.feed(b"\nok\n")) == [b"ok"]


def test_a_line_that_is_too_long_and_never_ends_is_reported_once():
    assert read([b"x" * 11, b"x" * 11], limit=10) == ["too long"]


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_every_message_becomes_one_line_for_every_reader_and_keeps_its_value(value):
    for raw in (
        json.dumps(value, ensure_ascii=False, indent=1),
        json.dumps(value, ensure_ascii=False).replace(" ", "\r\n"),
    ):
        written = one_line(raw.encode())
        assert len(written.decode().splitlines()) == 1
        assert b"\n" not in written
        assert b"\r" not in written
    assert json.loads(one_line(json.dumps(value, ensure_ascii=False, indent=1).encode())) == value


def test_a_message_on_one_line_is_not_changed():
    raw = '{"a": "é \\u2028 \u3000"}'.encode()
    assert one_line(raw) == raw


def test_separators_that_some_readers_take_for_line_ends_are_escaped():
    assert one_line('{"a":"\u2028\u2029\u0085"}'.encode()) == b'{"a":"\\u2028\\u2029\\u0085"}'
