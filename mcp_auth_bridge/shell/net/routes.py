"""The ways to all origins, and for how long a connection on one of them may be idle."""

import asyncio
from collections.abc import Callable, Collection

from mcp_auth_bridge.shell.net.connection import Connection
from mcp_auth_bridge.shell.net.proxies import Proxy
from mcp_auth_bridge.shell.net.route import Route
from mcp_auth_bridge.urls import Url

IDLE_SECONDS = 300.0  # a ready connection saves two round trips: 80 ms over a 40 ms link


class Routes:
    """The routes that have been used. `proxy` decides which one has a proxy, and may raise `ConfigError`."""

    def __init__(self, proxy: Callable[[Url], Proxy | None]) -> None:
        # Decides that.
        self._proxy = proxy
        # The routes by scheme, host and port.
        self._routes: dict[tuple[str, str, int], Route] = {}
        # Ends connections that were idle too long; None while none is idle.
        self._sweeper: asyncio.TimerHandle | None = None

    def to(self, url: Url) -> Route:
        """The route to the origin of `url`."""
        key = (url.scheme, url.host, url.port)
        route = self._routes.get(key)
        if route is None:
            route = self._routes[key] = Route(url, self._proxy(url))
        return route

    def all(self) -> Collection[Route]:
        return self._routes.values()

    def keep(self, route: Route, connection: Connection) -> None:
        """Keep `connection`, which has become idle, for the next request on `route`."""
        route.idle.append(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._sweep)

    def drop_oldest(self) -> None:
        """End the connection that has been idle longest, if there is one that could be used."""
        idle = [(each.heard_at, id(each), each, route) for each, route in self._idle() if each.is_usable()]
        if idle:
            *_, connection, route = min(idle)
            route.drop(connection)

    def close(self) -> None:
        """End no more connections by itself."""
        if self._sweeper is not None:
            self._sweeper.cancel()

    def _idle(self) -> list[tuple[Connection, Route]]:
        return [(connection, route) for route in self._routes.values() for connection in route.idle]

    def _sweep(self) -> None:
        """End connections that have been idle too long, and come back when the next one will have been."""
        loop = asyncio.get_running_loop()
        for connection, route in self._idle():
            if connection.heard_at + IDLE_SECONDS <= loop.time():
                route.drop(connection)
        rest = [connection.heard_at for connection, _ in self._idle()]
        self._sweeper = loop.call_at(min(rest) + IDLE_SECONDS, self._sweep) if rest else None
