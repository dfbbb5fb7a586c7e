"""An MCP server on loopback that misbehaves on demand and records all exchanges.

A fault is a script as in peers/scripted.py: bytes, gates, cuts. It is queued for a method and played for the next
request of that method; all other requests get the replies of a small correct server.

    server.on("tools/call", [head(503), CUT])
"""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from peers.scripted import Scripted, reach_handlers

SESSION = "s-1"
DISCOVERED = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "resultType": "complete"}
WELCOMED = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {"listChanged": True}},
    "serverInfo": {"name": "far", "version": "1"},
}
_LOST = (b'"code":-32000,"message":"Bad Request', b"No valid session ID", b"Unknown session", b"Invalid Request")
"""What servers say of a session that they do not know, instead of HTTP 404 (`relay/session_loss.py`)."""
_KEPT = 1 << 16  # bytes of a response that the tap keeps: its head and more


def loads(text: bytes) -> Any:
    """Parses JSON, even with integers of more digits than Python converts."""
    return json.loads(text, parse_int=lambda digits: int(digits) if len(digits) < 4000 else digits)


class Exchange:
    """One request as it arrived and its response. `message` is None for GET, DELETE and a body that is not JSON."""

    def __init__(self, verb: str, target: str, headers: dict[str, str], body: bytes) -> None:
        self.verb = verb
        self.target = target
        self.headers = headers
        self.body = body
        self.message: Any = loads(body) if headers.get("content-type") == "application/json" and body else None
        self.answered = bytearray()

    @property
    def method(self) -> str:
        """The JSON-RPC method, "" for a reply by the client, or else the HTTP method."""
        return self.verb if self.message is None else self.message.get("method", "")

    @property
    def id(self) -> Any:
        return None if self.message is None else self.message.get("id")

    @property
    def status(self) -> int:
        """The HTTP status that the server wrote, 0 if it wrote none."""
        words = bytes(self.answered[:12]).split(b" ")
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0

    @property
    def refused(self) -> bool:
        """Whether the response means "not processed" (the list in docs/architecture.md, "Delivery")."""
        if self.status in (307, 308, 401, 429):
            return True
        if "mcp-session-id" in self.headers:
            return self.status in (404, 410) or any(words in self.answered for words in _LOST)
        return self.status == 400 and b'"code": -3202' in self.answered


class FaultServer(Scripted):
    """A server of one era. `tap` holds every exchange in order of arrival. `down` and `up` close and open the port."""

    def __init__(self, era: str = "legacy") -> None:
        super().__init__(forever=[self._exchanges])
        self._era = era
        self.tap: list[Exchange] = []
        self._faults: defaultdict[str, deque[Sequence[Any]]] = defaultdict(deque)
        self._always: dict[str, Sequence[Any]] = {}
        self._arrived = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def on(self, method: str, *scripts: Sequence[Any]) -> None:
        """Play each of `scripts` for one request of `method` ("GET" for the server's own stream)."""
        self._faults[method].extend(scripts)

    def always(self, method: str, script: Sequence[Any]) -> None:
        """Play `script` for every request of `method` for which none is queued."""
        self._always[method] = script

    def sent(self, method: str) -> list[Exchange]:
        return [exchange for exchange in self.tap if exchange.method == method]

    async def received(self, method: str, count: int = 1) -> None:
        """Wait until `count` requests of `method` have arrived."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.sent(method)) >= count)

    async def down(self) -> None:
        """Refuse new connections from now on and end the existing ones."""
        self._server.close()
        await reach_handlers()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, backlog=1024, limit=1 << 20)

    async def _exchanges(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            exchange = await self._next(reader)
            self.tap.append(exchange)
            async with self._arrived:
                self._arrived.notify_all()
            tapped = Tapped(writer, exchange)
            for step in self._script(exchange):
                await self._do(step(exchange) if isinstance(step, Made) else step, reader, tapped)

    async def _next(self, reader: asyncio.StreamReader) -> Exchange:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        verb, target, _ = first.split(" ")
        return Exchange(verb, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))

    def _script(self, exchange: Exchange) -> Sequence[Any]:
        if queued := self._faults[exchange.method]:
            return queued.popleft()
        return self._always.get(exchange.method) or [sound(exchange, self._era)]


class Tapped:
    """A writer that records the bytes it writes."""

    def __init__(self, writer: asyncio.StreamWriter, exchange: Exchange) -> None:
        self._writer = writer
        self._kept = exchange.answered

    def write(self, data: bytes) -> None:
        if len(self._kept) < _KEPT:
            self._kept += data[:_KEPT]
        self._writer.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)


class Made:
    """A step that depends on the request: `make` takes the exchange and returns a step."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __call__(self, exchange: Exchange) -> Any:
        return self._make(exchange)


def head(status: int, *headers: bytes, length: int | None = 0, kind: bytes = b"") -> bytes:
    """The head of a response; with `length` None it has no content-length."""
    lines = [b"HTTP/1.1 %d X" % status, *headers]
    if length is not None:
        lines.append(b"Content-Length: %d" % length)
    if kind:
        lines.append(b"Content-Type: " + kind)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def whole(status: int, kind: bytes, body: bytes, *headers: bytes) -> bytes:
    return head(status, *headers, length=len(body), kind=kind) + body


def plain(body: bytes, status: int = 200, *headers: bytes) -> bytes:
    """A JSON response."""
    return whole(status, b"application/json", body, *headers)


def chunked(body: bytes, *headers: bytes, kind: bytes = b"text/event-stream", size: int = 1 << 20) -> bytes:
    """A chunked response without its last chunk, in chunks of `size` bytes."""
    start = head(200, b"Transfer-Encoding: chunked", *headers, length=None, kind=kind)
    return start + chunks(body, size)


def chunks(body: bytes, size: int = 1 << 20) -> bytes:
    parts = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


END = b"0\r\n\r\n"


def event(data: bytes, id_: bytes = b"") -> bytes:
    return (b"id: %b\n" % id_ if id_ else b"") + b"data: " + data + b"\n\n"


def response(exchange: Exchange, result: Any = None) -> bytes:
    """The JSON-RPC reply to `exchange`."""
    result = {"content": [{"type": "text", "text": "done"}]} if result is None else result
    return json.dumps({"jsonrpc": "2.0", "id": exchange.id, "result": result}).encode()


def refusal(exchange: Exchange, code: int, data: Any = None) -> bytes:
    error = {"code": code, "message": "no", **({} if data is None else {"data": data})}
    return json.dumps({"jsonrpc": "2.0", "id": exchange.id, "error": error}).encode()


def sound(exchange: Exchange, era: str) -> bytes:  # noqa: PLR0911 - one for each method
    """The response of a server of `era` without faults."""
    match exchange.method:
        case "server/discover" if era == "legacy":
            return plain(refusal(exchange, -32601), 404)
        case "server/discover":
            return plain(response(exchange, DISCOVERED))
        case "initialize" if era == "modern":
            return plain(refusal(exchange, -32022, {"supported": ["2026-07-28"]}), 400)
        case "GET":
            return head(405)
        case "DELETE":
            return head(204, length=None)
        case "initialize":
            return plain(response(exchange, WELCOMED), 200, b"Mcp-Session-Id: " + SESSION.encode())
        case "tools/list":
            tools = [{"name": "add", "inputSchema": {"type": "object"}}]
            return plain(response(exchange, {"tools": tools}))
    return head(202) if exchange.id is None or not exchange.method else plain(response(exchange))
