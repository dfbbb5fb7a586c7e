"""A `Remote` against a scripted server; its waits are recorded instead of spent."""

import asyncio
import contextlib

from peers.scripted import CUT, REQUEST

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.credentials.static import AnonymousCredentials, Field, RememberedValue, WithOrganisation
from mcp_auth_bridge.relay.envelope import peek
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.shell.transports.remote import Remote
from mcp_auth_bridge.urls import Url


async def organisation():
    return Secret("42")


ORGANISATION = (Field("X-Org", RememberedValue(organisation), "the header X-Org of t", "the test"),)
OPENING = peek(b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}')
OPENED = peek(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
CALL = peek(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}')
ANSWER = b'{"jsonrpc":"2.0","id":1,"result":{}}'
NOTE = b'{"jsonrpc":"2.0","method":"notifications/message","params":{}}'
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def story(test):
    """Run an async test; the suite's own timeout ends a hang."""

    def run(*args, **kwargs):
        asyncio.run(test(*args, **kwargs))

    run.__name__, run.__wrapped__ = test.__name__, test
    run.pytestmark = getattr(test, "pytestmark", [])
    return run


def event(data=b"", event_id=None, kind=None, retry=None):
    """One event, as a chunk."""
    fields = [(b"event", kind), (b"id", event_id), (b"retry", retry), (b"data", data)]
    text = b"".join(b"%b: %b\n" % (name, value) for name, value in fields if value is not None) + b"\n"
    return b"%x\r\n%b\r\n" % (len(text), text)


def reply(status, *headers, body=b"", kind=b"application/json"):
    lines = [b"HTTP/1.1 %b" % status, b"Content-Length: %d" % len(body), *headers]
    if body:
        lines.append(b"Content-Type: " + kind)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def one(script):
    """A script for one request on its own connection."""
    return [REQUEST, script, CUT]


def failed(answer):
    """The scripts for a request that fails with `answer`: after a 403, the server is asked which headers it takes."""
    return [one(answer), one(reply(b"405 No"))] if answer.startswith(b"HTTP/1.1 403 ") else [one(answer)]


class Waits:
    """Replaces `asyncio.sleep`: takes no time and records the durations."""

    def __init__(self):
        self.seconds = []

    async def __call__(self, seconds):
        self.seconds.append(seconds)
        await asyncio.sleep(0)


async def pulled(begin):
    """The messages that `begin(deliver)` delivers, each when it is asked for, then the exception that it raises."""
    arrived, asked = asyncio.Queue(), asyncio.Semaphore(0)

    async def deliver(message):
        arrived.put_nowait(message)
        del message
        await asked.acquire()

    working = asyncio.create_task(begin(deliver))
    working.add_done_callback(lambda _: arrived.put_nowait(None))
    try:
        while (message := await arrived.get()) is not None:
            yield message
            del message
            asked.release()
        await working
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


class PulledRemote:
    """A `remote` whose messages a test asks for one by one; its waits are at `waits`."""

    def __init__(self, remote):
        self.remote = remote
        self.sender = remote._sender
        self.waits = remote._streamable._sleep = Waits()

    def post(self, message, headers, alive=lambda: None):
        return pulled(lambda deliver: self.remote.post(message, headers, deliver, alive))

    def listen(self, headers):
        return pulled(lambda deliver: self.remote.listen(headers, deliver))

    async def close(self):
        await self.remote.close()


@contextlib.asynccontextmanager
async def connected(server, path="/mcp", credentials=None, jar=None, **settings):
    """A remote at `server`."""
    pool = Pool(Network(NetworkSettings(**settings), {}))
    url = Url("http", server.host, server.port, path, "")
    remote = Remote(url, pool, WithOrganisation(lambda: ORGANISATION, credentials or AnonymousCredentials("t")), jar)
    try:
        yield PulledRemote(remote)
    finally:
        if remote._http_sse is not None:
            await remote._http_sse.close()
        await pool.aclose()


async def collect(messages):
    return [message.raw async for message in messages]


def heads(server):
    """The request lines in order."""
    return [request.partition(b" HTTP")[0].decode() for request in server.requests]


def header(request, name):
    """The value of a header of a raw request, None if it is missing."""
    for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        key, _, value = line.partition(b": ")
        if key.lower() == name:
            return value
    return None
