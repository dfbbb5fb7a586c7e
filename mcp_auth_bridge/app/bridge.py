"""A `Profile` → objects: the only place that chooses implementations."""

import os
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from functools import cached_property, partial
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.machine_plan import fingerprint, kind, known, plan
from mcp_auth_bridge.app.profile_secrets import ProfileSecrets
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config.auth import AnonymousSettings, BearerSettings, HeaderSettings, digest
from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.credentials.base import Credentials, Renewal
from mcp_auth_bridge.credentials.static import AnonymousCredentials, WithOrganisation
from mcp_auth_bridge.credentials.stored_session import StoredSession
from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.errors import LoginRequired, quoted, typed
from mcp_auth_bridge.oauth.session import MACHINES, SESSIONS, Session, dump
from mcp_auth_bridge.secret import Secret, describe
from mcp_auth_bridge.shell.browser.rate_limit import TabLimit
from mcp_auth_bridge.shell.console import debug_log, terminal
from mcp_auth_bridge.shell.console.logging_wrappers import ObservedCredentials
from mcp_auth_bridge.shell.files.server_cache import ServerCache
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.shell.transports.cookies import CookieJar
from mcp_auth_bridge.shell.transports.remote import Remote
from mcp_auth_bridge.stores.base import Store

if TYPE_CHECKING:
    from mcp_auth_bridge.app.refresh_process import RefreshTask
    from mcp_auth_bridge.credentials.oauth import OAuthCredentials
    from mcp_auth_bridge.credentials.redemption import Redemption
    from mcp_auth_bridge.credentials.services import Services
    from mcp_auth_bridge.oauth.machine import MachinePlan


def _record(profile: Profile, environ: Mapping[str, str]) -> str:
    """The name of what is remembered. A machine's session is of one configuration, and of one identity in it."""
    if not isinstance(profile.auth, MachineSettings):
        return f"{SESSIONS}{profile.key} {profile.url.resource}"
    return f"{MACHINES}{profile.name} {profile.url.resource} {fingerprint(profile.auth, environ)}"


def _remembered(record: str, profile: Profile, environ: Mapping[str, str]) -> str:
    """The name of what the server said: with other organisation headers it may have other tools."""
    given = profile.headers.items()
    headers = sorted((name.lower(), known(value, environ) or describe(value)) for name, value in given)
    return f"{record} {sha256(repr(headers).encode()).hexdigest()[:16]}" if headers else record


class Bridge:
    """Everything for one profile, each part made when it is first needed."""

    def __init__(self, profile: Profile, context: Context) -> None:
        self.profile = profile
        self.record = _record(profile, context.environ)
        self.store_access = StoreAccess(profile.store, context.paths, config=context.config.path)
        self.memory = ServerCache(context.paths.memory, _remembered(self.record, profile, context.environ))
        self.network = Network(profile.network)
        self.tabs = TabLimit(context.paths.memory, self.record, time.time)
        self._context = context
        debug_log.event("profile", profile=profile.name, url=profile.url.resource, auth=type(profile.auth).__name__)

    def apart(self) -> "Bridge":
        """The same server and the same store, over connections and with credentials of its own."""
        return self._with(self.profile)

    def without(self, headers: Collection[str]) -> "Bridge":
        """The same with a profile that lacks these `headers`."""
        others = {name: value for name, value in self.profile.headers.items() if name not in headers}
        return self._with(msgspec.structs.replace(self.profile, headers=others))

    def _with(self, profile: Profile) -> "Bridge":
        apart = Bridge(profile, self._context)
        apart.store_access = self.store_access
        return apart

    @cached_property
    def pool(self) -> Pool:
        return Pool(self.network)

    @cached_property
    def remote(self) -> Remote:
        return self.remote_for(self.credentials, self._kept_headers)

    def remote_for(self, credentials: Credentials, kept: Callable[[], Mapping[str, Secret]]) -> Remote:
        """The server as somebody with these `credentials` meets it; `kept` are headers that belong to them."""
        jar = CookieJar() if self.profile.network.cookies == "affinity" else None
        if debug_log.on:
            credentials = ObservedCredentials(credentials)
        if self.profile.headers or isinstance(self.profile.auth, LoginSettings):
            credentials = WithOrganisation(self.secrets.organisation(kept), credentials)
        return Remote(self.profile.url, self.pool, credentials, jar)

    def _kept_headers(self) -> Mapping[str, Secret]:
        """Those of the login at hand, which only a person's has."""
        session = self.oauth.session if "oauth" in vars(self) else None
        return session.headers if session is not None else {}

    @cached_property
    def credentials(self) -> Credentials:
        match self.profile.auth:
            case BearerSettings() | HeaderSettings() as shown:
                return self.secrets.credentials(shown)
            case AnonymousSettings():
                return AnonymousCredentials(self.profile.name)
        return self.oauth

    @cached_property
    def secrets(self) -> ProfileSecrets:
        return ProfileSecrets(self.profile, self.store_access, self.environ)

    @property
    def environ(self) -> Mapping[str, str]:
        return self._context.environ

    @property
    def account(self) -> str:
        """Who alone may be signed in here, "" for anybody."""
        return self.profile.auth.account if isinstance(self.profile.auth, LoginSettings) else ""

    def is_anothers(self, session: Session) -> bool:
        """Whether `session` is known to be somebody else's than the profile expects."""
        if not self.account:
            return False
        from mcp_auth_bridge.oauth.claims import is_account  # most profiles expect nobody in particular

        return is_account(self.account, session.names) is False

    def _admit(self, session: Session) -> None:
        if self.is_anothers(session):
            raise LoginRequired(
                f"{quoted(session.account)} is signed in to {self.profile.name}, which expects {quoted(self.account)}",
                f"run: {self.login_command}",
            )

    @property
    def arguments(self) -> tuple[str, ...]:
        """What a command line has to say to mean this profile."""
        file = self._context.config.path.absolute()
        spoken = ("--auth", self.profile.auth_argument) if self.profile.auth_argument else ()
        config = ("--config", str(file)) if file != self._context.paths.config else ()
        plain = ("--allow-http",) if self.profile.url.is_plain and self.profile.is_bare else ()
        return (self.profile.name, *spoken, *plain, *config)

    @property
    def login_command(self) -> str:
        return self.command("login")

    def command(self, verb: str) -> str:
        """A command about this server, to be pasted."""
        return f"mcp-auth-bridge {verb} {' '.join(map(typed, self.arguments))}"

    def login_lock(self, timeout: float) -> AbstractAsyncContextManager[None]:
        """The lock around every login to this server, by whom it may be; `Held` after `timeout` seconds."""
        return self.store_access.locks.hold(f"the login to {self.profile.name}", timeout)

    def person_lock(self, timeout: float) -> AbstractAsyncContextManager[None]:
        """Held by a person who logs in by hand: a login that nobody asked for gives way to them."""
        return self.store_access.locks.hold(f"the login by hand to {self.profile.name}", timeout)

    def lock(self) -> AbstractAsyncContextManager[None]:
        """The lock around every refresh of this login."""
        return self.store_access.refresh_lock(self.record)

    async def settle(self) -> None:
        """Wait for a rotation that is under way, if there is one: without its end the login would be lost."""
        if "oauth" in vars(self):
            await self.oauth.settle()
        await self.store_access.settle()

    @cached_property
    def oauth(self) -> "OAuthCredentials":
        """The credentials of a profile that logs in, with the browser or by itself."""
        if isinstance(self.profile.auth, MachineSettings):
            return self.oauth_in(self.store_access.shared or self.store_access.apart)
        open_store = partial(self.store_access.read, self.record)
        if self.store_access.forgets:  # nothing outlives this process anyway
            return self.oauth_in(open_store)
        from mcp_auth_bridge.app.refresh_process import OutlivingRedemption
        from mcp_auth_bridge.credentials.redemption import InProcessRedemption

        kept, services = self._kept_in(open_store)
        exchange = OutlivingRedemption(kept, services, self._refresh_task, InProcessRedemption(kept, services))
        return self._credentials(kept, services, exchange)

    def oauth_in(self, open_store: Callable[[], Awaitable[Store]]) -> "OAuthCredentials":
        """The same, of the login that is in another store, and in this process alone."""
        from mcp_auth_bridge.credentials.redemption import InProcessRedemption

        kept, services = self._kept_in(open_store)
        return self._credentials(kept, services, InProcessRedemption(kept, services))

    def _kept_in(self, open_store: Callable[[], Awaitable[Store]]) -> "tuple[StoredSession, Services]":
        from mcp_auth_bridge.credentials.services import Services

        services = Services(
            open_store=open_store,
            lock=self.lock,
            turn=partial(self.store_access.refresh_turn, self.record),
            drive=self._drive,
            now=time.time,
            ticks=time.monotonic,
            warn=terminal.complain,
            entropy=os.urandom,
            beside=self.store_access.beside,
        )
        return StoredSession(self.record, services, self._admit), services

    async def _drive(self, flow: Flow[Session]) -> Session:
        """Run a flow in which no person takes part. Its modules are imported here: most starts need none."""
        if isinstance(self.profile.auth, MachineSettings):
            from mcp_auth_bridge.shell.run_flow import run_alone

            return await run_alone(self.network, flow)
        from mcp_auth_bridge.shell.run_refresh import refreshed

        return await refreshed(self.network, flow)

    def _credentials(self, kept: StoredSession, services: "Services", exchange: "Redemption") -> "OAuthCredentials":
        from mcp_auth_bridge.credentials.oauth import OAuthCredentials

        return OAuthCredentials(kept, self._renewal(kept, services, exchange), services)

    def _refresh_task(self, session: Session, generation: int) -> "RefreshTask":
        """What the process that refreshes is told."""
        from mcp_auth_bridge.app.refresh_process import RefreshTask

        log_form: Literal["words", "json"] = "json" if terminal.speaks_json() else "words"
        return RefreshTask(
            server=self.profile.label,
            record=self.record,
            session=dump(session),
            generation=generation,
            store=self.profile.store,
            sealing_key=self.store_access.sealing_key(),
            records=os.fsencode(self._context.paths.records),
            locks=os.fsencode(self._context.paths.locks),
            network=self.profile.network,
            environ=tuple((os.fsencode(name), os.fsencode(value)) for name, value in os.environ.items()),
            log=log_form if debug_log.on else "off",
        )

    def _renewal(self, kept: StoredSession, services: "Services", exchange: "Redemption") -> Renewal:
        name, auth = self.profile.name, self.profile.auth
        if not isinstance(auth, MachineSettings):
            from mcp_auth_bridge.credentials.diagnosis import LoginDiagnosis
            from mcp_auth_bridge.credentials.refresh import RefreshRenewal  # a machine has none

            return RefreshRenewal(LoginDiagnosis(name, self.login_command, digest(auth)), kept, services, exchange)
        from mcp_auth_bridge.credentials.machine import (
            MachineRenewal,  # a person has none
            PlanSource,
        )

        return MachineRenewal(
            PlanSource(name, kind(auth), partial(self.plan, auth), not auth.token_endpoint), kept, services
        )

    async def plan(self, auth: MachineSettings) -> "MachinePlan":
        """How the machine that `auth` describes comes by its tokens. Raises `CredentialMissing`."""
        return await plan(self.profile.url, auth, self.secrets.read)
