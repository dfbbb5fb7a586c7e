"""The head of a request: its bytes, and the heads that HTTP does not allow."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.shell.net.request_head import head_template, request_head

NAMES = st.sampled_from([b"Host", b"accept", b"X-Acme-Org", b"authorization", b"x_y", b"bad name", b"", b"x:"])
VALUES = st.binary(max_size=12) | st.sampled_from([b"mcp.test", b"a b", b" a ", b"", b"\xe9", b"a\r\nX: y", b"a\nX: y"])


def test_the_head_has_its_fields_in_their_order():
    head = request_head("POST", "/mcp?x=1", [(b"Host", b"mcp.test"), (b"x-a", b"1")])
    assert (head.method, head.raw) == ("POST", b"POST /mcp?x=1 HTTP/1.1\r\nHost: mcp.test\r\nx-a: 1\r\n\r\n")


@pytest.mark.parametrize(
    ("method", "target", "field"),
    [
        ("PO ST", "/", (b"x", b"")),
        ("GET", "/a b", (b"x", b"")),
        ("GET", "/\r\nX: y", (b"x", b"")),
        ("GET", "", (b"x", b"")),
        ("GET", "/", (b"x y", b"")),
        ("GET", "/", (b"x", b"a\r\nX: y")),
        ("GET", "/", (b"x", b"a\nb")),
        ("GET", "/", (b"x", b"a\0b")),
        ("GET", "/", (b"x", b"\x7f")),
    ],
)
def test_a_head_that_is_not_valid_is_refused_without_its_text(method, target, field):
    with pytest.raises(ValueError, match=r"^the head of the request is not valid$"):
        request_head(method, target, [field])


@given(st.lists(st.tuples(NAMES, VALUES), max_size=4))
def test_a_server_reads_the_fields_that_were_given_and_no_others(fields):
    try:
        raw = request_head("GET", "/mcp", [(b"Host", b"mcp.test"), *fields]).raw
    except ValueError:
        return
    server = h11.Connection(h11.SERVER)
    server.receive_data(raw)
    try:
        event = server.next_event()
    except h11.RemoteProtocolError:  # rules about several fields are not those of syntax
        assert sum(name.lower() == b"host" for name, _ in fields)
        return
    assert list(event.headers) == [
        (name.lower(), value.strip(b" \t")) for name, value in [(b"host", b"mcp.test"), *fields]
    ]


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("POST", b"12345", b"Content-Length: 5\r\n"), ("POST", b"", b"Content-Length: 0\r\n"), ("GET", b"", b"")],
)
def test_a_template_gets_the_length_of_each_body(method, body, length):
    template = head_template(method, "/mcp", "mcp.test", [(b"x-a", b"1")])
    assert (
        template.head(body).raw
        == method.encode() + b" /mcp HTTP/1.1\r\nHost: mcp.test\r\n" + length + b"x-a: 1\r\n\r\n"
    )
