"""Builds the objects for a `Profile`: the only module that chooses implementations."""

import os
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.profile_secrets import ProfileSecrets
from mcp_auth_bridge.app.record_names import cache_name, session_name
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config.auth import AnonymousSettings, BearerSettings, HeaderSettings, digest
from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.credentials.base import Credentials, Renewal
from mcp_auth_bridge.credentials.static import AnonymousCredentials, WithOrganisation
from mcp_auth_bridge.errors import LoginRequired, quoted, shell_quoted
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.secret import Secret, spelled_reference
from mcp_auth_bridge.shell.console import debug_log, terminal
from mcp_auth_bridge.shell.console.logging_wrappers import LoggingCredentials
from mcp_auth_bridge.shell.files.server_cache import ServerCache
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.shell.transports.cookies import CookieJar, LearnedCookies, NoCookies
from mcp_auth_bridge.shell.transports.remote import Remote
from mcp_auth_bridge.stores.base import Store

if TYPE_CHECKING:
    from mcp_auth_bridge.credentials.oauth import OAuthCredentials
    from mcp_auth_bridge.credentials.redemption import Redemption
    from mcp_auth_bridge.credentials.services import Services
    from mcp_auth_bridge.credentials.stored_session import StoredSession
    from mcp_auth_bridge.effects import Flow
    from mcp_auth_bridge.oauth.machine import MachinePlan
    from mcp_auth_bridge.shell.browser.rate_limit import TabLimit


class Bridge:
    """Everything that a command needs for one profile. Each part is made when it is first needed."""

    def __init__(self, profile: Profile, context: Context) -> None:
        # The settings of the server.
        self.profile = profile
        # The name of the login's record in the store.
        self.record = session_name(profile, context.environ)
        # The store, and the locks of all processes that share it.
        self.store_access = StoreAccess(profile.store, context.paths, config=context.config.path)
        # The server's last results.
        self.server_cache = ServerCache(context.paths.memory, cache_name(self.record, profile, context.environ))
        # The TLS context and the proxy for all requests.
        self.network = Network(profile.network)
        # The context of the command.
        self._context = context
        debug_log.event("profile", profile=profile.name, url=profile.url.resource, auth=type(profile.auth).__name__)

    def separate(self) -> "Bridge":
        """Another bridge to the same server: it shares the store, and has its own connections and credentials."""
        return self._with(self.profile)

    def without_headers(self, names: Collection[str]) -> "Bridge":
        """A separate bridge, without the organisation headers of these `names`."""
        others = {name: value for name, value in self.profile.headers.items() if name not in names}
        return self._with(msgspec.structs.replace(self.profile, headers=others))

    def _with(self, profile: Profile) -> "Bridge":
        bridge = Bridge(profile, self._context)
        bridge.store_access = self.store_access
        return bridge

    @cached_property
    def tabs(self) -> "TabLimit":
        """Counts the tabs that tool calls open for this login."""
        from mcp_auth_bridge.shell.browser.rate_limit import TabLimit  # most runs need no tab

        return TabLimit(self._context.paths.memory, self.record, time.time)

    @cached_property
    def pool(self) -> Pool:
        return Pool(self.network)

    @cached_property
    def remote(self) -> Remote:
        return self.remote_for(self.credentials, self._login_headers)

    def remote_for(self, credentials: Credentials, login_headers: Callable[[], Mapping[str, Secret]]) -> Remote:
        """The MCP server, reached with these `credentials` and the headers that are stored with their login."""
        jar = {"auto": LearnedCookies, "affinity": CookieJar, "off": NoCookies}[self.profile.network.cookies]()
        credentials = LoggingCredentials(credentials)
        if self.profile.headers or isinstance(self.profile.auth, LoginSettings):
            credentials = WithOrganisation(self.secrets.organisation_headers(login_headers), credentials)
        return Remote(self.profile.url, self.pool, credentials, jar)

    def _login_headers(self) -> Mapping[str, Secret]:
        """The headers of the login in memory. Only the login of a person has any."""
        session = self.oauth.session if "oauth" in vars(self) else None
        return session.headers if session is not None else {}

    @cached_property
    def credentials(self) -> Credentials:
        match self.profile.auth:
            case BearerSettings() | HeaderSettings() as static:
                return self.secrets.static_credentials(static)
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
        """The only account that may be signed in here, "" for any."""
        return self.profile.auth.account if isinstance(self.profile.auth, LoginSettings) else ""

    def belongs_to_another(self, session: Session) -> bool:
        """Whether `session` is known to be of another account than the profile expects."""
        if not self.account:
            return False
        from mcp_auth_bridge.oauth.claims import is_account  # most profiles expect no particular account

        return is_account(self.account, session.names) is False

    def _check_account(self, session: Session) -> None:
        if self.belongs_to_another(session):
            raise LoginRequired(
                f"{quoted(session.account)} is signed in to {self.profile.name}, which expects {quoted(self.account)}",
                f"run: {self.login_command}",
            )

    @property
    def arguments(self) -> tuple[str, ...]:
        """The arguments that name this profile on a command line."""
        file = self._context.config.path.absolute()
        auth = ("--auth", self.profile.auth_argument) if self.profile.auth_argument else ()
        config = ("--config", str(file)) if file != self._context.paths.config else ()
        plain = ("--allow-http",) if self.profile.url.is_plain and self.profile.is_bare else ()
        return (self.profile.name, *auth, *plain, *config)

    @property
    def login_command(self) -> str:
        return self.command("login")

    @property
    def doctor_command(self) -> str:
        """The command that examines this server. It has the headers of a command line, but no value that is secret."""
        return " ".join((self.command("doctor"), *map(shell_quoted, self.header_options)))

    @property
    def header_options(self) -> tuple[str, ...]:
        """The options that repeat the headers of a command line. A value that may be secret is "…"."""
        given = self.profile.headers.items() if self.profile.is_bare else ()
        return tuple(word for name, value in given for word in ("--header", f"{name}: {spelled_reference(value)}"))

    def command(self, verb: str) -> str:
        """The command line of `verb` for this server, quoted for a shell."""
        return f"mcp-auth-bridge {verb} {' '.join(map(shell_quoted, self.arguments))}"

    @property
    def lock_files(self) -> Mapping[str, Path]:
        """The files of the locks around a login and a refresh on this machine, by what is under way."""
        login = self.store_access.locks.file(self._login)
        return {"a login": login, "a refresh": self.store_access.refresh_lock_file(self.record)}

    @property
    def _login(self) -> str:
        return f"the login to {self.profile.name}"

    def login_lock(self, timeout: float) -> AbstractAsyncContextManager[None]:
        """The lock around every login to this server, on demand or by hand; `LockHeld` after `timeout` seconds."""
        return self.store_access.locks.hold(self._login, timeout)

    def manual_login_lock(self, timeout: float) -> AbstractAsyncContextManager[None]:
        """The lock around a login by hand, to which a login on demand gives way; `LockHeld` after `timeout` seconds."""
        return self.store_access.locks.hold(f"the login by hand to {self.profile.name}", timeout)

    def refresh_lock(self) -> AbstractAsyncContextManager[None]:
        """The lock around every refresh of this login."""
        return self.store_access.refresh_lock(self.record)

    async def settle(self) -> None:
        """Wait for a refresh that is under way: if the process ended before it, the login would be lost."""
        if "oauth" in vars(self):
            await self.oauth.settle()
        await self.store_access.settle()

    @cached_property
    def oauth(self) -> "OAuthCredentials":
        """The credentials of a profile that obtains tokens, for a person or for a machine."""
        if isinstance(self.profile.auth, MachineSettings):
            return self.oauth_from(self.store_access.open_shared or self.store_access.open_private)
        open_store = partial(self.store_access.open_to_read, self.record)
        if self.store_access.forgets:  # nothing outlives this process anyway
            return self.oauth_from(open_store)
        from mcp_auth_bridge.app.outliving_redemption import OutlivingRedemption, describe_task
        from mcp_auth_bridge.credentials.redemption import InProcessRedemption

        stored, services = self._stored_session(open_store)
        describe = partial(describe_task, self.profile, self.record, self.store_access)
        redemption = OutlivingRedemption(stored, services, describe, InProcessRedemption(stored, services))
        return self._oauth_credentials(stored, services, redemption)

    def oauth_from(self, open_store: Callable[[], Awaitable[Store]]) -> "OAuthCredentials":
        """The same as `oauth`, for a login in another store. Its tokens are refreshed in this process."""
        from mcp_auth_bridge.credentials.redemption import InProcessRedemption

        stored, services = self._stored_session(open_store)
        return self._oauth_credentials(stored, services, InProcessRedemption(stored, services))

    def _stored_session(self, open_store: Callable[[], Awaitable[Store]]) -> "tuple[StoredSession, Services]":
        from mcp_auth_bridge.credentials.services import Services  # a configured token is not in a session
        from mcp_auth_bridge.credentials.stored_session import StoredSession  # as above

        services = Services(
            open_store=open_store,
            lock=self.refresh_lock,
            turn=partial(self.store_access.refresh_turn, self.record),
            drive=self._drive,
            now=time.time,
            ticks=time.monotonic,
            warn=terminal.report_error,
            entropy=os.urandom,
            beside=self.store_access.beside,
        )
        return StoredSession(self.record, services, self._check_account), services

    async def _drive(self, flow: "Flow[Session]") -> Session:
        """Run a flow that does not need the user. Its modules are imported here, because most starts need none."""
        if isinstance(self.profile.auth, MachineSettings):
            from mcp_auth_bridge.shell.run_flow import run_flow_headless

            return await run_flow_headless(self.network, flow)
        from mcp_auth_bridge.shell.run_refresh import run_refresh

        return await run_refresh(self.network, flow)

    def _oauth_credentials(
        self, stored: "StoredSession", services: "Services", redemption: "Redemption"
    ) -> "OAuthCredentials":
        from mcp_auth_bridge.credentials.oauth import OAuthCredentials

        return OAuthCredentials(stored, self._renewal(stored, services, redemption), services)

    def _renewal(self, stored: "StoredSession", services: "Services", redemption: "Redemption") -> Renewal:
        name, auth = self.profile.name, self.profile.auth
        if not isinstance(auth, MachineSettings):
            from mcp_auth_bridge.credentials.diagnosis import LoginDiagnosis
            from mcp_auth_bridge.credentials.refresh import RefreshRenewal  # a machine has no refresh

            diagnosis = LoginDiagnosis(name, self.login_command, digest(auth))
            return RefreshRenewal(diagnosis, stored, services, redemption)
        from mcp_auth_bridge.app.machine_plan import grant_name  # as below
        from mcp_auth_bridge.credentials.machine import MachineRenewal, PlanSource  # a person has no machine's plan

        source = PlanSource(name, grant_name(auth), partial(self.machine_plan, auth), not auth.token_endpoint)
        return MachineRenewal(source, stored, services)

    async def machine_plan(self, auth: MachineSettings) -> "MachinePlan":
        """The plan by which the machine that `auth` describes obtains tokens. Raises `CredentialMissing`."""
        from mcp_auth_bridge.app.machine_plan import build_plan  # as above

        return await build_plan(self.profile.url, auth, self.secrets.read)
