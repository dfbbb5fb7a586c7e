"""Where the logins of one configuration are kept, and the locks of all who share them."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_auth_bridge.config.redis import RedisStoreSettings, password
from mcp_auth_bridge.config.store import (
    InsecureFileStoreSettings,
    KeyCommandStoreSettings,
    KeyFileStoreSettings,
    KeyringStoreSettings,
    MemoryStoreSettings,
    StoreSettings,
)
from mcp_auth_bridge.credentials.secret_sources import place_of
from mcp_auth_bridge.credentials.services import Companion, at_once
from mcp_auth_bridge.errors import ConfigError, StoreError
from mcp_auth_bridge.secret import template
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.console.logging_wrappers import ObservedStore
from mcp_auth_bridge.shell.files.lock import Locks
from mcp_auth_bridge.shell.files.paths import Paths
from mcp_auth_bridge.shell.files.secret_backends import key_from, sources
from mcp_auth_bridge.shell.process.threads import in_daemon_thread
from mcp_auth_bridge.stores import memory
from mcp_auth_bridge.stores.base import Store
from mcp_auth_bridge.stores.folder import Folder
from mcp_auth_bridge.stores.keys import InsecureKeyFile, KeyCommand, KeyFile, KeySource, choices, keeping, sealing_key
from mcp_auth_bridge.stores.sealed import SealedStore, has_record, record_names

if TYPE_CHECKING:
    from mcp_auth_bridge.shell.fleet.fleet import Fleet

REFRESH_TIMEOUT = 105.0
"""Seconds to wait for another process's refresh: a token request may take 90 (shell/net/oauth_http.py), and then it is
stored.
"""

KEYRING_TIMEOUT = 30.0
"""Seconds for an OS keyring that may be showing an unlock dialog."""


class StoreAccess:
    """The store of one configuration, opened when it is first needed. `key` is its sealing key, where that is known;
    `config` is the file that says which store, None for the user's own.
    """

    def __init__(
        self, choice: StoreSettings, paths: Paths, key: bytes | None = None, config: Path | None = None
    ) -> None:
        self.locks = Locks(paths.locks)
        self._choice = choice
        self._records = paths.records
        self._config = config or paths.config
        self._key = key
        self._opening = asyncio.Lock()

    @property
    def forgets(self) -> bool:
        """Whether nothing survives the process."""
        return isinstance(self._choice, MemoryStoreSettings)

    def check_keeps(self, what: str) -> None:
        """Raise `ConfigError` where `what` would be gone with the process."""
        if self.forgets:  # written so, or because nothing here shows a keyring
            raise ConfigError(f"{what} cannot be kept: the store here is memory", keeping(self._config))

    @cached_property
    def store(self) -> Store:
        """Its first use may ask the OS keyring: see `read`."""
        if self.forgets:
            return memory.MemoryStore()
        store: Store = SealedStore(self._records, self.sealing_key, os.urandom, self.locks.mutex)
        if self._fleet is not None:
            store = self._fleet.store
        return ObservedStore(store) if debug_log.on else store

    async def read(self, key: str) -> Store:
        """The store, ready to read the record `key` without asking anybody. Raises `StoreError`.

        The sealing key is fetched beside the loop, and only if there is a record to open: a bridge without a login
        leaves the keyring in peace.
        """
        if self.forgets and has_record(self._records, key):
            raise _closed(self._records)
        async with self._opening:
            if self._key is None:
                await self._ask(lambda: self.store.load(key))
        return self.store

    async def survey(self) -> Store:
        """The store, ready to list its keys; fetches the sealing key only if there is a record at all."""
        if self.forgets and record_names(Folder(self._records)):
            raise _closed(self._records)
        async with self._opening:
            if self._key is None:
                await self._ask(self.store.keys)
        return self.store

    async def unlock(self) -> Store:
        """The store, ready to be written. Creates the sealing key at the very first login. Raises `StoreError`."""
        async with self._opening:
            if self._key is None and not self.forgets:
                await self._ask(self.sealing_key)
        if self._fleet is not None:
            await self._ask(self.store.keys)  # nobody signs in only to hear that the server is away
        return self.store

    @asynccontextmanager
    async def hold(self, name: str, timeout: float) -> AsyncIterator[None]:  # noqa: ASYNC109 - the error names the lock
        """Hold the lock `name` against all who share the store; `Held` after `timeout` seconds, of each kind."""
        async with self.locks.hold(name, timeout):
            if self._fleet is None:
                yield
                return
            async with self._fleet.locks.hold(name, timeout):  # of each machine one process stands in line
                yield

    def refresh_lock(self, record: str) -> AbstractAsyncContextManager[None]:
        """The lock around every exchange of the login `record` for another one, against all who share the store."""
        return self.hold(f"the refresh of {record}", REFRESH_TIMEOUT)

    def refresh_turn(self, record: str) -> AbstractAsyncContextManager[None]:
        """The turn of one process of this machine to have the login `record` renewed."""
        return self.locks.hold(f"the turn to refresh {record}", 2 * REFRESH_TIMEOUT)

    @property
    def beside(self) -> Companion:
        """How whoever runs beside a relay asks the store."""
        return at_once if self._fleet is None else self._fleet.ask

    async def settle(self) -> None:
        """Wait until what could not be saved is."""
        if self._fleet is not None:
            await self._fleet.locks.settle()

    async def apart(self) -> Store:
        """A store of this process alone, for what it can have anew at any time."""
        return self._private

    @cached_property
    def _private(self) -> Store:
        return memory.MemoryStore()

    @property
    def shared(self) -> Callable[[], Awaitable[Store]] | None:
        """How to open the store for what is only a convenience: not where it forgets, or a keyring had to be asked."""
        return None if isinstance(self._choice, MemoryStoreSettings | KeyringStoreSettings) else self.unlock

    def describe(self) -> str:
        """Where logins are kept, in words."""
        if self.forgets:
            return "memory, until the process ends"
        place = self._records if self._fleet is None else self._fleet.describe()
        return f"{place}, sealed with a key in {self._source.describe()}"

    @property
    def reach(self) -> str:
        """From where, and for whom, a login is gone that is deleted."""
        return "from this machine" if self._fleet is None else f"from {self._fleet.describe()}, for every machine"

    @cached_property
    def _source(self) -> KeySource:
        match self._choice:
            case KeyFileStoreSettings(path=path):
                return KeyFile(_key_file(path))
            case KeyCommandStoreSettings(command=command):
                return KeyCommand(command, key_from)
            case InsecureFileStoreSettings():
                return InsecureKeyFile(self._records)
            case RedisStoreSettings(key_command=(_, *_) as command):
                return KeyCommand(command, key_from)
            case RedisStoreSettings(key_file=path):
                return KeyFile(_key_file(path))
        from mcp_auth_bridge.stores.os_keyring import KeyringKey

        return KeyringKey(choices(self._config))

    @cached_property
    def _fleet(self) -> "Fleet | None":
        if not isinstance(self._choice, RedisStoreSettings):
            return None
        from mcp_auth_bridge.shell.fleet.fleet import Fleet  # most stores are this machine's own

        named = password(self._choice, "store")
        read = partial(sources(os.environ, ()).read, named, "the password of the store") if named else None
        return Fleet(self._choice, self.sealing_key, read)

    async def _ask(self, function: Callable[[], object]) -> None:
        if self._fleet is None:
            await in_daemon_thread(function, KEYRING_TIMEOUT)
        else:
            await self._fleet.ask(function)

    def sealing_key(self) -> bytes:
        """Fetched once, in a thread that may wait: the store asks again, where nothing may."""
        if self._key is None:
            self._key = self._fetched_key()
        return self._key

    def _fetched_key(self) -> bytes:
        if self._fleet is not None:
            from mcp_auth_bridge.shell.fleet.fleet import shared_key

            return shared_key(self._source)
        return sealing_key(self._source, os.urandom, self.locks.mutex, self._records)


def _closed(records: Path) -> StoreError:
    """What a store that forgets says where others have kept something: "nobody is logged in" would be untrue."""
    return StoreError(
        f"{records} holds sealed logins, and the store here, memory, does not open them",
        'write where their key is under [store] in config.toml; kind = "keyring" has to stand there for --headless',
    )


def _key_file(text: str) -> Path:
    """Where the sealing key is: systemd names the folder of a service's credentials in a variable."""
    path = Path(place_of(template(text, "the path of the sealing key"), os.environ, "the sealing key"))
    if not path.is_absolute():  # an IDE starts us anywhere, and elsewhere there would be another key
        raise ConfigError(f"the path of the sealing key, {path}, does not begin at the root", "write it from / or ~")
    return path
