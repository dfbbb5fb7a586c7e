"""Where a response ends, and what is in it: as two parsers of other authors say, and as each odd answer was decided.

The parsers are h11 and the standard library's `http.client`. Neither shares a line with llhttp.
"""

import http.client
import io
from itertools import pairwise

import h11
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_auth_bridge.shell.net.response_parser import ResponseInvalid, ResponseParser


class Sent(msgspec.Struct):
    """A response as its server meant it."""

    # The method of the request.
    method: str
    # Its bytes, with those of nobody after it.
    data: bytes
    status: int
    body: bytes
    # Whether the end of the connection is the end of the body.
    until_the_end: bool
    # Whether its head lets the connection be used again.
    persists: bool
    # The bytes after the response, which belong to none.
    junk: bytes


@st.composite
def chunked(draw, body_pieces):
    spelled = []
    for piece in [*body_pieces, b""]:
        size = draw(st.sampled_from(["%x", "%X", "0%x", "0000%X"])) % len(piece)
        extension = draw(st.sampled_from(["", "", ";a", ";a=b", ';a="b c"', ";a=b;c=d"]))
        end = b"\r\n" if piece else b""
        spelled.append(f"{size}{extension}\r\n".encode() + piece + end)
    fields = [b"X-Sum: 1\r\n", b"X-Long: " + b"y" * 99 + b"\r\n", b"Expires: 0\r\n"]
    trailers = draw(st.lists(st.sampled_from(fields), max_size=2))
    return b"".join(spelled) + b"".join(trailers) + b"\r\n"


@st.composite
def responses(draw):
    method = draw(st.sampled_from(["POST", "POST", "GET", "HEAD", "DELETE"]))
    status = draw(st.sampled_from([200, 200, 201, 202, 204, 304, 400, 401, 404, 500]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.0"]))
    framings = ["length", "end"] + ["chunks"] * 2 * (version == "1.1" and status not in (204, 304))
    framing = draw(st.sampled_from(framings))  # http.client reads chunks even after a 204
    pieces = draw(st.lists(st.binary(min_size=1, max_size=40) | st.sampled_from([b"\r\n", b"0\r\n\r\n"]), max_size=5))
    fields = draw(st.lists(st.sampled_from(["Server: x", "X-Empty:", "x-tab:\ta\t", "Date: now, then"]), max_size=3))
    connection = draw(st.sampled_from([None, None, "close", "Keep-Alive", "foo, Close"]))
    body = b"".join(pieces)
    encoded = body
    if framing == "length":
        fields.append(f"Content-Length: {len(body)}")
    elif framing == "chunks":
        fields.append("Transfer-Encoding: chunked")
        encoded = draw(chunked(pieces))
    if connection is not None:
        fields.append(f"Connection: {connection}")
    bodiless = method == "HEAD" or status in (204, 304)
    until_the_end = framing == "end" and not bodiless
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" * draw(st.integers(0, 2))
    head = "\r\n".join([f"HTTP/{version} {status} {draw(st.sampled_from(['OK', 'Some Thing', '']))}", *fields, "", ""])
    junk = b"" if until_the_end else draw(st.sampled_from([b"", b"", b"\r\n", b"x", b"zz", b"HTTP/1.1 200 OK\r\n\r\n"]))
    return Sent(
        method,
        interim + head.encode() + (b"" if bodiless else encoded) + junk,
        status,
        b"" if bodiless else body,
        until_the_end,
        version == "1.1" and (connection or "").lower() not in ("close", "foo, close") and not until_the_end,
        junk,
    )


def read(data, cuts, *, method="POST", ended=False, parser=None):
    """(status, body, complete, reusable) of the response in `data`, cut at `cuts`; None without a whole head.

    `parser` is that of the connection, a new one if none is given.
    """
    parser, head, body = parser or ResponseParser(), None, []
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    for start, end in pairwise(edges):
        parser.receive(data[start:end])
        while (head is None or head.status < 200) and (found := parser.head(method)) is not None:
            head = found
        while head is not None and head.status >= 200 and not parser.complete and (pieces := parser.body()):
            body += pieces
    if ended:
        parser.receive_end()
    if head is None or head.status < 200:
        return None
    while not parser.complete and (pieces := parser.body()):
        body += pieces
    return head.status, b"".join(body), parser.complete, parser.is_reusable()


def h11_reads(sent, data, *, ended):
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=sent.method, target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    if ended:
        client.receive_data(b"")
    status, body = None, []
    while True:
        event = client.next_event()
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body.append(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return status, b"".join(body), True
        elif event in (h11.NEED_DATA, h11.PAUSED):
            return status, b"".join(body), False


class Stream(io.BytesIO):
    """The bytes of a socket; it stays open, so that the place at which the reader stopped can be seen."""

    def makefile(self, _mode):
        return self

    def close(self):
        """Nothing."""


def http_client_reads(sent, data):
    """(status, body, the bytes that it left)."""
    stream = Stream(data)
    response = http.client.HTTPResponse(stream, method=sent.method)
    response.begin()
    body = response.read()
    return response.status, body, data[stream.tell() :]


@settings(max_examples=500, deadline=None)
@given(responses(), st.lists(st.integers(1, 500), max_size=12))
def test_a_response_is_what_its_server_meant_and_what_two_other_parsers_read(sent, cuts):
    ended = sent.until_the_end
    found = read(sent.data, cuts, method=sent.method, ended=ended)
    assert found == (sent.status, sent.body, True, sent.persists and not sent.junk)
    assert h11_reads(sent, sent.data, ended=ended) == found[:3]
    assert http_client_reads(sent, sent.data) == (sent.status, sent.body, sent.junk)


@settings(max_examples=300, deadline=None)
@given(responses(), st.data())
def test_a_response_that_is_cut_off_is_never_complete(sent, data):
    whole = len(sent.data) - len(sent.junk)
    cut = data.draw(st.integers(1, whole - 1))
    part = sent.data[:cut]
    found = read(part, data.draw(st.lists(st.integers(1, 500), max_size=6)), method=sent.method, ended=False)
    assert found is None or found[2:] == (False, False)
    if found is not None:
        assert sent.body.startswith(found[1])
        status, body, complete = h11_reads(sent, part, ended=False)
        assert (status, complete) == (found[0], False)
        assert body == found[1]


@settings(max_examples=300, deadline=None)
@given(responses(), st.lists(st.integers(1, 500), max_size=12))
def test_byte_by_byte_a_response_is_the_same_as_at_once(sent, cuts):
    expected = read(sent.data, (), method=sent.method, ended=sent.until_the_end)
    for where in (cuts, range(1, len(sent.data))):
        assert read(sent.data, where, method=sent.method, ended=sent.until_the_end) == expected


OK = b"HTTP/1.1 200 OK\r\n"
FIVE = b"Content-Length: 5\r\n\r\nhello"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"5\r\nhello\r\n0\r\n\r\n"

REFUSED = "refused"

# Each answer with the decision about it (`REFUSED`, or the body that is read), and the reason or the server behind it.
ODD_ANSWERS = {
    "chunks beside a length": (
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + END,
        REFUSED,
        "two ends: response splitting",
    ),
    "a length beside chunks": (
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + END,
        REFUSED,
        "two ends: response splitting",
    ),
    "the same length twice": (OK + b"Content-Length: 5\r\n" + FIVE, b"hello", "CGI scripts behind Apache"),
    "the same length in a list": (OK + b"Content-Length: 5, 5\r\n\r\nhello", b"hello", "proxies that join fields"),
    "two lengths": (OK + b"Content-Length: 4\r\n" + FIVE, REFUSED, "two ends"),
    "two lengths in a list": (OK + b"Content-Length: 5, 6\r\n\r\nhello", REFUSED, "two ends"),
    "a negative length": (OK + b"Content-Length: -5\r\n\r\nhello", REFUSED, "strict"),
    "a length with a sign": (OK + b"Content-Length: +5\r\n\r\nhello", REFUSED, "strict"),
    "a length in hexadecimal": (OK + b"Content-Length: 0x5\r\n\r\nhello", REFUSED, "strict"),
    "an empty length": (OK + b"Content-Length:\r\n\r\nhello", REFUSED, "strict"),
    "a length beyond 64 bits": (OK + b"Content-Length: 99999999999999999999999\r\n\r\n", REFUSED, "overflow"),
    "a length with zeros before it": (OK + b"Content-Length: 0005\r\n\r\nhello", b"hello", "the grammar allows it"),
    "chunked twice in a field": (
        OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + END,
        REFUSED,
        "RFC 9112 section 6.1",
    ),
    "chunked in two fields": (
        OK + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n" + END,
        REFUSED,
        "RFC 9112 section 6.1",
    ),
    "gzip alone": (OK + b"Transfer-Encoding: gzip\r\n\r\n", REFUSED, "not asked for"),
    "gzip, then chunked": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + END, REFUSED, "not asked for"),
    "xchunked": (OK + b"Transfer-Encoding: xchunked\r\n\r\n" + END, REFUSED, "request smuggling by a near name"),
    "identity": (OK + b"Transfer-Encoding: identity\r\n\r\nhello", REFUSED, "gone since RFC 7230"),
    "Chunked": (OK + b"Transfer-Encoding: Chunked\r\n\r\n" + END, b"hello", "names of codings have no case"),
    "a blank before the colon": (
        OK + b"Content-Length : 5\r\n\r\nhello",
        REFUSED,
        "RFC 9112 section 5.1: request smuggling",
    ),
    "a folded field": (OK + b"X: a\r\n b\r\n" + FIVE, b"hello", "CGI scripts behind old servers"),
    "a folded first line": (OK + b" X: a\r\n" + FIVE, REFUSED, "it continues nothing"),
    "bare line feeds in the head": (
        b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        b"hello",
        "CGI scripts behind old servers",
    ),
    "a bare CR in a value": (OK + b"X: a\rb\r\n" + FIVE, REFUSED, "RFC 9112 section 2.2"),
    "a NUL in a value": (OK + b"X: a\0b\r\n" + FIVE, REFUSED, "RFC 9110 section 5.5"),
    "a control character in a value": (OK + b"X: a\x01b\r\n" + FIVE, REFUSED, "as Node, and so mcp-remote"),
    "a byte beyond ASCII in a value": (OK + b"X: \xe9\r\n" + FIVE, b"hello", "obs-text; names in Latin-1 from IIS"),
    "a field without a colon": (OK + b"nonsense\r\n" + FIVE, REFUSED, "strict"),
    "a field without a name": (OK + b": x\r\n" + FIVE, REFUSED, "strict"),
    "HTTP/1.2": (b"HTTP/1.2 200 OK\r\n" + FIVE, REFUSED, "no server speaks it"),
    "HTTP/2 in words": (b"HTTP/2 200\r\n" + FIVE, REFUSED, "no server speaks it"),
    "HTTP/0.9": (b"hello", None, "not the beginning of a response; the connection tells so"),
    "ICY": (b"ICY 200 OK\r\n" + FIVE, REFUSED, "not HTTP"),
    "an empty line before the status line": (b"\r\n" + OK + FIVE, REFUSED, "bytes of the previous response"),
    "a status of two digits": (b"HTTP/1.1 99 X\r\n" + FIVE, REFUSED, "strict"),
    "a status of four digits": (b"HTTP/1.1 1000 X\r\n" + FIVE, REFUSED, "strict"),
    "no reason, and no blank before it": (b"HTTP/1.1 200\r\n" + FIVE, b"hello", "Node without a reason; curl takes it"),
    "a switch of protocols": (b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", REFUSED, "not asked for"),
    "an offer to upgrade": (
        OK + b"Connection: upgrade\r\nUpgrade: h2c\r\n" + FIVE,
        b"hello",
        "Apache with mod_http2 offers h2c",
    ),
    "a blank after a chunk's size": (CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n", REFUSED, "as Node, and so mcp-remote"),
    "a blank before a chunk's size": (CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n", REFUSED, "strict"),
    "a chunk of a negative size": (CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", REFUSED, "strict"),
    "a chunk's size with a prefix": (CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n", REFUSED, "strict"),
    "a chunk of 2**68 bytes": (CHUNKED + b"fffffffffffffffff\r\n", REFUSED, "overflow"),
    "a chunk without a size": (CHUNKED + b"\r\nhello\r\n0\r\n\r\n", REFUSED, "strict"),
    "a chunk longer than its size": (CHUNKED + b"4\r\nhello\r\n0\r\n\r\n", REFUSED, "strict"),
    "a length in the trailers": (
        CHUNKED + b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
        REFUSED,
        "RFC 9110 section 6.5.1",
    ),
    "bare line feeds between chunks": (CHUNKED + b"5\nhello\n0\n\n", REFUSED, "request smuggling, as Node"),
}


@pytest.mark.parametrize("cuts", [(), range(1, 500)], ids=["at once", "byte by byte"])
@pytest.mark.parametrize(("data", "decision", "reason"), ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_each_odd_answer_is_read_or_refused_as_decided(data, decision, reason, cuts):
    assert reason
    if decision is REFUSED:
        with pytest.raises(ResponseInvalid):
            read(data, cuts)
    else:
        found = read(data, cuts)
        assert (found and found[1]) == decision


def decided(data, cuts, method, parser):
    try:
        return read(data, cuts, method=method, parser=parser)
    except ResponseInvalid:
        return REFUSED


ODD_DATA = [data for data, _, _ in ODD_ANSWERS.values()]
STEPS = st.tuples(
    st.sampled_from([OK + FIVE, CHUNKED + END, CHUNKED + b"0\r\n\r\n", *ODD_DATA]),
    st.lists(st.integers(1, 120), max_size=4),
    st.sampled_from(["POST", "POST", "HEAD"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, min_size=2, max_size=5))
def test_an_earlier_response_on_the_connection_changes_no_decision_about_the_next(steps):
    parser = ResponseParser()
    for data, cuts, method in steps:
        parser.begin()
        found = decided(data, cuts, method, parser)
        assert found == decided(data, cuts, method, ResponseParser())
        if not parser.is_reusable():
            break
