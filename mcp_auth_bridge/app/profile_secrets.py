"""The secrets that a profile names, and the headers that are made of them."""

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config import auth as auth_module
from mcp_auth_bridge.config import headers as headers_module
from mcp_auth_bridge.config.auth import BearerSettings, HeaderSettings
from mcp_auth_bridge.config.profile import Profile
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
    Secret,
    SecretRef,
    Template,
    described_now,
    reference,
)
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.secret_backends import sources

COMMAND_TIMEOUT = 120.0
"""Seconds to wait while other processes run the command that prints a token: each run may take 30."""


class ProfileSecrets:
    """Nothing is read before it is wanted. Tokens that a command printed are shared through the `store_access`."""

    def __init__(self, profile: Profile, store_access: StoreAccess, environ: Mapping[str, str]) -> None:
        self._profile = profile
        self._store_access = store_access
        self._environ = environ
        self._sources = sources(environ, profile.pass_environment)

    def credentials(self, auth: BearerSettings | HeaderSettings) -> StaticCredentials:
        """The credentials of somebody who only shows what is configured."""
        resource = self._profile.url.resource
        if isinstance(auth, HeaderSettings):
            fields = self.fields(headers_module.credential(auth.headers, "the configuration"))
        else:
            resource = auth.resource or resource
            fields = (self._field(BearerField, "authorization", reference(auth.token, "the token"), "the token"),)
        return StaticCredentials(self._profile.name, resource, fields, time.time)

    def fields(self, references: Mapping[str, SecretRef]) -> tuple[Field, ...]:
        """Headers by name."""
        # In lower case: what was sent is looked up by name, and names ignore case (RFC 9110 section 5.1).
        named = references.items()
        return tuple(self._field(Field, name.lower(), value, f"the header {name}") for name, value in named)

    def organisation(self, kept: Callable[[], Mapping[str, Secret]]) -> Callable[[], tuple[Field, ...]]:
        """The headers that go beside credentials: the profile's, and those `kept` with the login that it lacks."""
        known: Mapping[str, Secret] = {}
        fields = self.fields(self._profile.headers)

        def present() -> tuple[Field, ...]:
            nonlocal known, fields
            if (now := kept()) != known:
                own = {name: reference(text.reveal(), f"the header {name}") for name, text in now.items()}
                known, fields = now, self.fields(headers_module.merged(own, self._profile.headers))
            return fields

        return present

    async def read(self, text: str, what: str) -> Secret:
        """The secret that `text` is or names. Raises `CredentialMissing` if it comes from somewhere that has none."""
        return await self._read(reference(text, what), what)

    async def check(self) -> None:
        """Raise `CredentialMissing` for what a variable or a file should hold and does not.

        Nothing is asked that takes time, or might ask a person: commands and keyrings have their turn later.
        """
        headers = {f"the header {name}": value for name, value in self._profile.headers.items()}
        for what, value in {**headers, **auth_module.references(self._profile.auth)}.items():
            if isinstance(value, EnvironmentVariable | Template | FileContent):
                await self._read(value, what)

    async def _read(self, value: SecretRef, what: str) -> Secret:
        return await self._sources.read(value, f"{what} of {self._profile.name}")

    def _field(self, kind: type[Field], name: str, value: SecretRef, what: str) -> Field:
        place = described_now(value, self._environ)
        return kind(name, self._value(name, value, what), f"{what} of {self._profile.name}", place)

    def _value(self, name: str, value: SecretRef, what: str) -> HeaderValue:
        """What is costly to read is kept; the rest is read each time."""
        read = partial(self._read, value, what)
        match value:
            case KeyringEntry():
                return RememberedValue(read)
            case CommandOutput(argv=argv):
                return self._minted(name, argv, read)
        return RereadValue(read)

    def _minted(self, name: str, argv: tuple[str, ...], read: Callable[[], Awaitable[Secret]]) -> HeaderValue:
        # Imported here because most starts run no command (docs/architecture.md, "Cold start").
        from mcp_auth_bridge.credentials.command_token import RECORDS, CommandRecord, CommandToken

        key = f"{RECORDS}{self._profile.key} {self._profile.url.resource} {name}"
        lock = partial(self._store_access.hold, f"the command for {key}", COMMAND_TIMEOUT)
        store_access = self._store_access
        record = CommandRecord(key, argv, store_access.shared, terminal.complain, store_access.beside)
        return CommandToken(argv, read, lock, time.time, record)
