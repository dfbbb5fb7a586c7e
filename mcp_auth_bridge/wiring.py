"""A `Profile` → objects: the only place that chooses implementations."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mcp_auth_bridge import header_fields
from mcp_auth_bridge.config import (
    Anonymous,
    Bearer,
    Browser,
    Config,
    Headers,
    InsecureFileStore,
    KeyCommandStore,
    KeyFileStore,
    KeyringStore,
    Login,
    MemoryStore,
    Profile,
    SignsIn,
    StoreChoice,
    Unwritten,
    load,
)
from mcp_auth_bridge.credentials.base import Credentials
from mcp_auth_bridge.credentials.kept import Beside, Kept, at_once
from mcp_auth_bridge.credentials.renewal import Renewal
from mcp_auth_bridge.credentials.sources import Sources, place_of
from mcp_auth_bridge.credentials.static import (
    AnonymousCredentials,
    BearerField,
    Field,
    StaticCredentials,
    WithOrganisation,
)
from mcp_auth_bridge.credentials.values import Remembered, Reread, Value
from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.machine_settings import Machine
from mcp_auth_bridge.machines import fingerprint, kind, plan
from mcp_auth_bridge.oauth.session import MACHINES, SESSIONS, Session
from mcp_auth_bridge.redis_settings import RedisStore, password
from mcp_auth_bridge.relay.base import Relay
from mcp_auth_bridge.relay.batches import Batches
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.keep_alive import KeepAlive
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.listening import Listening
from mcp_auth_bridge.relay.meet import Meet
from mcp_auth_bridge.relay.modern import Modern
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.restore import Restore
from mcp_auth_bridge.relay.signing_in import SigningIn
from mcp_auth_bridge.relay.unattended import Unattended
from mcp_auth_bridge.relay.welcome import Welcome
from mcp_auth_bridge.secret import Command, Entry, Env, File, Secret, SecretRef, Template, describe, reference, template
from mcp_auth_bridge.shell import log, terminal
from mcp_auth_bridge.shell.cookies import Jar
from mcp_auth_bridge.shell.lock import Locks
from mcp_auth_bridge.shell.memory import Memory
from mcp_auth_bridge.shell.network import Network
from mcp_auth_bridge.shell.observed import ObservedCredentials, ObservedStore
from mcp_auth_bridge.shell.paths import Paths
from mcp_auth_bridge.shell.remote import Remote
from mcp_auth_bridge.shell.secrets import key_from, sources
from mcp_auth_bridge.shell.surroundings import has_session
from mcp_auth_bridge.shell.tabs import Tabs
from mcp_auth_bridge.shell.threads import in_daemon_thread
from mcp_auth_bridge.shell.wire import Wire
from mcp_auth_bridge.stores import memory
from mcp_auth_bridge.stores.base import Store
from mcp_auth_bridge.stores.keys import InsecureKeyFile, KeyCommand, KeyFile, KeySource, sealing_key
from mcp_auth_bridge.stores.sealed import SealedStore

if TYPE_CHECKING:
    from mcp_auth_bridge.credentials.oauth import OAuthCredentials
    from mcp_auth_bridge.credentials.world import World as OAuthWorld
    from mcp_auth_bridge.oauth.machine import Plan
    from mcp_auth_bridge.shell.fleet import Fleet

KEYRING_TIMEOUT = 30.0
"""Seconds for an OS keyring that may be showing an unlock dialog."""

REFRESH_TIMEOUT = 105.0
"""Seconds to wait for another process's refresh: a token request may take 90 (shell/http.py), and then it is stored."""


COMMAND_TIMEOUT = 120.0
"""Seconds to wait while other processes run the command that prints a token: each run may take 30."""


_SECRETS = (
    "token",
    "client_secret",
    "private_key",
    "assertion",
    "subject_token",
    "actor_token",
    "identity_assertion",
)
"""The keys of an `auth` table that may name a secret."""


class World(msgspec.Struct, frozen=True):
    """What a command finds around it."""

    paths: Paths
    config: Config
    environ: Mapping[str, str]


def world(paths: Paths, config_file: Path | None, unwritten: Unwritten) -> World:
    return World(paths, load(config_file or paths.config, unwritten), os.environ)


def nobody(_: SignsIn) -> StoreChoice:
    """The store where no person is, and none is written down: a keyring might ask somebody."""
    return MemoryStore()


def perhaps_somebody(signs_in: SignsIn) -> StoreChoice:
    """The store where none is written down: the keyring, except where nothing says that there could be one."""
    nowhere = signs_in == "never" and not terminal.is_interactive() and not has_session(os.environ)
    return MemoryStore() if nowhere else KeyringStore()


class Vault:
    """The store of one configuration, opened when it is first needed."""

    def __init__(self, choice: StoreChoice, paths: Paths) -> None:
        self.locks = Locks(paths.locks)
        self._choice = choice
        self._records = paths.records
        self._key: bytes | None = None
        self._opening = asyncio.Lock()

    @property
    def forgets(self) -> bool:
        """Whether nothing survives the process."""
        return isinstance(self._choice, MemoryStore)

    @cached_property
    def store(self) -> Store:
        """Its first use may ask the OS keyring: see `read`."""
        if self.forgets:
            return memory.MemoryStore()
        store: Store = SealedStore(self._records, self._sealing_key, os.urandom, self.locks.mutex)
        if self._fleet is not None:
            store = self._fleet.store
        return ObservedStore(store) if log.on else store

    async def read(self, key: str) -> Store:
        """The store, ready to read the record `key` without asking anybody. Raises `StoreError`.

        The sealing key is fetched beside the loop, and only if there is a record to open: a bridge without a login
        leaves the keyring in peace.
        """
        async with self._opening:
            if self._key is None:
                await self._ask(lambda: self.store.load(key))
        return self.store

    async def survey(self) -> Store:
        """The store, ready to list its keys; fetches the sealing key only if there is a record at all."""
        async with self._opening:
            if self._key is None:
                await self._ask(self.store.keys)
        return self.store

    async def unlock(self) -> Store:
        """The store, ready to be written. Creates the sealing key at the very first login. Raises `StoreError`."""
        async with self._opening:
            if self._key is None and not self.forgets:
                await self._ask(self._sealing_key)
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

    @property
    def beside(self) -> Beside:
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
        return None if isinstance(self._choice, MemoryStore | KeyringStore) else self.unlock

    def describe(self) -> str:
        """Where logins are kept, in words."""
        if self.forgets:
            return "memory, until the process ends"
        place = self._records if self._fleet is None else self._fleet.describe()
        return f"{place}, sealed with a key in {self._source.describe()}"

    @cached_property
    def _source(self) -> KeySource:
        match self._choice:
            case KeyFileStore(path=path):
                return KeyFile(_key_file(path))
            case KeyCommandStore(command=command):
                return KeyCommand(command, key_from)
            case InsecureFileStore():
                return InsecureKeyFile(self._records)
            case RedisStore(key_command=(_, *_) as command):
                return KeyCommand(command, key_from)
            case RedisStore(key_file=path):
                return KeyFile(_key_file(path))
        from mcp_auth_bridge.stores.os_keyring import KeyringKey

        return KeyringKey()

    @cached_property
    def _fleet(self) -> "Fleet | None":
        if not isinstance(self._choice, RedisStore):
            return None
        from mcp_auth_bridge.shell.fleet import Fleet  # most stores are this machine's own

        named = password(self._choice, "store")
        read = partial(sources(os.environ, ()).read, named, "the password of the store") if named else None
        return Fleet(self._choice, self._sealing_key, read)

    async def _ask(self, function: Callable[[], object]) -> None:
        if self._fleet is None:
            await in_daemon_thread(function, KEYRING_TIMEOUT)
        else:
            await self._fleet.ask(function)

    def _sealing_key(self) -> bytes:
        """Fetched once, in a thread that may wait: the store asks again, where nothing may."""
        if self._key is None:
            self._key = self._fetched_key()
        return self._key

    def _fetched_key(self) -> bytes:
        if self._fleet is not None:
            from mcp_auth_bridge.shell.fleet import shared_key

            return shared_key(self._source)
        return sealing_key(self._source, os.urandom, self.locks.mutex, self._records)


def _key_file(text: str) -> Path:
    """Where the sealing key is: systemd names the folder of a service's credentials in a variable."""
    path = Path(place_of(template(text, "the path of the sealing key"), os.environ, "the sealing key"))
    if not path.is_absolute():  # an IDE starts us anywhere, and elsewhere there would be another key
        raise ConfigError(f"the path of the sealing key, {path}, does not begin at the root", "write it from / or ~")
    return path


def relay(profile: Profile, remembered: Mapping[str, bytes]) -> Relay:
    """The relay for `profile`, from the outside in: which era, then what each era needs around its messages."""
    legacy: Relay = Welcome(_session(profile), profile.name, remembered)
    modern: Relay = Listening(Modern(Delivery(Passthrough(), profile.relay)))
    if isinstance(profile.auth, Browser) and profile.login == "auto":
        legacy, modern = SigningIn(legacy, profile.name), SigningIn(modern, profile.name)
    return Meet(Batches(legacy), modern, remembered)


def unattended_relay(profile: Profile, remembered: Mapping[str, bytes]) -> Unattended:
    """The relay where no person is."""
    modern = Listening(Modern(Delivery(Passthrough(), profile.relay)))
    return Unattended(Meet(Batches(_session(profile)), modern, remembered))


def own_relay(profile: Profile, remembered: Mapping[str, bytes]) -> Relay:
    """The relay for the bridge as a client of its own: it waits for the server, and no browser opens for it."""
    return Meet(_session(profile), Modern(Delivery(Passthrough(), profile.relay)), remembered)


def _session(profile: Profile) -> Relay:
    session = Restore(LegacySession(Delivery(Passthrough(), profile.relay)))
    return KeepAlive(session, profile.relay.ping) if profile.relay.ping > 0 else session


def _record(profile: Profile, environ: Mapping[str, str]) -> str:
    """The name of what is remembered. A machine's session is of one configuration, and of one identity in it."""
    if not isinstance(profile.auth, Machine):
        return f"{SESSIONS}{profile.name} {profile.url.resource}"
    return f"{MACHINES}{profile.name} {profile.url.resource} {fingerprint(profile.auth, environ)}"


class Bridge:
    """Everything for one profile, each part made when it is first needed."""

    def __init__(self, profile: Profile, world: World) -> None:
        self.profile = profile
        self.record = _record(profile, world.environ)
        self.vault = Vault(profile.store, world.paths)
        self.memory = Memory(world.paths.memory, self.record)
        self.network = Network(profile.network)
        self.tabs = Tabs(world.paths.memory, self.record, time.time)
        self._world = world
        log.event("profile", profile=profile.name, url=profile.url.resource, auth=type(profile.auth).__name__)

    def apart(self) -> "Bridge":
        """The same server and the same store, over connections and with credentials of its own."""
        apart = Bridge(self.profile, self._world)
        apart.vault = self.vault
        return apart

    @cached_property
    def wire(self) -> Wire:
        return Wire(self.network)

    @cached_property
    def remote(self) -> Remote:
        return self.remote_for(self.credentials)

    def remote_for(self, credentials: Credentials) -> Remote:
        """The server as somebody with these `credentials` meets it."""
        jar = Jar(time.time) if self.profile.network.cookies == "affinity" else None
        if log.on:
            credentials = ObservedCredentials(credentials)
        if self.profile.headers:
            credentials = WithOrganisation(self._fields(self.profile.headers), credentials)
        return Remote(self.profile.url, self.wire, credentials, jar)

    @cached_property
    def credentials(self) -> Credentials:
        match self.profile.auth:
            case Bearer(token=token, resource=resource):
                field = self._field(BearerField, "authorization", reference(token, "the token"), "the token")
                return self._static((field,), resource)
            case Headers(headers=headers):
                return self._static(self._fields(header_fields.credential(headers, "the configuration")), "")
            case Anonymous():
                return AnonymousCredentials(self.profile.name)
        return self.oauth

    @property
    def environ(self) -> Mapping[str, str]:
        return self._world.environ

    @property
    def account(self) -> str:
        """Who alone may be signed in here, "" for anybody."""
        return self.profile.auth.account if isinstance(self.profile.auth, Login) else ""

    @property
    def login_command(self) -> str:
        return f"mcp-auth-bridge login {self.profile.name}"

    def _fields(self, references: Mapping[str, SecretRef]) -> tuple[Field, ...]:
        # In lower case: what was sent is looked up by name, and names ignore case (RFC 9110 section 5.1).
        named = references.items()
        return tuple(self._field(Field, name.lower(), value, f"the header {name}") for name, value in named)

    def _field(self, kind: type[Field], name: str, value: SecretRef, what: str) -> Field:
        return kind(name, self._value(name, value, what), f"{what} of {self.profile.name}", describe(value))

    def _value(self, name: str, value: SecretRef, what: str) -> Value:
        """What is costly to read is kept; the rest is read each time."""
        read = partial(self.secrets.read, value, f"{what} of {self.profile.name}")
        match value:
            case Entry():
                return Remembered(read)
            case Command(argv=argv):
                return self._minted(name, argv, read)
        return Reread(read)

    def _minted(self, name: str, argv: tuple[str, ...], read: Callable[[], Awaitable[Secret]]) -> Value:
        # Imported here because most starts run no command (docs/architecture.md, "Cold start").
        from mcp_auth_bridge.credentials.minted import RECORDS, Minted
        from mcp_auth_bridge.credentials.minted import World as MintedWorld

        key = f"{RECORDS}{self.profile.name} {self.profile.url.resource} {name}"
        lock = partial(self.vault.hold, f"the command for {key}", COMMAND_TIMEOUT)
        beside = self.vault.beside
        return Minted(key, argv, MintedWorld(read, lock, self.vault.shared, time.time, terminal.complain, beside))

    def _static(self, fields: tuple[Field, ...], resource: str) -> StaticCredentials:
        return StaticCredentials(self.profile.name, resource or self.profile.url.resource, fields, time.time)

    @cached_property
    def secrets(self) -> Sources:
        """Reads what secret references name."""
        return sources(self.environ, self.profile.pass_environment)

    async def secret(self, text: str, what: str) -> Secret:
        """The secret that `text` is or names. Raises `CredentialMissing` if it comes from somewhere that has none."""
        return await self.secrets.read(reference(text, what), f"{what} of {self.profile.name}")

    async def check_sources(self) -> None:
        """Raise `CredentialMissing` for what a variable or a file should hold and does not.

        Nothing is asked that takes time, or might ask a person: commands and keyrings have their turn later.
        """
        for what, value in self._references().items():
            if isinstance(value, Env | Template | File):
                await self.secrets.read(value, f"{what} of {self.profile.name}")

    def _references(self) -> Mapping[str, SecretRef]:
        """Every secret that the profile names, by what it is."""
        headers = self.profile.headers
        if isinstance(self.profile.auth, Headers):
            headers = {**headers, **header_fields.credential(self.profile.auth.headers, "the configuration")}
        secrets = {f"the header {name}": value for name, value in headers.items()}
        for auth in (self.profile.auth, getattr(self.profile.auth, "idp", None)):
            given = {f"the {key}": getattr(auth, key, "") for key in _SECRETS}
            secrets |= {what: reference(text, what) for what, text in given.items() if text}
        return secrets

    def login_lock(self, timeout: float) -> AbstractAsyncContextManager[None]:
        """The lock around every login to this server, by whom it may be; `Held` after `timeout` seconds."""
        return self.vault.locks.hold(f"the login to {self.profile.name}", timeout)

    def person_lock(self, timeout: float) -> AbstractAsyncContextManager[None]:
        """Held by a person who logs in by hand: a login that nobody asked for gives way to them."""
        return self.vault.locks.hold(f"the login by hand to {self.profile.name}", timeout)

    def lock(self) -> AbstractAsyncContextManager[None]:
        """The lock around every refresh of this login."""
        return self.vault.hold(f"the refresh of {self.record}", REFRESH_TIMEOUT)

    async def settle(self) -> None:
        """Wait for a rotation that is under way, if there is one: without its end the login would be lost."""
        if "oauth" in vars(self):
            await self.oauth.settle()
        await self.vault.settle()

    @cached_property
    def oauth(self) -> "OAuthCredentials":
        """The credentials of a profile that logs in, with the browser or by itself."""
        if isinstance(self.profile.auth, Machine):
            return self.oauth_in(self.vault.shared or self.vault.apart)
        return self.oauth_in(lambda: self.vault.read(self.record))

    def oauth_in(self, open_store: Callable[[], Awaitable[Store]]) -> "OAuthCredentials":
        """The same, of the login that is in another store."""
        from mcp_auth_bridge.credentials.oauth import OAuthCredentials
        from mcp_auth_bridge.credentials.world import World as OAuthWorld

        world = OAuthWorld(
            open_store, self.lock, self._refresh, time.time, terminal.complain, os.urandom, self.vault.beside
        )
        kept = Kept(self.record, world.open_store, world.now, world.warn, world.beside)
        return OAuthCredentials(kept, self._renewal(kept, world), world)

    def _renewal(self, kept: Kept, world: "OAuthWorld") -> Renewal:
        name, auth = self.profile.name, self.profile.auth
        if not isinstance(auth, Machine):
            from mcp_auth_bridge.credentials.rotation import Rotation  # a machine has none

            return Rotation(name, self.login_command, kept, world)
        from mcp_auth_bridge.credentials.obtaining import Obtaining, Source  # a person has none

        return Obtaining(Source(name, kind(auth), partial(self.plan, auth), not auth.token_endpoint), kept, world)

    async def plan(self, auth: Machine) -> "Plan":
        """How the machine that `auth` describes comes by its tokens. Raises `CredentialMissing`."""
        return await plan(self.profile.url, auth, self.secret)

    async def _refresh(self, flow: Flow[Session]) -> Session:
        # Imported here because most starts need no refresh (docs/architecture.md, "Cold start").
        from mcp_auth_bridge.shell.drive import Nobody, drive
        from mcp_auth_bridge.shell.http import Http

        http = Http(self.network)
        try:
            return await drive(flow, http, Nobody())
        finally:
            await http.aclose()
