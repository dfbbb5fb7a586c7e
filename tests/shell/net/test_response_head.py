"""The head of a response: its fields whatever their spelling, and what is no head."""

import pytest

from mcp_auth_bridge.shell.net.response_head import HEAD_LIMIT, Llhttp, ResponseInvalid, TwoLengths

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def head(*lines, end=b"\r\n"):
    return Llhttp().head(OK + b"".join(line + end for line in lines) + b"\r\n")


@pytest.mark.parametrize(
    ("lines", "fields"),
    [
        ([], {}),
        ([b"X-A: 1", b"y: b c"], {"x-a": ("1",), "y": ("b c",)}),
        ([b"X: 1", b"Y: 2", b"x: 3"], {"x": ("1", "3"), "y": ("2",)}),
        ([b"X: 1", b"X: 2"], {"x": ("1", "2")}),
        ([b"X: a \t ", b"Y:  \t", b"Z:b"], {"x": ("a",), "y": ("",), "z": ("b",)}),
        ([b"X: a\t"], {"x": ("a",)}),
        ([b"X:", b"Y: 1"], {"x": ("",), "y": ("1",)}),
        ([b"X: \xe9"], {"x": ("\xe9",)}),
        ([b"X: a", b"\tb"], {"x": ("a b",)}),
        ([b"Content-Length: 5, 5", b"X: 1"], {"x": ("1",), "content-length": ("5",)}),
    ],
)
def test_fields_have_lower_case_names_and_values_without_outer_blanks(lines, fields):
    assert head(*lines).fields == fields


def test_line_ends_may_be_bare():
    assert Llhttp().head(b"HTTP/1.1 200 OK\nX: 1\n\n").fields == {"x": ("1",)}


@pytest.mark.parametrize(
    ("text", "persists"),
    [
        (OK + b"\r\n", True),
        (OK + b"Connection: keep-alive\r\n\r\n", True),
        (OK + b"Connection: x, Close\r\n\r\n", False),
        (OK + b"Connection: x\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\n\r\n", False),
    ],
)
def test_a_connection_stays_open_unless_the_head_says_otherwise(text, persists):
    assert Llhttp().head(text).persists is persists


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0\r\n\r\n",
        b"HTTP/1.1 x\r\n\r\n",
        OK + b" folds nothing\r\n\r\n",
        OK + b"bad name: 1\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ],
)
def test_what_is_no_head_is_refused(text):
    with pytest.raises(ResponseInvalid):
        Llhttp().head(text)


def test_two_lengths_are_named():
    with pytest.raises(TwoLengths):
        head(b"Content-Length: 5", b"Transfer-Encoding: chunked")


def chunked(text=CHUNKED):
    reading = Llhttp()
    reading.head(text)
    return reading


@pytest.mark.parametrize(
    "text", [CHUNKED, CHUNKED.replace(b"\r\n", b"\n"), CHUNKED.replace(b"\r\n\r\n", b"\r\nX: \r\n\r\n")]
)
def test_chunks_follow_however_the_head_was_spelled(text):
    reading = chunked(text)
    assert reading.body(b"5\r\nhello\r\n0\r\nX: 1\r\n\r\n") == [b"hello"]
    assert (reading.complete, reading.overrun) == (True, False)


def test_bytes_after_the_last_chunk_are_noticed_and_are_no_body():
    reading = chunked()
    assert reading.body(b"5\r\nhello\r\n0\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\nx") == [b"hello"]
    assert (reading.complete, reading.overrun) == (True, True)


def test_a_fault_shows_after_the_pieces_before_it():
    reading = chunked()
    assert reading.body(b"5\r\nhello\r\nzz\r\n") == [b"hello"]
    with pytest.raises(ResponseInvalid):
        reading.rest()
    with pytest.raises(ResponseInvalid):
        chunked().body(b"zz\r\n")


def test_what_is_between_chunks_has_a_limit():
    reading = chunked()
    assert reading.rest() == reading.body(b"5;" + b"x" * (HEAD_LIMIT - 2)) == []
    with pytest.raises(ResponseInvalid):
        reading.body(b"xxx")


@pytest.mark.parametrize("lines", [b"", b"X: 1 \r\n"])
def test_trailers_are_no_fields_of_the_head(lines):
    reading = Llhttp()
    read = reading.head(OK + lines + b"Transfer-Encoding: chunked\r\n\r\n")
    before = dict(read.fields)
    assert reading.body(b"0\r\nX-Sum: 1\r\n\r\n") == []
    assert read.fields == before


def test_chunks_are_read_after_a_head_that_was_read_before_and_trailers_are_of_no_use():
    reading = Llhttp.in_chunks()
    assert reading.body(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n") == [b"hello"]
    assert reading.complete
    assert not reading.overrun
