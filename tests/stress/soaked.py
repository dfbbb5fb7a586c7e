"""A protected MCP server that its operator does not leave alone, and the truth about each call that it got.

It speaks one era at a time. It knows which calls it has executed, and which faults it has had.
"""

import asyncio
import contextlib
import json
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

from faults.rows import GONE, LEGACY, MODERN
from faults.server import END, WELCOMED, Exchange, chunked, chunks, event, head, plain, refusal, response, whole
from peers.era_change import MODERN as MODERN_VERSION
from peers.era_change import MODERN_ONLY, UNKNOWN_VERSION
from stress.strict import Strict

from mcp_auth_bridge.secret import Secret

LIFETIME = 5  # seconds that an access token lives
URI = "file:///x"
NO_INPUT = -32050
"""The code with which a call fails that has waited for its input in vain."""
LISTS = {
    "tools/list": {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("count", "slow", "ask")]},
    "prompts/list": {"prompts": [{"name": "hello"}]},
    "resources/list": {"resources": [{"name": "x", "uri": URI}]},
    "resources/read": {"contents": [{"uri": URI, "text": "x"}]},
}
CHANGED = ("notifications/tools/list_changed", "notifications/resources/updated")

_CAPABILITIES = {"tools": {"listChanged": True}, "prompts": {}, "resources": {"subscribe": True}}
_TAG = "io.modelcontextprotocol/subscriptionId"
_QUESTION = {"message": "May I?", "requestedSchema": {"type": "object", "properties": {}}}
_PATIENCE = 5.0  # seconds that a call waits for its input
_LONGEST_STEP = 0.4  # seconds between two notifications of progress


def _null(code: int, words: bytes) -> bytes:
    return GONE % (b"null", code, words)


def _own(code: int, words: bytes) -> Callable[[Exchange], bytes]:
    return lambda exchange: plain(GONE % (json.dumps(exchange.id).encode(), code, words))


_TEXT = b"text/plain"
DIALECTS: dict[str, Callable[[Exchange], bytes]] = {
    "404": lambda _: head(404),
    "410": lambda _: head(410),
    "400 in words": lambda _: whole(400, _TEXT, b"No valid session ID provided"),
    "400 of the TypeScript SDK": lambda _: plain(_null(-32000, b"Bad Request: Server not initialized"), 400),
    "401": lambda _: whole(401, _TEXT, b"Session not found or expired"),
    "403": lambda _: whole(403, _TEXT, b"invalid session id"),
    "503 in words": lambda _: whole(503, _TEXT, b"unknown session"),
    "200 under no id": lambda _: plain(_null(-32600, b"Invalid Request")),
    "200 under the id": _own(-32001, b"Session not found"),
    "500": lambda _: whole(500, _TEXT, b"backend: session not found"),
    "a handler's": _own(-32603, b"no such session"),
}
"""How the server says that it does not know a session (`relay/session_loss.py`). The last two say less: the server may
have executed the request, and so a call is not repeated."""


class Soaked(Strict):
    """`executed` counts the calls by their argument, `facts` all other events. `era` is the one that it speaks."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(lambda: 0.0, lifetime=LIFETIME)
        self.tap: Any = deque(maxlen=20)
        self.era = LEGACY
        self.executed: Counter[int] = Counter()
        self.facts: Counter[str] = Counter()
        # The headers of each 503, while it has no other response.
        self.busy: Sequence[bytes] | None = None
        self.dialect = "404"
        self._chance = chance
        self._sessions: set[str] = set()
        # The sessions in which a request was answered: in any other one, the bridge takes a 401 for what it usually is.
        self._proven: set[str] = set()
        self._streams: set[_Stream] = set()
        # The questions of calls in a session, by id.
        self._questions: dict[Any, asyncio.Event] = {}

    async def restart(self, seconds: float) -> None:
        """Close the port for `seconds`, and forget the sessions. No token response is lost."""
        while self.asked != self.answered:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.001)
        self.facts["restarts"] += 1
        await self.down()
        self._sessions.clear()
        await asyncio.sleep(seconds)
        await self.up()

    def lose_sessions(self, dialect: str) -> None:
        self.facts[f"lost sessions: {dialect}"] += len(self._sessions)
        self.dialect = dialect
        self._sessions.clear()

    def change_era(self) -> None:
        """Become a server of the other era, in the middle of everything."""
        self.facts["changes of era"] += 1
        self.era = MODERN if self.era == LEGACY else LEGACY
        self.dialect = "404"  # when it has changed back: then no call is an error
        self._sessions.clear()
        self.end_streams()

    def end_streams(self) -> None:
        for stream in self._streams:
            stream.put_nowait(None)

    def notify(self, method: str) -> None:
        """Tell every client that listens."""
        params = {"uri": URI} if method.endswith("updated") else {}
        for stream in self._streams:
            if method in stream.wanted:
                stream.put_nowait(notification(method, {**params, **stream.meta}))

    async def _exchanges(self, reader: Any, writer: Any) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # a restart, which Python 3.11 would report as an error
            await super()._exchanges(reader, writer)

    def _script(self, exchange: Exchange) -> Any:
        self.facts["requests"] += 1
        if self.busy is not None:
            self.facts["503s"] += 1
            return [head(503, *self.busy)]
        if exchange.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return super()._script(exchange)
        token = exchange.headers.get("authorization", "").removeprefix("Bearer ")
        if self.grants.access(Secret(token)) is None:
            self.facts["401s"] += 1
            return [head(401, b"WWW-Authenticate: Bearer")]
        asked = MODERN if exchange.headers.get("mcp-protocol-version", "") >= MODERN_VERSION else LEGACY
        if asked != self.era:
            return [other_era(*(UNKNOWN_VERSION if asked == MODERN else MODERN_ONLY))]
        return self._modern(exchange) if asked == MODERN else self._legacy(exchange)

    def _legacy(self, exchange: Exchange) -> Any:
        session = exchange.headers.get("mcp-session-id", "")
        if exchange.method == "initialize":
            self.facts["sessions"] += 1
            session = f"{self._chance.getrandbits(64):x}"
            self._sessions.add(session)
            result = {**WELCOMED, "capabilities": _CAPABILITIES}
            return [plain(response(exchange, result), 200, b"Mcp-Session-Id: " + session.encode())]
        if session not in self._sessions:
            self.facts["refused for their session"] += 1
            return [DIALECTS[self.dialect if self.dialect != "401" or session in self._proven else "404"](exchange)]
        match exchange.method:
            case "GET":
                return [lambda reader, writer: self._listened(_Stream(CHANGED), b"", reader, writer)]
            case "DELETE":
                self._sessions.discard(session)
                return [head(204, length=None)]
        if exchange.id is not None and exchange.method:
            self._proven.add(session)
        return self._either(exchange)

    def _modern(self, exchange: Exchange) -> Any:
        match exchange.method:
            case "GET" | "DELETE":
                return [head(405)]
            case "server/discover":
                members = {"supportedVersions": [MODERN_VERSION], "capabilities": _CAPABILITIES}
                info = {"serverInfo": WELCOMED["serverInfo"], "ttlMs": 0, "cacheScope": "private"}
                return [plain(response(exchange, complete({**members, **info})))]
            case "subscriptions/listen":
                wanted, meta = exchange.message["params"]["notifications"], {"_meta": {_TAG: exchange.id}}
                told = notification("notifications/subscriptions/acknowledged", {"notifications": wanted, **meta})
                stream = _Stream(CHANGED if "resourceSubscriptions" in wanted else CHANGED[:1], meta)
                return [lambda reader, writer: self._listened(stream, event(told), reader, writer)]
        return self._either(exchange)

    def _either(self, exchange: Exchange) -> Any:
        if exchange.id is None or not exchange.method:
            if exchange.id in self._questions:
                self._questions.pop(exchange.id).set()
            return [head(202)]
        if exchange.method == "tools/call":
            return [lambda _, writer: self._call(exchange, writer)]
        fresh = {"ttlMs": 0, "cacheScope": "private"} if self.era == MODERN else {}
        result = {**LISTS.get(exchange.method, {}), **(fresh if exchange.method in LISTS else {})}
        return [plain(response(exchange, self._complete(result)))]

    async def _call(self, exchange: Exchange, writer: Any) -> None:
        """Execute the call at once; the tool `slow` takes its time to say so, and `ask` asks the user first."""
        params = exchange.message["params"]
        step = params["arguments"]["step"]
        reply = response(exchange, self._complete({"content": [{"type": "text", "text": str(step)}]}))
        if params["name"] == "ask":
            await self._ask(exchange, params, writer, reply)
            return
        self.executed[step] += 1
        if params["name"] == "count":
            await asyncio.sleep(self._chance.uniform(0, 0.02))
            writer.write(plain(reply))
            return
        writer.write(chunked(b": hello\n\n"))
        for number in range(1, 5):
            await asyncio.sleep(self._chance.uniform(0, _LONGEST_STEP))
            progress = {"progressToken": params["_meta"]["progressToken"], "progress": number}
            writer.write(chunks(event(notification("notifications/progress", progress))))
            await writer.drain()
        writer.write(chunks(event(reply)) + END)

    async def _ask(self, exchange: Exchange, params: Any, writer: Any, reply: bytes) -> None:
        step = params["arguments"]["step"]
        question = {"method": "elicitation/create", "params": _QUESTION}
        if self.era == MODERN:
            if params.get("requestState") != f"state {step}":
                asked = {"inputRequests": {"may-i": question}, "requestState": f"state {step}"}
                writer.write(plain(response(exchange, {"resultType": "input_required", **asked})))
                return
            assert params["inputResponses"]["may-i"]["action"] == "accept"
            self.executed[step] += 1
            writer.write(plain(reply))
            return
        # Ids as servers make them: with each session they begin again.
        id_ = next(number for number in range(1, 1000) if number not in self._questions)
        answered = self._questions[id_] = asyncio.Event()
        writer.write(chunked(event(json.dumps({"jsonrpc": "2.0", "id": id_, **question}).encode())))
        try:
            async with asyncio.timeout(_PATIENCE):
                await answered.wait()
        except TimeoutError:
            self.facts["questions without an answer"] += 1
            if self._questions.get(id_) is answered:
                del self._questions[id_]
            writer.write(chunks(event(refusal(exchange, NO_INPUT))) + END)
            return
        self.executed[step] += 1
        writer.write(chunks(event(reply)) + END)

    async def _listened(self, stream: "_Stream", first: bytes, reader: Any, writer: Any) -> None:
        writer.write(chunked(b": hello\n\n" + first))
        self._streams.add(stream)
        hung_up = asyncio.create_task(reader.read(1))
        hung_up.add_done_callback(lambda _: stream.put_nowait(None))
        try:
            while (message := await stream.get()) is not None:
                writer.write(chunks(event(message)))
                await writer.drain()
            writer.write(END)
        finally:
            self._streams.discard(stream)
            hung_up.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await hung_up

    def _complete(self, result: Any) -> Any:
        return complete(result) if self.era == MODERN else result


class _Stream(asyncio.Queue[bytes | None]):
    """The messages for one listener, None for the end of its stream. `wanted` are the methods, `meta` the tag."""

    def __init__(self, wanted: Sequence[str], meta: Any = None) -> None:
        super().__init__()
        self.wanted = wanted
        self.meta = meta or {}


def notification(method: str, params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()


def complete(result: Any) -> Any:
    return {"resultType": "complete", **result}


def other_era(code: int, message: str, data: Any) -> bytes:
    error = {"code": code, "message": message, **({"data": data} if data else {})}
    return plain(json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode(), 400)
