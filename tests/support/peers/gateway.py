"""The demo's MCP and authorization servers on one port, in a thread of the test, which can make them fail and recover.

    with Gateway() as gateway:
        gateway.instead["/mcp"] = HTMLResponse("<h1>Sign in</h1>")   # from now on this answers there
        gateway.instead.clear()
        gateway.down()                                                # connections are refused
        gateway.up()                                                  # on the same port, with all logins

All secrets that it issued or received are in `secrets`, so that a test can search for them elsewhere.
"""

import asyncio
import secrets
import socket
import ssl
import threading
import time
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_auth_bridge.demo.grants import Grants
from mcp_auth_bridge.demo.server import protected_server

SECRET_PARAMETERS = ("code", "code_verifier", "refresh_token", "client_secret", "token")


class Gateway:
    """`instead` maps a path to the ASGI application that answers it; `requests` are (method, path, headers, body)."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.instead: dict[str, ASGIApp] = {}
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.secrets: set[str] = set()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.url = f"{self.origin}/mcp"
        self.grants = Grants(self.origin, self.url, time.time, secrets.token_bytes, lifetime=3600)
        self._app = protected_server(self.grants, time.time)
        self._server: uvicorn.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self._lifespan = self._app.router.lifespan_context(self._app)
        # One task enters and leaves this: the SDK's session manager opens a task group here.
        self._leave = asyncio.Event()
        self._living = asyncio.run_coroutine_threadsafe(self._live(ready := threading.Event()), self._loop)
        ready.wait()
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
        self._loop.call_soon_threadsafe(self._leave.set)
        self._living.result()
        self._do(_cancel_the_rest())  # sse_starlette's watchers wait for a shutdown that never comes here
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def up(self) -> None:
        """Listen, with the current `tls` context."""
        if self._server is None:
            self._do(self._up())

    def down(self) -> None:
        """Stop listening and end all connections."""
        if self._server is not None:
            self._do(self._down())

    def seen(self, path: str) -> int:
        """The number of requests to `path`."""
        return sum(1 for _, place, _, _ in self.requests if place == path)

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _live(self, ready: threading.Event) -> None:
        async with self._lifespan:
            ready.set()
            await self._leave.wait()

    async def _up(self) -> None:
        config = uvicorn.Config(
            self,
            "127.0.0.1",
            self.port,
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            timeout_keep_alive=60,  # seconds: longer than uvicorn's five, so that a slow test keeps its connection
        )
        config.load()
        config.ssl = self.tls
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup()

    async def _down(self) -> None:
        server, self._server = self._server, None
        for connection in list(server.server_state.connections):
            connection.transport.abort()  # a hung response must not delay the end
        await server.shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        body = bytearray()

        async def hearing() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                for name, value in message["headers"]:
                    if name.lower() == b"location":
                        self._note(parse_qs(urlsplit(value.decode()).query))
            await send(message)

        self.requests.append((scope["method"], scope["path"], headers, body))
        try:
            await self.instead.get(scope["path"], self._app)(scope, hearing, telling)
        finally:
            self._note(parse_qs(body.decode("latin-1")))
            self.secrets |= {token.reveal() for token in (*self.grants._access, *self.grants._refresh)}

    def _note(self, parameters: dict[str, list[str]]) -> None:
        for name in SECRET_PARAMETERS:
            self.secrets.update(parameters.get(name, ()))


async def _cancel_the_rest() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def silence(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that accepts a request and never answers it."""
    while (await receive())["type"] != "http.disconnect":
        pass
