"""The HTTP/1.1 client of the relay's plane: it knows whether a request has left, and keeps connections ready.

A failure before a byte of the request was handed to a transport is `Unreachable`, a later one `OutcomeUnknown`. This
module sends no request twice and follows no redirect.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

import msgspec

from mcp_auth_bridge.errors import (
    BridgeError,
    OurProtocolError,
    Overdue,
    TimedOut,
    Unreachable,
)
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.net.connection import READ_SIZE, Connection
from mcp_auth_bridge.shell.net.connection_lifetime import IdleLimit, Lifetime
from mcp_auth_bridge.shell.net.dial import connect, proxy_refusal_error
from mcp_auth_bridge.shell.net.memory_budget import MemoryBudget
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.proxies import Proxy
from mcp_auth_bridge.shell.net.request_head import HeadTemplate, head_template
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.net.response_parser import Head
from mcp_auth_bridge.urls import Url

OPEN_LIMIT = 512  # exchanges under way; more of them wait their turn
TURN_PATIENCE = 60.0  # seconds for which a request waits its turn: it was not sent, and its error says so
IDLE_SECONDS = 300.0  # a ready connection saves two round trips: 80 ms over a 40 ms link


class _Route:
    """An origin, the proxy to it, and its idle connections, the latest last."""

    def __init__(self, url: Url, proxy: Proxy | None) -> None:
        self.url = url
        self.proxy = proxy
        self.idle: list[Connection] = []
        self.idle_limit = IdleLimit()

    @property
    def absolute(self) -> bool:
        """Whether requests name the whole URL: plain http through a proxy (RFC 9112 section 3.2.2)."""
        return self.proxy is not None and self.url.scheme == "http"

    def take(self) -> Connection | None:
        """The idle connection that was used last, which is the likeliest to be alive; None if there is none."""
        now = asyncio.get_running_loop().time()
        while self.idle:
            connection = self.idle.pop()
            if connection.usable and not connection.stirring:
                idle = now - connection.heard_at
                self.idle_limit.outlived(idle)
                if connection.lifetime.allows(idle, self.idle_limit.seconds):
                    return connection
            connection.abort()
        return None

    def drop(self, connection: Connection) -> None:
        """End an idle connection."""
        self.idle.remove(connection)
        connection.abort()

    def lose(self, connection: Connection) -> None:
        """Note that `connection` has ended. If it is idle, the server has ended it."""
        if connection in self.idle:
            self.idle.remove(connection)
            self.idle_limit.ended(asyncio.get_running_loop().time() - connection.heard_at)


class PreparedHead(msgspec.Struct, frozen=True):
    """The head of requests on a route, checked. It may hold secrets. `Pool.prepare` makes it."""

    route: _Route
    template: HeadTemplate


class Pool:
    """HTTP/1.1 to any origin. Make it, use it and close it inside one event loop."""

    def __init__(self, network: Network) -> None:
        # Settings, the TLS context and the proxy decision.
        self._network = network
        # The memory for the messages in all responses.
        self._budget = MemoryBudget()
        # The buffer that all connections read into, one after the other.
        self._buffer = memoryview(bytearray(READ_SIZE))
        # The routes by scheme, host and port.
        self._routes: dict[tuple[str, str, int], _Route] = {}
        # All connections, idle or not.
        self._open: set[Connection] = set()
        # How many connections are being made.
        self._dialling = 0
        # Limits the exchanges under way.
        self._turns = asyncio.Semaphore(OPEN_LIMIT)
        # Closes connections that were idle too long; None while none is idle.
        self._sweeper: asyncio.TimerHandle | None = None
        # Whether `aclose` was called.
        self._closed = False

    def prepare(self, method: str, url: Url, fields: Sequence[tuple[bytes, bytes]]) -> PreparedHead:
        """The head of requests to `url`, for `exchange`. `Host` is added, and with each body its `Content-Length`.

        Raises `OurProtocolError`, without the text, for a field that HTTP does not allow, and `ConfigError` for an
        unusable proxy.
        """
        route = self._route(url)
        ours = []
        if route.absolute and route.proxy and route.proxy.authorization:
            ours.append((b"Proxy-Authorization", route.proxy.authorization.reveal().encode()))
        target = str(url) if route.absolute else url.target
        try:
            template = head_template(method, target, url.authority, [*ours, *fields])
        except ValueError:
            raise OurProtocolError(f"a header for {url.authority} is not valid in HTTP") from None
        return PreparedHead(route, template)

    async def exchange(self, prepared: PreparedHead, body: bytes) -> StreamedResponse:
        """Send one request and return its response as soon as the head is there.

        Raises `Unreachable` if nothing was sent, `OutcomeUnknown` if bytes were sent and no response came,
        `TheirProtocolError` for a response that is not HTTP, `ConfigError` for an unusable certificate file.
        """
        route = prepared.route
        url = route.url
        request = prepared.template.head(body)
        await self._take_turn(url)
        try:
            while True:
                connection, reused = await self._acquire(route)
                try:
                    connection.write(request, body)
                    return self._response(route, connection, await self._head(connection))
                except BaseException:  # cancellation too
                    connection.abort()
                    if not (reused and connection.crossed):
                        raise
                # The server has received nothing of the request, which goes to another connection.
                debug_log.event("connection.crossed", peer=connection.peer)
        except BaseException as error:
            if isinstance(error, BridgeError):
                error.facts["host"] = url.authority
            self._turns.release()
            raise

    async def aclose(self) -> None:
        """End all connections at once: a task that waits for a response gets `OutcomeUnknown`."""
        self._closed = True
        if self._sweeper:
            self._sweeper.cancel()
        for connection in list(self._open):
            connection.abort()
        await asyncio.sleep(0)  # the loop closes the sockets in its next round

    async def _take_turn(self, url: Url) -> None:
        """Wait until one exchange more is allowed. One whose answer is here gives way."""
        if self._turns.locked():
            spare = [each for each in self._open if each.spare_since is not None]
            if spare:
                min(spare, key=lambda each: each.spare_since or 0.0).abort()
        try:
            async with asyncio.timeout(TURN_PATIENCE):
                await self._turns.acquire()
        except TimeoutError:
            raise TimedOut(
                f"nothing was sent to {url.authority} for {TURN_PATIENCE:g} s: {OPEN_LIMIT} requests are unanswered",
                "wait until some of them have ended, or cancel them",
            ) from None

    # Connections

    def _route(self, url: Url) -> _Route:
        key = (url.scheme, url.host, url.port)
        route = self._routes.get(key)
        if route is None:
            route = self._routes[key] = _Route(url, self._network.proxy(url))
        return route

    async def _acquire(self, route: _Route) -> tuple[Connection, bool]:
        """A connection on which a request can be sent before the next await, and whether it was used before."""
        if (connection := route.take()) is not None:
            debug_log.event("connection.reused", peer=connection.peer)
            return connection, True
        connection = await self._connect(route)
        if not connection.usable:
            raise Unreachable(f"{connection.peer} ended the connection, or sent data, before a request was sent")
        return connection, False

    async def _connect(self, route: _Route) -> Connection:
        if len(self._open) + self._dialling >= OPEN_LIMIT:
            self._make_room()
        lost = partial(self._forget, route)
        make = partial(Connection, route.url.authority, self._buffer, lost)
        self._dialling += 1
        proxy = route.proxy.url.authority if route.proxy else ""
        began = asyncio.get_running_loop().time()
        try:
            with debug_log.timed("connected", peer=route.url.authority, proxy=proxy):
                connection = await connect(self._network, route.url, route.proxy, make)
        finally:
            self._dialling -= 1
        connection.lifetime = Lifetime(asyncio.get_running_loop().time() - began)
        self._open.add(connection)
        if self._closed:
            connection.abort()
            raise Unreachable(f"no request goes to {connection.peer} any more: the bridge is ending")
        return connection

    def _make_room(self) -> None:
        idle = [(each.heard_at, id(each), each, route) for each, route in self._idle() if each.usable]
        if idle:
            *_, connection, route = min(idle)
            route.drop(connection)

    def _idle(self) -> list[tuple[Connection, _Route]]:
        return [(connection, route) for route in self._routes.values() for connection in route.idle]

    def _forget(self, route: _Route, connection: Connection) -> None:
        self._open.discard(connection)
        debug_log.event("connection.over", peer=connection.peer)
        route.lose(connection)

    # Exchanges

    async def _head(self, connection: Connection) -> Head:
        seconds = self._network.settings.headers_timeout
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(seconds):
                head = await connection.read_head()
        except TimeoutError:
            hint = "look before you repeat the request, or raise headers_timeout in the server's network table"
            raise Overdue(f"{connection.peer} did not begin to answer within {seconds:g} s", hint) from None
        connection.lifetime.note(_keep_alive_fields(head), loop.time() - began)
        return head

    def _response(self, route: _Route, connection: Connection, head: Head) -> StreamedResponse:
        if route.absolute and route.proxy and head.status == 407:
            raise proxy_refusal_error(route.proxy, route.url.authority, 407)
        return StreamedResponse(head, connection, partial(self._release, route), self._budget.share())

    def _release(self, route: _Route, connection: Connection) -> None:
        self._turns.release()
        if connection.recycle():
            self._keep_idle(route, connection)
        else:
            connection.abort()

    def _keep_idle(self, route: _Route, connection: Connection) -> None:
        route.idle.append(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Close connections that have been idle too long, and come back when the next one will have been."""
        loop = asyncio.get_running_loop()
        for connection, route in self._idle():
            if connection.heard_at + IDLE_SECONDS <= loop.time():
                route.drop(connection)
        rest = [connection.heard_at for connection, _ in self._idle()]
        self._sweeper = loop.call_at(min(rest) + IDLE_SECONDS, self._sweep) if rest else None


def _keep_alive_fields(head: Head) -> tuple[str, ...]:
    return tuple(value.decode("latin-1") for value in head.values(b"keep-alive"))
