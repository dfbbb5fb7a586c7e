"""The store and the locks that several machines share, and the Redis that holds both."""

import os
from collections.abc import Awaitable, Callable

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.redis import RedisStoreSettings as Settings
from mcp_auth_bridge.config.redis import parse_address
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.fleet.lease import Leases
from mcp_auth_bridge.shell.fleet.server import RedisServer
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.stores.keys import KeySource
from mcp_auth_bridge.stores.redis import RedisStore


class Fleet:
    """The shared store and locks of one machine.

    `key` returns the sealing key. `password` reads the server's password; None if the server does not want one.
    """

    def __init__(
        self, settings: Settings, key: Callable[[], bytes], password: Callable[[], Awaitable[Secret]] | None
    ) -> None:
        network = Network(NetworkSettings(ca_file=settings.ca_file))
        server = RedisServer(parse_address(settings, "store"), settings, network, password)
        self.ask = server.ask
        self.describe = server.describe
        self.store = RedisStore(server, settings.prefix, key, os.urandom)
        self.locks = Leases(server, server.ask, settings.prefix, self.store.flush)


def load_shared_key(source: KeySource) -> bytes:
    """Read the sealing key from `source`. Raises `StoreError` without one: each machine would make another key."""
    key = source.load()
    if key is None:
        raise StoreError(
            f"{source.describe()} does not exist, and every machine that shares the store needs the same key",
            "make one with: openssl rand -base64 32, and give it to each of them",
        )
    return key
