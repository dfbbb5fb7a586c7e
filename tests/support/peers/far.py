"""A remote MCP server (2025-06-18, streamable HTTP) in the test's event loop; the test decides its replies.

async with Far() as far:
    far.replies["tools/call"] = lambda message: far.json(...)
"""

import asyncio
import json

from peers.scripted import Scripted

WELCOMED = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": "far", "version": "1"}}
JSON = b"Content-Type: application/json"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def status(code, *headers, body=b""):
    lines = [b"HTTP/1.1 %d What" % code, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def event(message):
    return b"data: " + json.dumps(message).encode() + b"\n\n"


class Far(Scripted):
    """`seen` are the client's messages in order of arrival, "GET" and "DELETE" for requests without a message.

    `replies` maps a method, "GET" or "DELETE" to a function of the message that returns the raw HTTP response. A
    coroutine
    function also gets the writer and writes the response itself. All other messages get a plain result.
    """

    def __init__(self):
        super().__init__(forever=[self._answer_all])
        self.seen = []
        self.sessions = 0
        self.replies = {"GET": lambda _: status(405), "DELETE": lambda _: status(200)}
        self._arrived = asyncio.Condition()

    @property
    def url(self):
        return f"http://{self.host}:{self.port}/mcp"

    def methods(self):
        return [seen if isinstance(seen, str) else seen.get("method", "response") for seen in self.seen]

    async def saw(self, method, count=1):
        """Wait until `method` has arrived `count` times."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: self.methods().count(method) >= count)

    async def _answer_all(self, reader, writer):
        while True:
            await self._read(reader, with_body=True)
            head, _, body = self.requests[-1].partition(b"\r\n\r\n")
            verb = head.partition(b" ")[0].decode()
            message = json.loads(body) if body else verb
            async with self._arrived:
                self.seen.append(message)
                self._arrived.notify_all()
            reply = self.replies.get(message if message == verb else message.get("method"), self._plain)
            answered = await reply(message, writer) if asyncio.iscoroutinefunction(reply) else reply(message)
            if answered is None:
                return
            writer.write(answered)
            await writer.drain()

    def _plain(self, message):
        if "id" not in message or "method" not in message:
            return status(202)
        if message["method"] == "initialize":
            self.sessions += 1
            return self.result(message, WELCOMED, b"Mcp-Session-Id: s%d" % self.sessions)
        return self.result(message, {"echo": message["method"]})

    def result(self, message, result, *headers):
        body = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        return status(200, JSON, *headers, body=json.dumps(body).encode())
