"""One client, one bridge without sockets, one server: client and server may send anything; replies are counted."""

import asyncio
import contextlib
import json
from collections import Counter
from unittest.mock import patch

import hostile_messages as hostile
from warped import played

from mcp_auth_bridge.app import relay_stack
from mcp_auth_bridge.config.profile import Profile, parse_server_url
from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.credentials.static import AnonymousCredentials
from mcp_auth_bridge.errors import BridgeError, OutcomeUnknown, Unreachable
from mcp_auth_bridge.relay.base import Kind, Malformed
from mcp_auth_bridge.relay.envelope import peek, split_batch
from mcp_auth_bridge.relay.framing import one_line
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.net.memory_budget import MemoryBudget
from mcp_auth_bridge.shell.run_relay import RelayRunner
from mcp_auth_bridge.shell.transports.remote import Remote

RELAY = RelaySettings(deadline=20, longest=60, largest_message=100_000, ping=30)
FAR = Profile(name="far", url=parse_server_url("https://far.example/mcp", "a test"), relay=RELAY)
OPENING = b'{"jsonrpc":"2.0","id":"opening","method":"initialize","params":{"protocolVersion":"2025-06-18"}}'
OPENED = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
MODERN = b'{"id":"m","method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}'
WELCOME = '{"id":"opening","result":{"protocolVersion":"%s","capabilities":{"tools":{}}}}'
STATUSES = [200] * 12 + [202, 204, 400, 401, 403, 404, 405, 406, 429, 500, 503]
LONGEST = 2000.0  # loop seconds in which even a request that was lost in a fault gets its reply


class Answer:
    """A response on the wire: stands in for `shell/net/response.py`."""

    def __init__(self, status, headers, arriving):
        self.status, self.headers, self._arriving = status, headers, arriving
        self.share = MemoryBudget().share()

    def header(self, name):
        return self.headers.get(name, ("",))[0]

    def give_way(self):
        """No other response waits for the connection."""

    async def chunks(self):
        async for chunk in self._arriving:
            yield chunk

    async def read(self, limit):
        return b"".join([chunk async for chunk in self._arriving])

    async def aclose(self):
        pass


class Wire:
    """The server; `older` if it speaks the transport of 2024-11-05."""

    def __init__(self, chance, *, older):
        self._chance = chance
        self._older = older
        self._stream = None

    def prepare(self, verb, url, fields):
        return verb, fields

    def at_once(self, prepared, body, moved):
        """No connection is ever idle."""

    async def exchange(self, prepared, body):
        verb, fields = prepared
        assert all(isinstance(value, bytes) for field in fields for value in field)
        if verb == "GET":
            return self._listened()
        message = peek(body) if body else None
        id_ = ((message and message.id) or b"null").decode()
        if message is not None and message.id == b'"opening"' and not self._older and self._chance.randrange(4):
            return self._welcome()
        trouble = self._chance.randrange(40)
        if trouble < 2:
            raise (Unreachable, OutcomeUnknown)[trouble]("trouble")
        if self._older:
            return self._posted(message, id_)
        return self._answered(id_)

    def _answered(self, id_):
        status, kind = self._chance.choice(STATUSES), self._chance.choice(hostile.KINDS[:3] * 3 + hostile.KINDS)
        say = hostile.stream if "event" in kind else hostile.said_by_server
        return self._answer(status, kind, say(self._chance, id_))

    def _welcome(self):
        version = self._chance.choice(["2025-06-18", "2025-03-26"])
        return Answer(200, {"content-type": ("application/json",)}, _arriving([(WELCOME % version).encode()]))

    def _answer(self, status, kind, data):
        arriving = _arriving(hostile.pieces(self._chance, data))
        return Answer(status, hostile.headers(self._chance, kind), arriving)

    def _listened(self):
        if not self._older:
            if self._chance.randrange(4) == 0:
                return self._answered("null")
            return self._answer(200, "text/event-stream", hostile.stream(self._chance, "null"))
        self._stream = asyncio.Queue()
        self._stream.put_nowait(b"event: endpoint\ndata: /messages\n\n")
        return Answer(200, {"content-type": ("text/event-stream",)}, _queued(self._stream))

    def _posted(self, message, id_):
        """The reply comes on the stream, which sometimes ends."""
        if self._stream is None:
            return self._answer(405, "text/plain", b"")
        if message is not None and message.kind is Kind.REQUEST:
            if id_ == '"opening"':
                self._stream.put_nowait(b"data: " + (WELCOME % "2024-11-05").encode() + b"\n\n")
            else:
                self._stream.put_nowait(hostile.stream(self._chance, id_) + b"\n\n")
            if self._chance.randrange(10) == 0:
                self._stream.put_nowait(b"")
        return self._answer(202, "", b"")


async def _arriving(chunks):
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


async def _queued(queue):
    while chunk := await queue.get():
        yield chunk


class Script:
    """Reads chunks from `chunks` in place of stdin, as a `ClientReader`."""

    def __init__(self, chunks):
        self._chunks = chunks

    def attach(self, take):
        self._playing = asyncio.ensure_future(self._play(take))

    def pause(self):
        """Only a writer that is congested makes a relay pause."""

    def resume(self):
        """Nothing has paused."""

    async def _play(self, take):
        async for chunk in self._chunks:
            take(chunk)
        take(b"")


class Session:
    """`faults` are the internal errors, `due` counts the expected replies by their key.

    The key None stands for a line that is not a message. `batches` is the relay that knows whether batches are allowed.
    """

    def __init__(self, batches):
        self._batches = batches
        self.faults = []
        self.due = Counter()
        self.heard = Counter()
        self._all = asyncio.Event()

    def use_frames(self):
        """The client speaks in lines."""
        raise AssertionError

    def is_congested(self):
        return False

    async def drained(self):
        """Never congested."""

    def when_gone(self, tell):
        """Never."""

    def put_soon(self, raw):
        self.put(raw)

    def put(self, raw):
        line = one_line(raw)
        assert b"\n" not in line[:-1]
        json.loads(line.decode())
        message = peek(raw)
        if message.kind is Kind.REPLY:
            self.heard[message.key] += 1

    def complain(self, error):
        if error.reason == "internal":
            self.faults.append(error.message)

    async def say(self, lines):
        for line in lines:
            self._count(line)
            yield line + b"\n"
            await asyncio.sleep(0.1)
        loop = asyncio.get_running_loop()
        end = loop.time() + LONGEST
        while self.heard != self.due and loop.time() < end:  # noqa: ASYNC110 - time is the loop's own, and costs nothing
            await asyncio.sleep(5)
        await asyncio.sleep(60)  # for surplus replies

    def _count(self, line):
        line = line.removesuffix(b"\r")
        if not line.strip():
            return
        try:
            message = peek(line)
        except Malformed as malformed:
            self.due[peek(b'{"result":1,"id":%b}' % malformed.id).key] += 1
        else:
            for part in self._parts(message):
                if part is None or part.kind is Kind.REQUEST:
                    self.due[part and part.key] += 1

    def _parts(self, message):
        if message.kind is not Kind.BATCH:
            return [message]
        try:
            return (self._batches._negotiated and split_batch(message)) or [None]
        except Malformed:
            return [None]


def session(chance, lines, *, modern=False, older=False):
    """Play hostile `lines` of the client; the server answers each request."""

    async def story():
        relay = relay_stack.build_headless_relay(FAR, {})
        told = Session(relay._inner)
        remote = Remote(FAR.url, Wire(chance, older=older), AnonymousCredentials("far"))
        performer = RelayRunner(relay, remote, told, lambda method, result: None, _never)
        script = [MODERN] if modern else [OPENING, OPENED]
        script += [hostile.said_by_client(chance, f'"valid {number}"') for number in range(lines)]
        script += [OPENED]  # a session that another `initialize` has begun waits for the client
        with patch.object(terminal, "report_error", told.complain):
            await performer.run(Script(told.say(script)))
            with contextlib.suppress(BridgeError):
                await remote.close()
        return told

    return played(story())


async def _never():
    raise AssertionError("no login happens here")
