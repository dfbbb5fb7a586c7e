"""The rows of the fault matrix as data: what the server does to each request, and the expected outcome.

The numbers are those of hardening.md, section 2.1. TLS, DNS and proxies are in tests/shell/net/test_pool.py, which
tests the same code without a process around it.
"""

import gzip
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from faults.server import END, Made, chunked, event, head, plain, refusal, response, whole
from peers.scripted import CUT, HALF_CLOSE, RESET

UNREACHABLE, UNKNOWN, UPSTREAM, LIMIT, SESSION, BROKEN = -32011, -32012, -32013, -32014, -32015, -32016
OK, TOOL_ERROR = "answered", "answered with isError"
_SSE, _JSON = b"text/event-stream", b"application/json"

LEGACY, MODERN = "legacy", "modern"
BOTH = (LEGACY, MODERN)


class Row(NamedTuple):
    """Outcomes: `call` of a tools/call, `read` of a prompts/get, `passed` of a read from which it passes.

    `calls` and `reads` count how often the server gets the call and the prompt while the fault stays.
    """

    name: str
    script: Sequence[Any]
    call: Any
    read: Any
    passed: Any = OK
    calls: int = 1
    reads: int = 1
    eras: Sequence[str] = BOTH
    relay: str = ""


def cut(name: str, *script: Any, **more: Any) -> Row:
    """The server may have processed it: a call is not repeated, a list is repeated twice."""
    return Row(name, script, UNKNOWN, UNKNOWN, OK, 1, 3, **more)


def broken(name: str, *script: Any, code: int = BROKEN, **more: Any) -> Row:
    """A malformed response: repeating the request would bring the same."""
    return Row(name, script, code, code, code, **more)


def lost(dialect: str, *script: Any, code: int = SESSION, calls: int = 2) -> Row:
    """The session is lost, also the next one: each request is sent again once, if that is safe."""
    return Row(f"13 a lost session: {dialect}", script, code, code, OK, calls, 2, (LEGACY,))


def sound(name: str, *script: Any, **more: Any) -> Row:
    """Unusual, but correct."""
    return Row(name, script, OK, OK, **more)


def status(number: int, *headers: bytes, again: bool, name: str = "", **more: Any) -> Row:
    """HTTP `number`; `again` says whether a list is repeated."""
    reads, passed = (3, OK) if again else (1, UPSTREAM)
    return Row(name or f"HTTP {number}", [head(number, *headers)], UPSTREAM, UPSTREAM, passed, 1, reads, **more)


def made(function: Any) -> Made:
    return Made(function)


def sse(*tail: bytes) -> Made:
    return Made(lambda exchange: chunked(event(response(exchange))) + b"".join(tail))


def raw_sse(text: bytes) -> Made:
    """A whole stream in which $ stands for the reply."""
    return Made(lambda exchange: chunked(text.replace(b"$", response(exchange))) + END)


def other(id_: Any) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"result":{}}' % id_


def _raw_id(exchange: Any) -> bytes:
    return json.dumps(exchange.id).encode()


def as_text(exchange: Any) -> bytes:
    """The reply with its id in the other type."""
    return other(b'"%b"' % str(exchange.id).encode() if isinstance(exchange.id, int) else b"7")


async def never(reader: Any, _: Any) -> None:
    """Send nothing more until the client hangs up."""
    await reader.read()


GONE = b'{"jsonrpc":"2.0","id":%b,"error":{"code":%d,"message":"%b"}}'
GIVEN = response  # short for the reply itself
BOMB = gzip.compress(b"[" + b" " * (8 << 20) + b"]")
QUICK = "deadline = 0.5"

ROWS = [
    # 1, 3, 5, 7, 18: the connection ends too early
    cut("1, 3 closed without a response", CUT),
    cut("5 reset without a response", RESET),
    cut("5 half-closed without a response", HALF_CLOSE),
    cut("1, 3 cut in the head", b"HTTP/1.1 200 OK\r\nContent-Le", CUT),
    cut("18 cut in a JSON response", head(200, length=100, kind=_JSON), b'{"jsonrpc"', CUT),
    cut("18 reset in a JSON response", head(200, length=100, kind=_JSON), b'{"jsonrpc"', RESET),
    cut("1, 3 cut in an event", chunked(b'data: {"json'), CUT),
    cut("1, 3 reset in an event", chunked(b'data: {"json'), RESET),
    cut("1, 3 cut between the chunks, before the reply", chunked(b": hello\n\n"), CUT),
    cut("3 a stream that ends properly without a reply", chunked(b": hello\n\n"), END),
    cut("26 a stream of foreign replies", chunked(event(other(b'"foreign"')) + event(other(b"99"))), END),
    cut("26 a stream with the reply under an id of another type", made(lambda x: chunked(event(as_text(x)))), END),
    sound("1, 3 cut after the reply, before the end", sse(), CUT),
    sound("26 the same reply twice", made(lambda x: chunked(event(GIVEN(x)) * 2)), END),
    sound(
        "26 foreign replies before the right one", made(lambda x: chunked(event(other(b"99")) + event(GIVEN(x)))), END
    ),
    broken("26 a JSON reply with a foreign id", plain(other(b'"foreign"')), code=UNKNOWN),
    # 9: the server is slow
    broken("9 silence", never, code=UNKNOWN, relay=QUICK),
    broken("9 silence after the head", head(200, length=100, kind=_JSON), never, code=UNKNOWN, relay=QUICK),
    broken("9 silence in a stream", chunked(b": hello\n\n"), never, code=UNKNOWN, relay=QUICK),
    # 10, 11, 12: statuses
    status(500, again=True),
    status(502, again=True),
    status(504, again=True),
    status(503, again=True),
    status(503, b"Retry-After: 0", again=True, name="HTTP 503, to be tried now"),
    status(503, b"Retry-After: soon", again=True, name="HTTP 503 with garbage for a time"),
    status(503, b"Retry-After: 1000000000", again=False, name="HTTP 503 for thirty years"),
    status(
        503,
        b"Date: Sat, 21 Nov 2026 10:00:00 GMT",
        b"Retry-After: Sat, 21 Nov 2026 10:00:00 GMT",
        again=True,
        name="HTTP 503 with a date",
    ),
    Row("12 HTTP 429, to be retried at once", [head(429, b"Retry-After: 0")], UPSTREAM, UPSTREAM, OK, 2, 3),
    status(429, b"Retry-After: 3600", again=False, name="12 HTTP 429 for an hour"),
    status(429, again=False),
    *(status(number, again=False) for number in (400, 402, 403, 405, 406, 409, 413, 415, 418, 451, 501, 505, 599)),
    # 13, 14, 15: the session and the era
    lost("HTTP 404", head(404)),
    lost("HTTP 410", head(410)),
    lost("words with HTTP 400", whole(400, b"text/plain", b"No valid session ID"), code=UPSTREAM),
    lost(
        "the TypeScript SDK's HTTP 400",
        plain(b'{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: no session"},"id":null}', 400),
        code=-32000,
    ),
    lost("an error without an id", plain(GONE % (b"null", -32600, b"Invalid Request")), code=-32600),
    lost("an error with another id", plain(GONE % (b'"server-error"', -32600, b"Unknown session")), code=BROKEN),
    lost("an error with the id", made(lambda x: plain(GONE % (_raw_id(x), -32001, b"Unknown session"))), code=-32001),
    lost(
        "an error in a stream",
        made(lambda x: chunked(event(GONE % (_raw_id(x), -32001, b"Unknown session"))) + END),
        code=-32001,
    ),
    lost(
        "an error of a handler", made(lambda x: plain(GONE % (_raw_id(x), -32603, b"no session"))), code=-32603, calls=1
    ),
    status(410, again=False, eras=(MODERN,)),
    broken("26 an error under no id", plain(GONE % (b"null", -32603, b"no quota")), code=-32603),
    broken("26 an error under another id", plain(GONE % (b'"other"', -32603, b"no quota"))),
    status(404, again=False, eras=(MODERN,)),
    broken("14 HTTP 404 with a reply", made(lambda x: plain(refusal(x, -32601), 404)), code=-32601, eras=(MODERN,)),
    broken(
        "15 HTTP 400 with an unsupported version",
        made(lambda x: plain(refusal(x, -32022), 400)),
        code=-32022,
        eras=(MODERN,),
    ),
    broken(
        "15 HTTP 400 with a version of the other era", made(lambda x: plain(refusal(x, -32022), 400)), eras=(LEGACY,)
    ),
    broken("10 HTTP 500 with a reply", made(lambda x: plain(refusal(x, -32603), 500)), code=-32603),
    # 17, 18, 19: malformed responses
    broken("17 HTTP 202 for a request", head(202)),
    broken("17 HTTP 204 for a request", head(204, length=None)),
    broken("18 an empty JSON response", head(200, kind=_JSON)),
    broken("18 half of a JSON response, correctly framed", plain(b'{"jsonrpc":"2.0"')),
    broken("18 a JSON response that is a number", plain(b"17")),
    broken("18 a JSON response that is not UTF-8", plain(b'{"jsonrpc":"2.0","id":1,"result":"\xff"}')),
    broken("18 no content type", made(lambda x: head(200, length=len(GIVEN(x))) + GIVEN(x))),
    broken("18 a stream announced as JSON", made(lambda x: plain(event(GIVEN(x))))),
    cut("18 JSON announced as a stream", made(lambda x: chunked(GIVEN(x)) + END)),
    cut("18 only an event that is not JSON", chunked(b"data: oops\n\n"), END),
    sound(
        "18 an event that is not JSON before the reply",
        made(lambda x: chunked(b"data: oops\n\n" + event(GIVEN(x)))),
        END,
    ),
    sound("17 HTTP 201 for a request", made(lambda x: plain(GIVEN(x), 201))),
    broken("19 a web page", whole(200, b"text/html", b"<title>Sign in</title>"), code=UPSTREAM),
    broken("19 a web page as an error", whole(403, b"text/html", b"<title>Sign in</title>"), code=UPSTREAM),
    broken("19 a redirect that is not followed", head(302, b"Location: https://other.example/"), code=UPSTREAM),
    broken("20 a redirect to another origin", head(307, b"Location: https://other.example/"), code=UPSTREAM),
    broken("20 a redirect without a location", head(307), code=UPSTREAM),
    Row("20 a redirect loop", [head(307, b"Location: /mcp")], UPSTREAM, UPSTREAM, OK, 4, 4),
    # Wrong framing and false headers
    broken("18 a length that is too short", made(lambda x: head(200, length=9, kind=_JSON) + GIVEN(x))),
    broken("18 a length that is not a number", head(200, b"Content-Length: many", length=None, kind=_JSON), CUT),
    broken("18 a negative length", head(200, length=-1, kind=_JSON), CUT),
    broken("18 two lengths", head(200, b"Content-Length: 5", length=4, kind=_JSON), b"nullx"),
    broken("18 an unknown transfer coding", head(200, b"Transfer-Encoding: magic", length=None, kind=_JSON), CUT),
    broken(
        "18 a chunk without a size", head(200, b"Transfer-Encoding: chunked", length=None, kind=_SSE), b"zz\r\n", CUT
    ),
    broken("18 bytes that are not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n", CUT),
    broken("18 many bytes that are not HTTP", b"220 mail.example ESMTP\r\n\r\n", CUT),
    broken("18 a header line without a colon", b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", CUT),
    broken("18 endless interim responses", b"HTTP/1.1 103 Early\r\n\r\n" * 40, never),
    sound("18 an interim response", b"HTTP/1.1 103 Early\r\n\r\n", made(lambda x: plain(GIVEN(x)))),
    sound("18 bytes after the response", made(lambda x: plain(GIVEN(x)) + b"HTTP/1.1 500 X\r\n\r\n")),
    sound(
        "18 JSON with another charset in its header", made(lambda x: whole(200, _JSON + b"; charset=utf-16", GIVEN(x)))
    ),
    sound("18 an unexpected session id", made(lambda x: plain(GIVEN(x), 200, b"Mcp-Session-Id: \xe9 other"))),
    broken("18 a control character in a header", made(lambda x: plain(GIVEN(x), 200, b"X-Note: a\x01b"))),
    # 21: content codings
    sound("21 gzip", made(lambda x: plain(gzip.compress(GIVEN(x)), 200, b"Content-Encoding: gzip"))),
    broken("21 a bomb", plain(BOMB, 200, b"Content-Encoding: gzip"), code=LIMIT)._replace(call=TOOL_ERROR),
    broken("21 a body that is not gzip", made(lambda x: plain(GIVEN(x), 200, b"Content-Encoding: gzip"))),
    broken("21 half of a gzip", made(lambda x: plain(gzip.compress(GIVEN(x))[:-9], 200, b"Content-Encoding: gzip"))),
    broken("21 brotli", made(lambda x: plain(GIVEN(x), 200, b"Content-Encoding: br"))),
    broken("21 a chain", made(lambda x: plain(GIVEN(x), 200, b"Content-Encoding: gzip, gzip"))),
    # 22, 23, 24, 33: unusual, but correct
    sound("22 chunks of one byte", made(lambda x: chunked(event(GIVEN(x)), size=1)), END),
    sound(
        "22 JSON in chunks of one byte",
        made(lambda x: chunked(GIVEN(x, "\u00e9\u4e2d\U0001f600"), kind=_JSON, size=1)),
        END,
    ),
    sound("23 CRLF", raw_sse(b": hi\r\n\r\nevent: message\r\ndata: $\r\n\r\n")),
    sound("23 CR", raw_sse(b": hi\r\revent: message\rdata:$\r\r")),
    sound("23 a byte order mark, a mix, data in two lines", raw_sse(b"\xef\xbb\xbfdata: \r\ndata:$\n\r\n")),
    sound("24 line separators in a string", made(lambda x: plain(other(_raw_id(x)).replace(b"{}", _SEPARATED)))),
    sound("33 Connection: close", made(lambda x: plain(GIVEN(x), 200, b"Connection: close")), CUT),
    sound(
        "33 no length, the connection's end ends the body",
        made(lambda x: head(200, length=None, kind=_JSON) + GIVEN(x)),
        CUT,
    ),
]

_SEPARATED = '{"text":"a\u2028b\u2029c\u0085d"}'.encode()
