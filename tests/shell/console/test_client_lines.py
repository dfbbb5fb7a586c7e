"""The client's stream as lines, in the framing of its first chunk."""

from mcp_auth_bridge.relay.base import Malformed
from mcp_auth_bridge.relay.content_length import framed
from mcp_auth_bridge.shell.console import client_lines


def read(*chunks):
    """The lines of a stream, and how often the writer was told to use frames."""
    told = []
    lines = client_lines.ClientLines(lambda: told.append("frames"))
    return [line for chunk in (*chunks, b"") for line in lines.feed(chunk)], len(told)


def test_a_line_may_come_in_pieces_and_several_at_once():
    assert read(b'{"a"', b":1}\n{}\n[", b"]\n") == ([b'{"a":1}', b"{}", b"[]"], 0)


def test_a_last_line_without_an_end_is_a_line():
    assert read(b"{}\n[]") == ([b"{}", b"[]"], 0)


def test_a_stream_without_a_byte_has_no_lines_and_no_framing():
    assert read() == ([], 0)


def test_a_client_that_begins_with_frames_is_read_and_answered_in_frames():
    first, second = framed(b"{}"), framed(b"[]")
    assert read(first + second[:5], second[5:]) == ([b"{}", b"[]"], 1)


def test_a_frame_after_a_line_does_not_change_the_framing():
    lines, told = read(b"{}\n", framed(b"[]"))
    assert lines[0] == b"{}"
    assert lines[1].startswith(b"Content-Length")
    assert told == 0


def test_a_line_that_is_too_long_is_told_and_the_next_one_is_read(monkeypatch):
    monkeypatch.setattr(client_lines, "LONGEST_LINE", 1000)
    (refused, line), _ = read(b"x" * 2000 + b"\n{}\n")
    assert isinstance(refused, Malformed)
    assert line == b"{}"


def test_a_frame_that_is_too_long_is_told(monkeypatch):
    monkeypatch.setattr(client_lines, "LONGEST_LINE", 1000)
    (refused, *_), told = read(framed(b"x" * 2000))
    assert isinstance(refused, Malformed)
    assert told == 1
