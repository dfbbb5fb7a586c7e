"""Access to the store of one configuration, and to the locks of all processes that share it."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from mcp_auth_bridge.config.redis import RedisStoreSettings, password_reference
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
from mcp_auth_bridge.secret import parse_template
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.console.logging_wrappers import LoggingStore
from mcp_auth_bridge.shell.files.lock import Locks
from mcp_auth_bridge.shell.files.paths import Paths
from mcp_auth_bridge.shell.files.secret_backends import read_key_command, secret_sources
from mcp_auth_bridge.shell.process.threads import run_with_timeout
from mcp_auth_bridge.stores import memory
from mcp_auth_bridge.stores.base import Store
from mcp_auth_bridge.stores.folder import Folder
from mcp_auth_bridge.stores.keys import (
    InsecureKeyFile,
    KeyCommand,
    KeyFile,
    KeySource,
    check_not_needed,
    keep_hint,
    sealing_key,
    store_hint,
)
from mcp_auth_bridge.stores.sealed import SealedStore, has_record, record_names

if TYPE_CHECKING:
    from mcp_auth_bridge.shell.fleet.fleet import Fleet

REFRESH_TIMEOUT = 105.0
"""Seconds to wait while another process refreshes: a token request may take 90 (shell/net/oauth_http.py), and then the
outcome is stored.
"""

KEYRING_TIMEOUT = 30.0
"""Seconds for an OS keyring that may be showing an unlock dialog."""


class StoreAccess:
    """The store of one configuration, opened when it is first needed.

    `key` is the sealing key, where it is known already. `config` is the file that chooses the store, for hints; None
    for the user's own.
    """

    def __init__(
        self, settings: StoreSettings, paths: Paths, key: bytes | None = None, config: Path | None = None
    ) -> None:
        # The folders of the bridge.
        self.paths = paths
        # The kernel locks of this machine.
        self.locks = Locks(paths.locks)
        # Which store it is.
        self._settings = settings
        # The file that chooses the store, for hints.
        self._config = config or paths.config
        # The sealing key, None until it is fetched.
        self._key = key
        # Held while the sealing key is fetched.
        self._opening = asyncio.Lock()

    @property
    def forgets(self) -> bool:
        """Whether nothing survives the process."""
        return isinstance(self._settings, MemoryStoreSettings)

    def check_keeps(self, what: str) -> None:
        """Raise `ConfigError` where `what`, such as "a login", would be lost at the end of the process."""
        if self.forgets:  # by configuration, or because no keyring was found here
            raise ConfigError(f"{what} cannot be kept: the store here is memory", keep_hint(self._config))

    @cached_property
    def store(self) -> Store:
        """The store itself. Its first use may ask the OS keyring: see `open_to_read`."""
        if self.forgets:
            return memory.MemoryStore()
        store: Store = SealedStore(self.paths.records, self.sealing_key, os.urandom, self.locks.mutex)
        if self._fleet is not None:
            store = self._fleet.store
        return LoggingStore(store) if debug_log.on else store

    async def open_to_read(self, key: str) -> Store:
        """The store, ready to read the record `key` without a prompt. Raises `StoreError`.

        The sealing key is fetched beside the event loop, and only if there is a record to open: a bridge without a
        login does not ask the keyring.
        """
        if self.forgets and has_record(self.paths.records, key):
            raise _sealed_records_error(self.paths.records)
        async with self._opening:
            if self._key is None:
                await self._run(lambda: self.store.load(key))
        return self.store

    def find_key(self) -> bool:
        """Fetch the sealing key of this machine's store. Returns False if there is none yet, and no record needs one.

        It blocks, creates nothing, and fails rather than ask the user. Raises `StoreError`.
        """
        self._key = self._source.look()
        if self._key is None:
            check_not_needed(self._source, self.paths.records)
        return self._key is not None

    async def open_to_list(self) -> Store:
        """The store, ready to list its keys. Fetches the sealing key only if there is any record."""
        if self.forgets and record_names(Folder(self.paths.records)):
            raise _sealed_records_error(self.paths.records)
        async with self._opening:
            if self._key is None:
                await self._run(self.store.keys)
        return self.store

    async def open_to_write(self) -> Store:
        """The store, ready to be written. Creates the sealing key at the very first login. Raises `StoreError`."""
        async with self._opening:
            if self._key is None and not self.forgets:
                await self._run(self.sealing_key)
        if self._fleet is not None:
            await self._run(self.store.keys)  # fails before the user signs in, if Redis cannot be reached
        return self.store

    @asynccontextmanager
    async def hold(self, name: str, timeout: float) -> AsyncIterator[None]:  # noqa: ASYNC109 - the error names the lock
        """Hold the lock `name` against every process that shares the store, on any machine.

        Raises `LockHeld` after `timeout` seconds for this machine's lock, and again for the fleet's.
        """
        async with self.locks.hold(name, timeout):
            if self._fleet is None:
                yield
                return
            async with self._fleet.locks.hold(name, timeout):  # one process per machine waits for the Redis lock
                yield

    def refresh_lock(self, record: str) -> AbstractAsyncContextManager[None]:
        """The lock around every refresh of the login `record`, against every process that shares the store."""
        return self.hold(_refresh_of(record), REFRESH_TIMEOUT)

    def refresh_lock_file(self, record: str) -> Path:
        """The file of that lock on this machine."""
        return self.locks.file(_refresh_of(record))

    def refresh_turn(self, record: str) -> AbstractAsyncContextManager[None]:
        """The lock for the one process of this machine that has the login `record` refreshed."""
        return self.locks.hold(f"the turn to refresh {record}", 2 * REFRESH_TIMEOUT)

    @property
    def beside(self) -> Companion:
        """How a task calls the store while a relay runs: it must not stop the event loop."""
        return at_once if self._fleet is None else self._fleet.ask

    async def settle(self) -> None:
        """Wait until every lease of this process has been given back."""
        if self._fleet is not None:
            await self._fleet.locks.settle()

    async def open_private(self) -> Store:
        """A store of this process alone, for tokens that it can obtain again at any time."""
        return self._private

    @cached_property
    def _private(self) -> Store:
        return memory.MemoryStore()

    @property
    def open_shared(self) -> Callable[[], Awaitable[Store]] | None:
        """Opens the store to share tokens that each process could obtain itself.

        None where sharing is not worth it: the memory store forgets them, and a keyring might ask the user.
        """
        return None if isinstance(self._settings, MemoryStoreSettings | KeyringStoreSettings) else self.open_to_write

    def describe(self) -> str:
        """Where logins are kept, for the user."""
        if self.forgets:
            return "memory, until the process ends"
        place = self.paths.records if self._fleet is None else self._fleet.describe()
        return f"{place}, sealed with a key in {self._source.describe()}"

    @property
    def is_shared(self) -> bool:
        """Whether several machines share the store."""
        return self._fleet is not None

    @property
    def reach(self) -> str:
        """The place that a deleted login is gone from, for the user."""
        return "from this machine" if self._fleet is None else f"from {self._fleet.describe()}, for every machine"

    @cached_property
    def _source(self) -> KeySource:
        match self._settings:
            case KeyFileStoreSettings(path=path):
                return KeyFile(_key_file(path))
            case KeyCommandStoreSettings(command=command):
                return KeyCommand(command, read_key_command)
            case InsecureFileStoreSettings():
                return InsecureKeyFile(self.paths.records)
            case RedisStoreSettings(key_command=(_, *_) as command):
                return KeyCommand(command, read_key_command)
            case RedisStoreSettings(key_file=path):
                return KeyFile(_key_file(path))
        from mcp_auth_bridge.stores.os_keyring import KeyringKey

        return KeyringKey(store_hint(self._config))

    @cached_property
    def _fleet(self) -> "Fleet | None":
        if not isinstance(self._settings, RedisStoreSettings):
            return None
        from mcp_auth_bridge.shell.fleet.fleet import Fleet  # most stores belong to one machine

        named = password_reference(self._settings, "store")
        read = partial(secret_sources(os.environ, ()).read, named, "the password of the store") if named else None
        return Fleet(self._settings, self.sealing_key, read)

    async def _run(self, function: Callable[[], object]) -> None:
        """Run `function`, which uses the store, beside the event loop."""
        if self._fleet is None:
            await run_with_timeout(function, KEYRING_TIMEOUT)
        else:
            await self._fleet.ask(function)

    def sealing_key(self) -> bytes:
        """The sealing key. The first call may wait for a keyring or a command; the store calls again where that would
        block the event loop.
        """
        if self._key is None:
            self._key = self._fetch_key()
        return self._key

    def _fetch_key(self) -> bytes:
        if self._fleet is not None:
            from mcp_auth_bridge.shell.fleet.fleet import load_shared_key

            return load_shared_key(self._source)
        return sealing_key(self._source, os.urandom, self.locks.mutex, self.paths.records)


def _refresh_of(record: str) -> str:
    return f"the refresh of {record}"


def _sealed_records_error(records: Path) -> StoreError:
    """The error of the memory store where sealed logins exist: "there is no login" would be untrue."""
    return StoreError(
        f"{records} holds sealed logins, which the memory store used here cannot open",
        'name the store of their key under [store] in config.toml; --headless needs kind = "keyring" written there',
    )


def _key_file(text: str) -> Path:
    """The path of the sealing key, with variables: systemd names the folder of a service's credentials in one."""
    path = Path(place_of(parse_template(text, "the path of the sealing key"), os.environ, "the sealing key"))
    if not path.is_absolute():  # an IDE starts the bridge in any folder, and each would have a key of its own
        raise ConfigError(f"the path of the sealing key, {path}, is not absolute", "begin it with / or ~")
    return path
