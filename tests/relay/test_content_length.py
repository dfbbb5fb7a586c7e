"""The framing with Content-Length: in any chunks, within a limit, and written so that Cline can read it."""

import json

import pytest
from chunking import cut, cuts
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.relay.base import Malformed
from mcp_auth_bridge.relay.content_length import FIRST, Frames, framed

BROKEN = "broken"


def read(chunks, limit=100):
    frames = Frames(limit)
    found = [message for chunk in chunks for message in frames.feed(chunk)]
    found += frames.close()
    return [BROKEN if isinstance(message, Malformed) else message for message in found]


def frame(body, header=b"Content-Length: %d\r\n"):
    return header % len(body) + b"\r\n" + body


messages = st.lists(st.binary(max_size=40), max_size=5)


@given(messages, cuts)
def test_any_chunking_gives_the_same_messages(bodies, where):
    stream = b"".join(map(frame, bodies))
    assert read([stream]) == bodies
    assert read(cut(stream, where)) == bodies
    assert read([stream[at : at + 1] for at in range(len(stream))]) == bodies


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: %d\r\n",
        b"content-length:%d\r\n",
        b"Content-Type: application/json\r\nContent-Length: %d\r\n",
        b"Content-Length: %d \r\nContent-Type: application/json\r\n",
    ],
)
def test_other_headers_and_spellings_are_read(header):
    assert read([frame(b"{}", header) * 2]) == [b"{}", b"{}"]


@pytest.mark.parametrize(
    "senseless",
    [
        b"Content-Type: application/json\r\n\r\n{}",
        b"Content-Length: -1\r\n\r\n{}",
        b"Content-Length: x\r\n\r\n{}",
        b"Content-Length: 101\r\n\r\n",
        b"Content-Length: 99999999999999\r\n\r\n",
        b"C" * 1024,
    ],
)
def test_a_stream_that_makes_no_sense_is_reported_once(senseless):
    assert read([frame(b"{}"), senseless, frame(b"{}")]) == [b"{}", BROKEN]


def test_an_incomplete_message_at_the_end_is_lost():
    assert read([b"Content-Length: 3\r\n\r\n{}"]) == []
    assert read([b"Content-Len"]) == []


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_frame_is_ascii_and_says_the_same(text):
    sent = framed(json.dumps({"text": text}, ensure_ascii=False).encode())
    assert sent.isascii()
    assert sent.startswith(FIRST)
    [message] = read([sent], limit=1 << 20)
    assert json.loads(message) == {"text": text}


def test_characters_beyond_the_basic_plane_are_written_as_pairs():
    assert framed('"ä😀"'.encode()) == b'Content-Length: 20\r\n\r\n"\\u00e4\\ud83d\\ude00"'
