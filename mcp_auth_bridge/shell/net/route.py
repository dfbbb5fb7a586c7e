"""The way to an origin, its idle connections, and the heads of the requests that go there."""

import msgspec

from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.net.connection import Connection
from mcp_auth_bridge.shell.net.connection_lifetime import IdleLimit
from mcp_auth_bridge.shell.net.proxies import Proxy
from mcp_auth_bridge.shell.net.request_head import HeadTemplate
from mcp_auth_bridge.urls import Url


class Route:
    """An origin, the proxy to it, and its idle connections, the latest last."""

    def __init__(self, url: Url, proxy: Proxy | None) -> None:
        # A URL of the origin.
        self.url = url
        # The proxy to it.
        self.proxy = proxy
        # The connections on which no exchange is under way.
        self.idle: list[Connection] = []
        # How many connections are being made: for each of them a request waits.
        self.dialling = 0
        # After which time the server ends idle connections.
        self.idle_limit = IdleLimit()

    @property
    def absolute(self) -> bool:
        """Whether requests name the whole URL: plain http through a proxy (RFC 9112 section 3.2.2)."""
        return self.proxy is not None and self.url.scheme == "http"

    def take(self) -> Connection | None:
        """The idle connection that was used last, which is the likeliest to be alive; None if there is none."""
        while self.idle:
            connection = self.idle.pop()
            if connection.is_usable() and not connection.is_stirring():
                idle = connection.idle_seconds()
                self.idle_limit.outlived(idle)
                if connection.lifetime.allows(idle, self.idle_limit.seconds):
                    if debug_log.on:
                        debug_log.event("connection.reused", peer=connection.peer)
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
            self.idle_limit.ended(connection.idle_seconds())


class PreparedHead(msgspec.Struct, frozen=True):
    """The head of requests on a route, checked. It may hold secrets. `Pool.prepare` makes it."""

    route: Route
    template: HeadTemplate
