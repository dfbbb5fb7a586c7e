"""The secrets that a profile names, and the headers that are made of them."""

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config import auth as auth_module
from mcp_auth_bridge.config import headers as headers_module
from mcp_auth_bridge.config.auth import BearerSettings, HeaderSettings
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.credentials.secret_sources import SecretSources
from mcp_auth_bridge.credentials.static import (
    BearerField,
    Field,
    HeaderValue,
    RememberedValue,
    RereadValue,
    StaticCredentials,
)
from mcp_auth_bridge.secret import (
    CommandOutput,
    EnvironmentVariable,
    FileContent,
    KeyringEntry,
    Literal,
    Secret,
    SecretRef,
    Template,
    describe_used,
    parse_reference,
)
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.secret_backends import secret_sources, sources_of_a_look

COMMAND_TIMEOUT = 120.0
"""Seconds to wait while other processes run the command that prints a token: each run may take 30."""


class ProfileSecrets:
    """Reads each secret when it is first needed. Tokens that a command printed are shared through the store."""

    def __init__(self, profile: Profile, store_access: StoreAccess, environ: Mapping[str, str]) -> None:
        self._profile = profile
        self._store_access = store_access
        self._environ = environ
        self._sources = self._open_sources()

    def _open_sources(self) -> SecretSources:
        return secret_sources(self._environ, self._profile.pass_environment)

    def static_credentials(self, auth: BearerSettings | HeaderSettings) -> StaticCredentials:
        """Credentials that present the configured token or headers, and cannot renew them."""
        resource = self._profile.url.resource
        if isinstance(auth, HeaderSettings):
            fields = self.header_fields(headers_module.parse_credentials(auth.headers, "the configuration"))
        else:
            resource = auth.resource or resource
            fields = (self._field(BearerField, "authorization", parse_reference(auth.token, "the token"), "the token"),)
        return StaticCredentials(self._profile.name, resource, fields, time.time)

    def header_fields(self, references: Mapping[str, SecretRef]) -> tuple[Field, ...]:
        """The headers with the values that `references` name, in the same order."""
        # In lower case: what was sent is looked up by name, and names ignore case (RFC 9110 section 5.1).
        named = references.items()
        return tuple(self._field(Field, name.lower(), value, f"the header {name}") for name, value in named)

    def organisation_headers(
        self, login_headers: Callable[[], Mapping[str, Secret]]
    ) -> Callable[[], tuple[Field, ...]]:
        """Returns the headers that are sent beside the credentials: those of the profile and those of the login.

        Where both have a header of the same name, the profile's is sent.
        """
        known: Mapping[str, Secret] = {}
        fields = self.header_fields(self._profile.headers)

        def current() -> tuple[Field, ...]:
            nonlocal known, fields
            if (now := login_headers()) != known:
                own = {name: parse_reference(text.reveal(), f"the header {name}") for name, text in now.items()}
                known, fields = now, self.header_fields(headers_module.merge(own, self._profile.headers))
            return fields

        return current

    async def read(self, text: str, what: str) -> Secret:
        """The secret that `text` is or names. Raises `CredentialMissing` if the named place has none."""
        return await self.read_reference(parse_reference(text, what), what)

    async def check_present(self) -> None:
        """Raise `CredentialMissing` for a secret that is missing from its environment variable or file.

        Commands are not run and keyrings are not asked: both take time, and a keyring might ask a person.
        """
        for what, value in self.references().items():
            if isinstance(value, EnvironmentVariable | Template | FileContent):
                await self.read_reference(value, what)

    def references(self) -> Mapping[str, SecretRef]:
        """Every secret that the profile names, its headers included: its description → its reference."""
        headers = {f"the header {name}": value for name, value in self._profile.headers.items()}
        return {**headers, **auth_module.references(self._profile.auth)}

    async def read_reference(self, value: SecretRef, what: str) -> Secret:
        """The secret that `value` names. Raises `CredentialMissing`."""
        return await self._sources.read(value, f"{what} of {self._profile.name}")

    def _field(self, kind: type[Field], name: str, value: SecretRef, what: str) -> Field:
        place = describe_used(value, self._environ)
        return kind(name, self._value(name, value, what), f"{what} of {self._profile.name}", place)

    def _value(self, name: str, value: SecretRef, what: str) -> HeaderValue:
        """The value of a header: one that is costly to read, or stays as it is, is kept; a file is read each time."""
        read = partial(self.read_reference, value, what)
        match value:
            case KeyringEntry() | Literal() | EnvironmentVariable() | Template():
                return RememberedValue(read)
            case CommandOutput(argv=argv):
                return self._command_token(name, argv, read)
        return RereadValue(read)

    def _command_token(self, name: str, argv: tuple[str, ...], read: Callable[[], Awaitable[Secret]]) -> HeaderValue:
        # Imported here because most starts run no command (docs/architecture.md, "Cold start").
        from mcp_auth_bridge.credentials.command_token import RECORDS, CommandRecord, CommandToken

        key = f"{RECORDS}{self._profile.key} {self._profile.url.resource} {name}"
        lock = partial(self._store_access.hold, f"the command for {key}", COMMAND_TIMEOUT)
        store_access = self._store_access
        record = CommandRecord(key, argv, store_access.open_shared, terminal.report_error, store_access.beside)
        return CommandToken(argv, read, lock, time.time, record)


LOOK_TIMEOUT = 8.0
"""Seconds for each command and for the keyring, if a person waits for the outcome."""


class SecretsOfALook(ProfileSecrets):
    """The secrets as one look at all of them shows them: each is read once, no user is asked, and nothing is kept."""

    def _open_sources(self) -> SecretSources:
        return sources_of_a_look(self._environ, self._profile.pass_environment, LOOK_TIMEOUT)

    def _command_token(self, name: str, argv: tuple[str, ...], read: Callable[[], Awaitable[Secret]]) -> HeaderValue:  # noqa: ARG002 - it has no record
        from mcp_auth_bridge.credentials.command_token import parse_output

        async def value() -> Secret:
            return parse_output(await read(), argv, time.time()).value

        return RememberedValue(value)
