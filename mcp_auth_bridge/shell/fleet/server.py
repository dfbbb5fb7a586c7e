"""The Redis (or Valkey) of a fleet: scripts run on it, with timeouts, and with words for what goes wrong.

It may be down for hours while tokens in memory are good. So a failure is remembered for a moment: requests do not wait
for a dead server in turn, each for as long as the timeouts allow.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from mcp_auth_bridge.config.redis import RedisAddress, RedisStoreSettings
from mcp_auth_bridge.errors import ConfigError, StoreError, Unreachable, quoted
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.net.connect_errors import explained
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.process.threads import in_background
from mcp_auth_bridge.stores.redis import ServerLost

if TYPE_CHECKING:
    from redis import Connection, Redis

_CONNECT, _COMMAND = 2.0, 5.0
"""Seconds for a connection (a name lookup not counted) and for an answer."""

_REST = 2.0
"""Seconds after a failure without another attempt."""

_CHECK = "check url and ca_file under [store] in config.toml, and that the server runs; a good token is used meanwhile"
_CHECK_PRIMARY = "name the primary in url under [store] in config.toml"
_CHECK_USER = "check user and password under [store] in config.toml, and that the user may run scripts"

T = TypeVar("T")


class RedisServer:
    """The server at `place`. `password` reads it, again after it was refused; None if the server wants none.

    `ask` comes first: it is what reads the password.
    """

    def __init__(
        self,
        place: RedisAddress,
        settings: RedisStoreSettings,
        network: Network,
        password: Callable[[], Awaitable[Secret]] | None,
    ) -> None:
        self._place = place
        self._user = settings.user or None
        self._network = network
        self._read_password = password
        self._password: Secret | None = None
        self._client: Redis | None = None
        self._making = threading.Lock()
        self._rests_until, self._silence = float("-inf"), ""

    async def ask(self, function: Callable[[], T]) -> T:
        """Run `function`, which asks this server, beside the loop."""
        if self._read_password is not None and self._password is None:
            self._password = await self._read_password()
        return await in_background(function)

    def run(self, script: str, key: str, *arguments: bytes) -> object:
        with self._answering() as client:
            return client.eval(script, 1, key, *arguments)

    def fields(self, key: str) -> dict[bytes, bytes]:
        with self._answering() as client:
            found: dict[bytes, bytes] = client.hgetall(key)  # type: ignore[assignment]  # the client is a blocking one
            return found

    def describe(self) -> str:
        return f"the Redis server {self._place}"

    @contextlib.contextmanager
    def _answering(self) -> Iterator["Redis"]:
        if time.monotonic() < self._rests_until:
            raise ServerLost(f"{self._silence} (a moment ago)", _CHECK)
        with self._translated():
            yield self._connected()

    def _connected(self) -> "Redis":
        with self._making:
            if self._client is None:
                self._client = self._made()
            return self._client

    def _made(self) -> "Redis":
        from redis import ConnectionPool, Redis
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError as Dead
        from redis.retry import Retry

        return Redis(
            connection_pool=ConnectionPool(
                connection_class=_connection(self.describe(), self._network.tls if self._place.tls else None),
                host=self._place.url.host,
                port=self._place.url.port,
                db=self._place.database,
                username=self._user,
                password=self._password.reveal() if self._password else None,
                socket_connect_timeout=_CONNECT,
                socket_timeout=_COMMAND,
                # A pooled connection may have died with the server of then; and scripts may run twice.
                retry=Retry(NoBackoff(), 1, (Dead,)),
                protocol=2,
                driver_info=None,
            )
        )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            from redis import exceptions
        except ImportError:
            raise ConfigError(
                'kind = "redis" under [store] in config.toml needs a package that is not installed',
                "run: uv tool install 'mcp-auth-bridge[redis]'",
            ) from None
        try:
            yield
        except Unreachable as error:
            raise self._silent(error.message) from None
        except (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError):
            self._forget()
            raise StoreError(
                f"{self.describe()} refused this user or its password, or wants one", _CHECK_USER
            ) from None
        except exceptions.TimeoutError:
            raise self._silent(f"{self.describe()} does not answer") from None
        except exceptions.ConnectionError:  # also while it loads its data
            raise self._silent(f"{self.describe()} broke off the connection") from None
        except exceptions.OutOfMemoryError:
            raise StoreError(f"{self.describe()} has no memory left", "raise its maxmemory") from None
        except exceptions.ReadOnlyError:
            raise StoreError(f"{self.describe()} is a replica, which takes no writes", _CHECK_PRIMARY) from None
        except exceptions.ResponseError as error:
            # Its code alone, such as MISCONF: the text may repeat what it was asked.
            code = quoted(str(error).partition(" ")[0], 20)
            raise StoreError(f"{self.describe()} refused a command ({code})", "see the log of that server") from None
        except exceptions.RedisError as error:
            raise StoreError(f"{self.describe()} does not speak Redis ({type(error).__name__})", _CHECK) from None

    def _forget(self) -> None:
        """Read the password again: it may have been rotated."""
        with self._making:
            self._password = self._client = None

    def _silent(self, sentence: str) -> ServerLost:
        self._rests_until, self._silence = time.monotonic() + _REST, sentence
        return ServerLost(sentence, _CHECK)


def _connection(place: str, tls: ssl.SSLContext | None) -> "type[Connection]":
    """redis-py's connection with our words for what goes wrong, and with our TLS: its own follows SSLKEYLOGFILE."""
    from redis import Connection

    class Explained(Connection):
        def _connect(self) -> socket.socket:
            with explained(place):
                plain: socket.socket = super()._connect()  # type: ignore[no-untyped-call]  # redis-py annotates little
                if tls is None:
                    return plain
                try:
                    plain.settimeout(_CONNECT)
                    encrypted = tls.wrap_socket(plain, server_hostname=self.host)
                except BaseException:
                    plain.close()
                    raise
                encrypted.settimeout(_COMMAND)
                return encrypted

    return Explained
