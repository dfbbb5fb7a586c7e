"""Bodies in plain chunks: each that is taken is read as by llhttp, and nothing else is taken."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_auth_bridge.shell.net.plain_chunks import plain_chunks
from mcp_auth_bridge.shell.net.response_head import Llhttp, ResponseInvalid

END = b"0\r\n\r\n"


def llhttp_reads(received):
    """The body that llhttp reads, if it is whole and nothing comes after it."""
    reading = Llhttp.in_chunks()
    try:
        pieces = reading.body(received)
    except ResponseInvalid:
        return None
    return b"".join(pieces) if reading.complete and not reading.overrun else None


@pytest.mark.parametrize(
    ("received", "pieces"),
    [
        (b"5\r\nhello\r\n" + END, [b"hello"]),
        (b"3\r\nhel\r\n2\r\nlo\r\n" + END, [b"hel", b"lo"]),
        (b"00A\r\n0123456789\r\n" + END, [b"0123456789"]),
        (b"5\r\n" + END + b"\r\n" + END, [END]),
    ],
)
def test_a_whole_body_is_taken_chunk_by_chunk(received, pieces):
    assert plain_chunks(received) == pieces
    assert llhttp_reads(received) == b"".join(pieces)


@pytest.mark.parametrize(
    "received",
    [
        b"",
        END,
        b"5\r\nhel",
        b"5\r\nhello\r\n",
        b"5\r\nhello\r\n0\r\n",
        b"5;a=b\r\nhello\r\n" + END,
        b"5\r\nhello\r\n0\r\nX: 1\r\n\r\n",
        b"5\r\nhello\r\n" + END + END,
        b"5\r\nhello\r\n" + END + b"\r\n" + END,
        b"4\r\nhello\r\n" + END,
        b"+5\r\nhello\r\n" + END,
        b"0x5\r\nhello\r\n" + END,
        b" 5\r\nhello\r\n" + END,
        b"5 \r\nhello\r\n" + END,
        b"5\nhello\r\n" + END,
        b"\r\n" + END,
        b"1_0\r\n0123456789abcdef\r\n" + END,
        b"1\r\nx\r\n" * 16 + END,
    ],
)
def test_anything_else_is_left_to_llhttp(received):
    assert plain_chunks(received) is None


PARTS = st.sampled_from([b"0", b"1", b"2", b"5", b"A", b"hello", b"\r\n", b"\r", b"\n", b";a", b"_", b" ", b"+", END])


@given(st.lists(PARTS, max_size=9).map(b"".join))
@example(b"2\r\n\r\n\r\n" + END)
def test_what_is_taken_is_what_llhttp_reads(received):
    for data in (received, received + b"\r\n" + END):
        if (pieces := plain_chunks(data)) is not None:
            assert llhttp_reads(data) == b"".join(pieces)
