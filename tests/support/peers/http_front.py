"""A streamable HTTP server that answers with `mcp-auth-bridge run NAME`: the suite's client speaks HTTP, not stdio.

    python http_front.py HOME NAME

HOME is the home of a `Bridge` (tests/e2e/installed.py) that has the server NAME. A legacy session has a bridge of its
own. A modern request has one too as long as it runs, so that everything that this bridge says belongs to the request;
afterwards the bridge waits for another. What HTTP prescribes (sessions, statuses, streams) is this front's part, and
the suite's checks of it say nothing about the bridge.
"""

import asyncio
import itertools
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

from program import command
from serving import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

MODERN = "2026-07-28"
STATUSES = {-32601: 404, -32602: 400, -32020: 400, -32021: 400, -32022: 400}
"""The HTTP statuses of the modern era's errors (2026-07-28, "Streamable HTTP")."""

Rpc = dict[str, Any]


class Run:
    """One `mcp-auth-bridge run`. A queue of messages belongs to each request that runs in it, and one to the rest."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._running: dict[Any, asyncio.Queue[Rpc | None]] = {}
        self.rest: asyncio.Queue[Rpc | None] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    def send(self, message: Rpc) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def answers(self, request: Rpc) -> AsyncIterator[Rpc]:
        """Sends `request` and yields what comes for it; the last message is the reply."""
        queue = self._running[request["id"]] = asyncio.Queue()
        self.send(request)
        try:
            while (message := await queue.get()) is not None:
                yield message
        finally:
            self._running.pop(request["id"], None)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            message = json.loads(line)
            if "method" not in message and message.get("id") in self._running:
                queue = self._running.pop(message["id"])
                queue.put_nowait(message)
                queue.put_nowait(None)
            else:
                (next(reversed(self._running.values())) if self._running else self.rest).put_nowait(message)
        for queue in (*self._running.values(), self.rest):
            queue.put_nowait(None)

    def end(self) -> None:
        """Ends the bridge as a client does that departs."""
        assert self._process.stdin is not None
        self._process.stdin.close()


class Front:
    def __init__(self, home: str, name: str) -> None:
        own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._environment = {**own, "HOME": home, "MCP_AUTH_BRIDGE_HOME": home}
        self._name = name
        self._sessions: dict[str, Run] = {}
        self._idle: list[Run] = []
        self._numbers = itertools.count(1)
        methods = {"POST": self.post, "GET": self.get, "DELETE": self.delete}
        self.app = Starlette(routes=[Route("/mcp", answer, methods=[verb]) for verb, answer in methods.items()])

    async def _start(self) -> Run:
        process = await asyncio.create_subprocess_exec(
            command(),
            *("run", self._name),
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 26,
        )
        return Run(process)

    async def post(self, request: Request) -> Response:
        message = await request.json()
        if request.headers.get("mcp-protocol-version") == MODERN:
            return await self._modern(message)
        if message.get("method") == "initialize":
            session = str(next(self._numbers))
            run = self._sessions[session] = await self._start()
            return await _streamed(run.answers(message), {"mcp-session-id": session})
        if (known := self._sessions.get(request.headers.get("mcp-session-id", ""))) is None:
            return Response(status_code=404)
        if "method" in message and "id" in message:
            return await _streamed(known.answers(message), {})
        known.send(message)
        return Response(status_code=202)

    async def _modern(self, message: Rpc) -> Response:
        if "id" not in message:
            return Response(status_code=202)
        run = self._idle.pop() if self._idle else await self._start()
        return await _streamed(self._of_one(run, message), {})

    async def _of_one(self, run: Run, message: Rpc) -> AsyncIterator[Rpc]:
        whole = False
        try:
            async for said in run.answers(message):
                whole = "method" not in said
                yield said
        finally:
            if whole:
                self._idle.append(run)
            else:  # the client has hung up
                run.end()

    async def get(self, request: Request) -> Response:
        run = self._sessions.get(request.headers.get("mcp-session-id", ""))
        if run is None:
            return Response(status_code=405)
        return StreamingResponse(_events(_queued(run.rest)), media_type="text/event-stream")

    async def delete(self, request: Request) -> Response:
        run = self._sessions.pop(request.headers.get("mcp-session-id", ""), None)
        if run is None:
            return Response(status_code=404)
        run.end()
        return Response(status_code=204)


async def _streamed(messages: AsyncIterator[Rpc], headers: dict[str, str]) -> Response:
    """JSON if the reply comes first, because only then is its status known in time; else a stream."""
    first = await anext(messages)
    if "method" not in first:
        status = STATUSES.get(first.get("error", {}).get("code", 0), 200) if not headers else 200
        await _drain(messages)
        return JSONResponse(first, status, headers=headers)
    return StreamingResponse(_events(_after(first, messages)), headers=headers, media_type="text/event-stream")


async def _drain(messages: AsyncIterator[Rpc]) -> None:
    async for _ in messages:
        pass


async def _after(first: Rpc, messages: AsyncIterator[Rpc]) -> AsyncIterator[Rpc]:
    yield first
    async for message in messages:
        yield message


async def _queued(queue: asyncio.Queue[Rpc | None]) -> AsyncIterator[Rpc]:
    while (message := await queue.get()) is not None:
        yield message


async def _events(messages: AsyncIterator[Rpc]) -> AsyncIterator[bytes]:
    async for message in messages:
        yield b"event: message\ndata: %b\n\n" % json.dumps(message).encode()


if __name__ == "__main__":
    serve(lambda _: Front(*sys.argv[1:]).app)
