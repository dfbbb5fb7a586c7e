"""The way to the server: proxy, name, each address, TLS handshake. Each step is taken if the one before it worked."""

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.net.handshake import LIMIT, Handshake, shake_hands
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.proxies import Proxy
from mcp_auth_bridge.shell.net.reachability import Knock, Names, has_route, knock_at_all, look_up
from mcp_auth_bridge.urls import Url


class Way(msgspec.Struct, frozen=True):
    """The way to a server, as far as it could be gone."""

    # The server.
    url: Url
    # The proxy in front of it, None for a direct connection.
    proxy: Proxy | None = None
    # Why the configured proxy cannot be used, None if it can.
    proxy_error: ConfigError | None = None
    # The addresses of the proxy, or of the server without one.
    names: Names = Names(())
    # The attempts to connect to them.
    knocks: tuple[Knock, ...] = ()
    # The TLS handshake with the server, None for plain http, and if no connection could be made.
    handshake: Handshake | None = None
    # Whether this machine has a route to the open internet.
    has_route: bool = True

    @property
    def place(self) -> Url:
        """The place that connections are made to: the proxy, or the server without one."""
        return self.proxy.url if self.proxy is not None else self.url

    @property
    def connects(self) -> bool:
        """Whether an address of the proxy, or of the server without one, takes connections."""
        return any(knock.error is None for knock in self.knocks)

    @property
    def reached(self) -> bool:
        """Whether a request can be sent to the server."""
        if self.url.scheme == "http":
            return self.connects
        return self.handshake is not None and self.handshake.error is None


async def go(bridge: Bridge) -> Way:
    """Go the way to the server of `bridge`. Raises nothing: each fault stands in its step."""
    url, network = bridge.profile.url, Network(bridge.profile.network, bridge.environ)
    try:
        proxy = network.proxy(url)
    except ConfigError as error:
        return Way(url, proxy_error=error)
    way = Way(url, proxy, has_route=has_route())
    names = await look_up(network, way.place)
    way = msgspec.structs.replace(way, names=names, knocks=await knock_at_all(names.addresses, way.place.port))
    if url.scheme == "http" or not way.connects:
        return way
    return msgspec.structs.replace(way, handshake=await shake_hands(network, url, proxy, LIMIT + names.seconds))
