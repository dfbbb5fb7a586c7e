"""Pieces are joined to what they were, whatever their sizes, and many small ones take little room."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.relay.byte_buffer import ByteBuffer

PIECES = st.lists(st.binary(max_size=5) | st.sampled_from([b"x" * 4096, b"y" * 100_000]), max_size=30)


@given(PIECES)
def test_the_whole_is_the_pieces_in_their_order(pieces):
    buffer = ByteBuffer()
    for piece in pieces:
        buffer.add(piece)
    assert len(buffer) == sum(map(len, pieces))
    assert buffer.take() == b"".join(pieces)
    assert (len(buffer), buffer.take()) == (0, b"")


def test_a_buffer_that_was_cleared_is_empty_and_can_be_used_again():
    buffer = ByteBuffer()
    buffer.add(b"x" * 70_000)
    buffer.add(b"y")
    buffer.clear()
    buffer.add(b"z")
    assert buffer.take() == b"z"


def test_single_bytes_take_little_more_memory_than_they_are_long():
    buffer = ByteBuffer()
    for _ in range(200_000):
        buffer.add(b"x")
    parts = sum(map(sys.getsizeof, buffer._parts)) + sys.getsizeof(buffer._parts) + sys.getsizeof(buffer._small)
    assert parts < 1.2 * 200_000
