"""The way to the server: proxy, name, each address, TLS handshake. Each step is taken if the one before it worked."""

import time

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.errors import BridgeError, ConfigError
from mcp_auth_bridge.shell.net.connect_errors import Fault
from mcp_auth_bridge.shell.net.handshake import LIMIT, Handshake, shake_hands
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.proxies import Proxy
from mcp_auth_bridge.shell.net.reachability import Knock, Names, fault_of, has_route, knock_at_all, look_up
from mcp_auth_bridge.urls import Url


class Way(msgspec.Struct, frozen=True):
    """The way to a server, as far as it could be gone."""

    # The server.
    url: Url
    # The proxy in front of it, None for a direct connection.
    proxy: Proxy | None = None
    # Why there is no proxy, "" if there is one.
    direct: str = ""
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
    # This machine's clock, in seconds since the epoch.
    now: float = 0.0

    @property
    def place(self) -> Url:
        """The place that connections are made to: the proxy, or the server without one."""
        return self.proxy.url if self.proxy is not None else self.url

    @property
    def connects(self) -> bool:
        """Whether an address of the proxy, or of the server without one, takes connections."""
        return any(knock.error is None for knock in self.knocks)

    @property
    def handshake_error(self) -> BridgeError | None:
        """Why the handshake failed, None if it did not, or if there was none."""
        return self.handshake.error if self.handshake is not None else None

    @property
    def handshake_fault(self) -> Fault | None:
        """The kind of that failure, None if there is none."""
        return fault_of(self.handshake_error)

    @property
    def reached(self) -> bool:
        """Whether a request can be sent to the server."""
        if self.url.scheme == "http":
            return self.connects
        return self.handshake is not None and self.handshake_error is None


async def go(bridge: Bridge) -> Way:
    """Go the way to the server of `bridge`. Raises nothing: each fault stands in its step."""
    url, network = bridge.profile.url, Network(bridge.profile.network, bridge.environ)
    try:
        decision = network.proxy_decision(url)
    except ConfigError as error:
        return Way(url, proxy_error=error)
    way = Way(url, decision.proxy, decision.reason, has_route=has_route(), now=time.time())
    names = await look_up(network, way.place)
    way = msgspec.structs.replace(way, names=names, knocks=await knock_at_all(names.addresses, way.place.port))
    if url.scheme == "http" or not way.connects:
        return way
    return msgspec.structs.replace(way, handshake=await shake_hands(network, url, way.proxy, LIMIT + names.seconds))
