"""The head of an HTTP/1.1 request as bytes (RFC 9112 sections 3 and 5)."""

import re
from collections.abc import Iterable

import msgspec

from mcp_auth_bridge.http_syntax import TOKEN

_LINES = re.compile(
    # The target without blanks and controls, then fields whose values hold neither controls nor line ends.
    rb"(?:%(token)b) [!-~]+ HTTP/1\.1\r\n(?:%(token)b: [\t -~\x80-\xff]*\r\n)*\r\n" % {b"token": TOKEN.encode()}
)

_WITH_LENGTH = ("POST", "PUT", "PATCH")  # a length even for an empty body (RFC 9110 section 8.6)


class RequestHead(msgspec.Struct, frozen=True):
    """The head of a request, ready for the wire. It may hold secrets."""

    method: str
    raw: bytes


class HeadTemplate(msgspec.Struct, frozen=True):
    """The head of requests that differ in nothing but their bodies: it lacks their length. It may hold secrets."""

    method: str
    before: bytes  # the request line, and the `Host`
    after: bytes

    def head(self, body: bytes) -> RequestHead:
        """The head for `body`."""
        if body or self.method in _WITH_LENGTH:
            return RequestHead(self.method, b"%bContent-Length: %d\r\n%b" % (self.before, len(body), self.after))
        return RequestHead(self.method, self.before + self.after)


def request_head(method: str, target: str, fields: Iterable[tuple[bytes, bytes]]) -> RequestHead:
    """The head of a request with `fields` in their order. Raises `ValueError`, without the text, if it is not valid."""
    lines = [b"%b %b HTTP/1.1\r\n" % (method.encode(), target.encode())]
    lines += [b"%b: %b\r\n" % (name, value.strip(b" \t")) for name, value in fields]
    raw = b"".join((*lines, b"\r\n"))
    # As many lines as were made: a value with a line end in it would look like two fields.
    if _LINES.fullmatch(raw) is None or raw.count(b"\n") != len(lines) + 1:
        raise ValueError("the head of the request is not valid")
    return RequestHead(method, raw)


def head_template(method: str, target: str, host: str, fields: Iterable[tuple[bytes, bytes]]) -> HeadTemplate:
    """The head of requests to `host` with `fields`, checked once. Raises as `request_head`."""
    lines = request_head(method, target, [(b"Host", host.encode()), *fields]).raw.splitlines(keepends=True)
    return HeadTemplate(method, b"".join(lines[:2]), b"".join(lines[2:]))
