"""The HTTP/1.1 client of the relay's plane: it knows whether a request has left, and keeps connections ready.

A failure before a byte of the request was handed to a transport is `Unreachable`, a later one `OutcomeUnknown`. This
module sends no request twice and follows no redirect.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from mcp_auth_bridge.errors import (
    BridgeError,
    OurProtocolError,
    Overdue,
    TimedOut,
    Unreachable,
)
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.net.begun import Begun
from mcp_auth_bridge.shell.net.connection import READ_SIZE, Connection
from mcp_auth_bridge.shell.net.connection_lifetime import Lifetime
from mcp_auth_bridge.shell.net.deadline_watch import DeadlineWatch
from mcp_auth_bridge.shell.net.dial import connect, proxy_refusal_error
from mcp_auth_bridge.shell.net.memory_budget import MemoryBudget
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.request_head import head_template
from mcp_auth_bridge.shell.net.response import StreamedResponse
from mcp_auth_bridge.shell.net.response_head import Head
from mcp_auth_bridge.shell.net.route import PreparedHead, Route
from mcp_auth_bridge.shell.net.routes import Routes
from mcp_auth_bridge.shell.net.turns import Turns
from mcp_auth_bridge.urls import Url

OPEN_LIMIT = 512  # exchanges under way; more of them wait their turn
TURN_PATIENCE = 60.0  # seconds for which a request waits its turn: it was not sent, and its error says so


class Pool:
    """HTTP/1.1 to any origin. Make it, use it and close it inside one event loop."""

    def __init__(self, network: Network) -> None:
        # Settings, the TLS context and the proxy decision.
        self._network = network
        # The memory for the messages in all responses.
        self._budget = MemoryBudget()
        # The buffer that all connections read into, one after the other.
        self._buffer = memoryview(bytearray(READ_SIZE))
        # The ways to all origins, and their idle connections.
        self._routes = Routes(network.proxy)
        # All connections, idle or not.
        self._open: set[Connection] = set()
        # How many connections are being made.
        self._dialling = 0
        # Limits the exchanges under way.
        self._turns = Turns(OPEN_LIMIT, TURN_PATIENCE)
        # Ends the wait for a head; None if it may last for any time.
        self._watch = _head_watch(network.settings.headers_timeout)
        # Whether `aclose` was called.
        self._closed = False

    def prepare(self, method: str, url: Url, fields: Sequence[tuple[bytes, bytes]]) -> PreparedHead:
        """The head of requests to `url`, for `exchange`. `Host` is added, and with each body its `Content-Length`.

        Raises `OurProtocolError`, without the text, for a field that HTTP does not allow, and `ConfigError` for an
        unusable proxy.
        """
        route = self._routes.to(url)
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
        if not self._turns.try_take():
            await self._wait_for_turn(prepared.route.url)
        return await self.respond(prepared, body, None, None)

    def at_once(self, prepared: PreparedHead, body: bytes, moved: Callable[[], None]) -> Begun | None:
        """Send one request now if that needs no wait: a connection is idle and alive, and a turn is free; else None.

        A request that waits for its connection goes first. `moved` is called at each progress of the response, by the
        reader of the connection: its bytes, its end, the loss of the connection, the end of `headers_timeout`.
        """
        route = prepared.route
        if route.dialling or not self._turns.try_take():
            return None
        connection = route.take()
        if connection is None:
            self._turns.give_back()
            return None
        self._send(connection, prepared, body)
        connection.moved = moved
        return Begun(self, prepared, body, connection)

    async def respond(
        self, prepared: PreparedHead, body: bytes, connection: Connection | None, head: Head | None
    ) -> StreamedResponse:
        """The response to a request that has its turn.

        It was sent on `connection`, if there is one, and `head` has come, if there is one. Raises as `exchange`.
        """
        route = prepared.route
        reused = connection is not None
        try:
            while True:
                sent = connection is not None
                if connection is None:
                    connection, reused = await self._acquire(route)
                try:
                    if not sent:
                        self._send(connection, prepared, body)
                    if head is None:
                        head = await connection.read_head()
                        self.note_head(connection, head)
                    return self._response(route, connection, head)
                except BaseException:  # cancellation too
                    self.abandon(connection)
                    if not (reused and connection.crossed):
                        raise
                # The server has received nothing of the request, which goes to another connection.
                debug_log.event("connection.crossed", peer=connection.peer)
                connection = None
        except BaseException as error:
            if isinstance(error, BridgeError):
                error.facts["host"] = route.url.authority
            self.end_turn()
            raise

    async def aclose(self) -> None:
        """End all connections at once: a task that waits for a response gets `OutcomeUnknown`."""
        self._closed = True
        self._routes.close()
        for connection in list(self._open):
            connection.abort()
        await asyncio.sleep(0)  # the loop closes the sockets in its next round

    async def _wait_for_turn(self, url: Url) -> None:
        """Wait until one exchange more is allowed. One whose answer is here gives way."""
        spare = [each for each in self._open if each.spare_since is not None]
        if spare:
            min(spare, key=lambda each: each.spare_since or 0.0).abort()
        try:
            await self._turns.wait()
        except TimeoutError:
            raise TimedOut(
                f"nothing was sent to {url.authority} for {TURN_PATIENCE:g} s: {OPEN_LIMIT} requests are unanswered",
                "wait until some of them have ended, or cancel them",
            ) from None

    # Connections

    async def _acquire(self, route: Route) -> tuple[Connection, bool]:
        """A connection on which a request can be sent before the next await, and whether it was used before."""
        if (connection := route.take()) is not None:
            return connection, True
        connection = await self._connect(route)
        if not connection.is_usable():
            raise Unreachable(f"{connection.peer} ended the connection, or sent data, before a request was sent")
        return connection, False

    async def _connect(self, route: Route) -> Connection:
        if len(self._open) + self._dialling >= OPEN_LIMIT:
            self._routes.drop_oldest()
        lost = partial(self._forget, route)
        make = partial(Connection, route.url.authority, self._buffer, lost)
        self._dialling += 1
        route.dialling += 1
        proxy = route.proxy.url.authority if route.proxy else ""
        began = asyncio.get_running_loop().time()
        try:
            with debug_log.timed("connected", peer=route.url.authority, proxy=proxy):
                connection = await connect(self._network, route.url, route.proxy, make)
        finally:
            self._dialling -= 1
            route.dialling -= 1
        connection.lifetime = Lifetime(asyncio.get_running_loop().time() - began)
        self._open.add(connection)
        if self._closed:
            connection.abort()
            raise Unreachable(f"no request goes to {connection.peer} any more: the bridge is ending")
        return connection

    def _forget(self, route: Route, connection: Connection) -> None:
        self._open.discard(connection)
        debug_log.event("connection.over", peer=connection.peer)
        route.lose(connection)

    # Exchanges

    def _send(self, connection: Connection, prepared: PreparedHead, body: bytes) -> None:
        connection.write(prepared.template.head(body), body)
        if self._watch is not None:
            self._watch.add(connection)

    def note_head(self, connection: Connection, head: Head) -> None:
        """Note that the response has begun."""
        if self._watch is not None:
            self._watch.drop(connection)
        connection.lifetime.note(head.fields.get("keep-alive", ()), connection.heard_at - connection.sent_at)

    def abandon(self, connection: Connection) -> None:
        """End a connection on which an exchange is under way."""
        if self._watch is not None:
            self._watch.drop(connection)
        connection.abort()

    def end_turn(self) -> None:
        """Let another exchange begin in place of one that has failed."""
        self._turns.give_back()

    def _response(self, route: Route, connection: Connection, head: Head) -> StreamedResponse:
        if route.absolute and route.proxy and head.status == 407:
            raise proxy_refusal_error(route.proxy, route.url.authority, 407)
        return StreamedResponse(head, connection, partial(self.release, route), self._budget.share())

    def release(self, route: Route, connection: Connection) -> None:
        """End an exchange. Its connection is used again if its response has come to its end."""
        self._turns.give_back()
        if not connection.recycle():
            connection.abort()
            return
        self._routes.keep(route, connection)


def _head_watch(seconds: float | None) -> DeadlineWatch[Connection] | None:
    """Lets the wait for a head on a connection fail after `seconds`."""
    if seconds is None:
        return None
    hint = "look before you repeat the request, or raise headers_timeout in the server's network table"

    def expire(connection: Connection) -> None:
        connection.fail(Overdue(f"{connection.peer} did not begin to answer within {seconds:g} s", hint))

    return DeadlineWatch(seconds, expire)
