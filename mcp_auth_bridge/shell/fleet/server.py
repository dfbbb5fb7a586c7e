"""The Redis (or Valkey) of a fleet: runs scripts on it with time-outs, and translates its errors.

It may be down for hours while tokens in memory are good. So a failure is remembered for a moment: otherwise each
request would wait for a dead server until the time-out.
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
from mcp_auth_bridge.shell.net.error_translation import translate_errors
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.process.threads import run_in_background
from mcp_auth_bridge.stores.redis import ServerLost

if TYPE_CHECKING:
    from redis import Connection, Redis

_CONNECT, _COMMAND = 2.0, 5.0
"""Seconds for a connection (a name lookup not counted) and for a reply."""

_REST = 2.0
"""Seconds after a failure in which no other attempt is made."""

_CHECK = "check url and ca_file under [store] in config.toml, and that the server runs; a good token is used meanwhile"
_CHECK_PRIMARY = "name the primary in url under [store] in config.toml"
_CHECK_USER = "check user and password under [store] in config.toml, and that the user may run scripts"

T = TypeVar("T")


class RedisServer:
    """The server at `place`.

    `password` reads the password, again after the server has refused it; None if the server does not want one. Only
    `ask` calls it, so requests go through `ask`.
    """

    def __init__(
        self,
        place: RedisAddress,
        settings: RedisStoreSettings,
        network: Network,
        password: Callable[[], Awaitable[Secret]] | None,
    ) -> None:
        # host, port, database and whether it speaks TLS
        self._place = place
        # user name on the server
        self._user = settings.user or None
        # makes the TLS context
        self._network = network
        # reads the password
        self._read_password = password
        # the password that was read last
        self._password: Secret | None = None
        # redis-py's client, with its connections
        self._client: Redis | None = None
        # held while the client is made or dropped, because requests come from several threads
        self._making = threading.Lock()
        # when the next attempt may be made (`time.monotonic`), and the message of the last failure
        self._rests_until, self._last_failure = float("-inf"), ""

    async def ask(self, function: Callable[[], T]) -> T:
        """Run `function`, which sends a request to this server, in a thread."""
        if self._read_password is not None and self._password is None:
            self._password = await self._read_password()
        return await run_in_background(function)

    def run(self, script: str, key: str, *arguments: bytes) -> object:
        """Run the Lua `script` and return its result. Raises `ServerLost`, another `StoreError` or `ConfigError`."""
        with self._open_client() as client:
            return client.eval(script, 1, key, *arguments)

    def fields(self, key: str) -> dict[bytes, bytes]:
        """The fields of the hash `key`. Raises as `run`."""
        with self._open_client() as client:
            found: dict[bytes, bytes] = client.hgetall(key)  # type: ignore[assignment]  # the client is a blocking one
            return found

    def describe(self) -> str:
        return f"the Redis server {self._place}"

    @contextlib.contextmanager
    def _open_client(self) -> Iterator["Redis"]:
        """The client; its errors in the block become the bridge's own."""
        if time.monotonic() < self._rests_until:
            raise ServerLost(f"{self._last_failure} (a moment ago)", _CHECK)
        with self._translating_errors():
            yield self._shared_client()

    def _shared_client(self) -> "Redis":
        with self._making:
            if self._client is None:
                self._client = self._make_client()
            return self._client

    def _make_client(self) -> "Redis":
        from redis import ConnectionPool, Redis
        from redis.backoff import NoBackoff
        from redis.exceptions import ConnectionError as Dead
        from redis.retry import Retry

        return Redis(
            connection_pool=ConnectionPool(
                connection_class=_connection_class(self.describe(), self._network.tls if self._place.tls else None),
                host=self._place.url.host,
                port=self._place.url.port,
                db=self._place.database,
                username=self._user,
                password=self._password.reveal() if self._password else None,
                socket_connect_timeout=_CONNECT,
                socket_timeout=_COMMAND,
                # A pooled connection may have died with an earlier server process; and scripts may run twice.
                retry=Retry(NoBackoff(), 1, (Dead,)),
                protocol=2,
                driver_info=None,
            )
        )

    @contextlib.contextmanager
    def _translating_errors(self) -> Iterator[None]:
        try:
            from redis import exceptions
        except ImportError:
            from mcp_auth_bridge.shell.process.invocation import adding_command  # only for the hint

            raise ConfigError(
                'kind = "redis" under [store] in config.toml needs a package that is not installed',
                f"run: {adding_command('redis')}",
            ) from None
        try:
            yield
        except Unreachable as error:
            raise self._lost_error(error.message) from None
        except (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError):
            self._forget_password()
            raise StoreError(
                f"{self.describe()} refused this user or its password, or wants one", _CHECK_USER
            ) from None
        except exceptions.TimeoutError:
            raise self._lost_error(f"{self.describe()} does not answer") from None
        except exceptions.ConnectionError:  # also while it loads its data
            raise self._lost_error(f"{self.describe()} broke off the connection") from None
        except exceptions.OutOfMemoryError:
            raise StoreError(f"{self.describe()} has no memory left", "raise its maxmemory") from None
        except exceptions.ReadOnlyError:
            raise StoreError(f"{self.describe()} is a replica, which takes no writes", _CHECK_PRIMARY) from None
        except exceptions.ResponseError as error:
            # Only its code, such as MISCONF: the text may repeat the command and its secrets.
            code = quoted(str(error).partition(" ")[0], 20)
            raise StoreError(f"{self.describe()} refused a command ({code})", "see the log of that server") from None
        except exceptions.RedisError as error:
            raise StoreError(f"{self.describe()} does not speak Redis ({type(error).__name__})", _CHECK) from None

    def _forget_password(self) -> None:
        """Read the password again with the next request: it may have been rotated."""
        with self._making:
            self._password = self._client = None

    def _lost_error(self, message: str) -> ServerLost:
        """The error for a server that was lost, after which no attempt is made for a moment."""
        self._rests_until, self._last_failure = time.monotonic() + _REST, message
        return ServerLost(message, _CHECK)


def _connection_class(place: str, tls: ssl.SSLContext | None) -> "type[Connection]":
    """redis-py's connection with the bridge's error messages and TLS context: its own TLS follows SSLKEYLOGFILE."""
    from redis import Connection

    class Explained(Connection):
        def _connect(self) -> socket.socket:
            with translate_errors(place):
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
