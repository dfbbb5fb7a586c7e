"""The remote: MCP over streamable HTTP at the least cost that asyncio allows, with prepared responses.

A script: `server.py CERTIFICATE` prints its ports as one JSON line, answers each line on stdin with its counts, and
ends with stdin. A tool's name says what it does: `json-0`, `sse-0`, `notify-2000`, `bigjson-10` (MB), `slow-2` (s).
"""

import asyncio
import json
import re
import ssl
import sys
from collections.abc import Callable
from functools import lru_cache, partial

from delay import delayed

ROUND_TRIP = 0.04  # seconds
_SIZES = [f"{kind}-{size}" for kind in ("bigjson", "bigsse") for size in (1, 10, 50)]
TOOLS = ("json-0", "sse-0", "slow-2", "notify-2000", "notify-20000", *_SIZES)

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_METHOD = re.compile(rb'"method": ?"([^"]+)"')
_ID = re.compile(rb'"id": ?("[^"]*"|-?\d+)')
_TOOL = re.compile(rb'"name": ?"(json|sse|notify|bigjson|bigsse|slow)-(\d+)"')

_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: bench\r\nContent-Length: %d\r\n\r\n"
_SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_EMPTY = b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n"
_LINE = "All work and no play makes Jack a dull boy.\\n"


def _text(text: str) -> bytes:
    return b',"result":{"content":[{"type":"text","text":"%b"}],"isError":false}}' % text.encode()


@lru_cache
def _big(megabytes: int) -> bytes:
    return _text(_LINE * (megabytes * 1_000_000 // len(_LINE)))


def _tool(name: str) -> dict[str, object]:
    return {"name": name, "description": "For the benchmark.", "inputSchema": {"type": "object", "properties": {}}}


def _opening(version: bytes) -> bytes:
    about = b'"capabilities":{"tools":{},"logging":{}},"serverInfo":{"name":"bench","version":"1"}'
    return b',"result":{"protocolVersion":"%b",%b}}' % (version, about)


_VERSION = re.compile(rb'"protocolVersion": ?"([^"]+)"')
_LIST = b',"result":%b}' % json.dumps({"tools": [_tool(name) for name in TOOLS]}).encode()
_SMALL = _text("done")
_UNKNOWN = b',"error":{"code":-32601,"message":"unknown method"}}'


def _answer(number: bytes, rest: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":' + number + rest


def _event(message: bytes) -> bytes:
    event = b"event: message\ndata: " + message + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


@lru_cache
def _notifications(count: int) -> bytes:
    message = b'{"method":"notifications/message","params":{"level":"info","data":"%d"},"jsonrpc":"2.0"}'
    return b"".join(_event(message % number) for number in range(count))


class Counts:
    requests = 0
    connections = 0


class Remote(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._counts.connections += 1

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n") + 4) > 3:
            head = self._rest[:end]
            length = _LENGTH.search(head)
            whole = end + int(length[1] if length else 0)
            if len(self._rest) < whole:
                return
            body, self._rest = self._rest[end:whole], self._rest[whole:]
            self._counts.requests += 1
            self._request(head, body)

    def _request(self, head: bytes, body: bytes) -> None:
        verb, path, _ = head.split(b" ", 2)
        if path != b"/mcp":
            self.transport.write(_EMPTY % b"404 Not Found")
        elif verb == b"POST":
            self._message(body)
        elif verb == b"GET":
            self.transport.write(_SSE)  # the server's own stream, on which it sends nothing
        else:
            self.transport.write(_EMPTY % b"200 OK")

    def _message(self, body: bytes) -> None:
        method, number = _METHOD.search(body), _ID.search(body)
        if method is None or number is None:
            self.transport.write(_EMPTY % b"202 Accepted")
        elif method[1] == b"tools/call":
            tool = _TOOL.search(body)
            self._call(number[1], tool[1].decode(), int(tool[2]))
        elif method[1] == b"initialize":
            self._json(number[1], _opening(_VERSION.search(body)[1]))
        elif method[1] == b"tools/list":
            self._json(number[1], _LIST)
        else:
            self._json(number[1], _UNKNOWN)

    def _call(self, number: bytes, kind: str, size: int) -> None:
        match kind:
            case "json":
                self._json(number, _SMALL)
            case "sse":
                self._stream(number, _SMALL)
            case "slow":
                asyncio.get_running_loop().call_later(size, self._json, number, _SMALL)
            case "bigjson":
                self._json(number, _big(size))
            case "bigsse":
                self._stream(number, _big(size))
            case "notify":
                self._stream(number, _SMALL, before=_notifications(size))

    def _json(self, number: bytes, rest: bytes) -> None:
        body = _answer(number, rest)
        self.transport.write(_JSON % len(body) + body)

    def _stream(self, number: bytes, rest: bytes, before: bytes = b"") -> None:
        self.transport.write(_SSE + before + _event(_answer(number, rest)) + b"0\r\n\r\n")


async def _listen(make: Callable[[], Remote], tls: ssl.SSLContext | None) -> int:
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=tls)
    return server.sockets[0].getsockname()[1]


async def _serve(certificate: str) -> None:
    counts = Counts()
    make = partial(Remote, counts)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    near = await _listen(make, tls)
    _say({"near": await _listen(make, None), "tls": near, "far": await delayed(near, ROUND_TRIP)})
    control = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(control), sys.stdin)
    while await control.readline():
        _say({"requests": counts.requests, "connections": counts.connections})


def _say(what: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
