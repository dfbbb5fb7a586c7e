"""Headers from the configuration, with values that are read for each request or kept until they are refused."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from mcp_auth_bridge.config.headers import check_value
from mcp_auth_bridge.credentials.base import Credentials, Refusal, Target, ready
from mcp_auth_bridge.errors import (
    AccessDenied,
    BridgeError,
    CredentialMissing,
    CredentialRefused,
    LoginRequired,
    quoted,
    shell_quoted,
)
from mcp_auth_bridge.secret import Secret


class HeaderValue(Protocol):
    async def read(self, refused: Secret | None = None) -> Secret:
        """The value for the next request. If it was `refused`, it is fetched again, and may be the same."""

    def at_hand(self) -> Secret | None:
        """The value, if it is known without reading it."""


class RereadValue:
    """A value that is read for each request, because other programs rotate it, and reading is cheap."""

    def __init__(self, read: Callable[[], Awaitable[Secret]]) -> None:
        self._read = read

    async def read(self, refused: Secret | None = None) -> Secret:  # noqa: ARG002 - the Protocol's
        return await self._read()

    def at_hand(self) -> Secret | None:
        return None


class RememberedValue:
    """A value that is read once, and again if it is refused.

    An OS keyring may be slow, or ask the user; a variable of the environment stays as it is.
    """

    def __init__(self, read: Callable[[], Awaitable[Secret]]) -> None:
        self._read = read
        self._value: Secret | None = None
        self._single_flight = asyncio.Lock()

    async def read(self, refused: Secret | None = None) -> Secret:
        async with self._single_flight:
            if self._value is None or self._value == refused:
                self._value = await self._read()
            return self._value

    def at_hand(self) -> Secret | None:
        return self._value


_HOPELESS = 10.0
"""Seconds in which a refusal does not run the command again, once a newly printed token was refused too."""

_BEARER = "Bearer "


class AnonymousCredentials:
    """No Authorization header. The error says whether the server refuses the other headers or wants a login."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:  # noqa: ARG002 - the Protocol's
        if refused is not None and refused.sent and refused.status in (401, 403):  # else it redirected to a login page
            raise CredentialRefused(
                f"{self._name} refuses requests with the headers {', '.join(refused.sent)} ({refused})",
                "check their values; if it wants a token or a login besides them, set auth for this server",
                facts={"status": refused.status},
            )
        if refused is not None:
            raise LoginRequired(
                f"{self._name} wants credentials, but its configuration says that there are none",
                f'remove auth = {{ kind = "none" }} and run: mcp-auth-bridge login {shell_quoted(self._name)}',
            )
        return {}

    def at_hand(self, target: Target) -> Mapping[str, str] | None:  # noqa: ARG002 - as above
        return {}


class Field(msgspec.Struct, frozen=True):
    """One header."""

    name: str
    # Where its value comes from.
    value: HeaderValue
    # The value in words: "the token of acme".
    what: str
    # Where it comes from, in words.
    place: str

    async def read(self, refused: str | None) -> str:
        """The field's value; a `refused` one is fetched again. Raises `ConfigError` if a header cannot carry it."""
        return self.text(await self.value.read(Secret(refused) if refused else None))

    def text(self, value: Secret) -> str:
        """The field's text for `value`. Raises as `read`."""
        return check_value(value.reveal(), self.what)


class BearerField(Field, frozen=True):
    """A bearer token (RFC 6750 section 2.1)."""

    async def read(self, refused: str | None) -> str:
        return await super().read(refused.removeprefix(_BEARER) if refused else None)

    def text(self, value: Secret) -> str:
        token = super().text(value)
        if not token:
            raise CredentialMissing(f"{self.what} is empty", f"write one there: {self.place}")
        if token.lower().startswith(_BEARER.lower()):
            raise CredentialMissing(
                f"{self.what} begins with the word Bearer, which is added to it", "write it without that word"
            )
        return f"{_BEARER}{token}"


class _KnownFields:
    """The headers of fields whose values are at hand. They are made again only when a value has changed."""

    def __init__(self) -> None:
        self._fields: tuple[Field, ...] = ()
        self._values: list[Secret] = []
        self._headers: Mapping[str, str] = {}

    def headers(self, fields: tuple[Field, ...]) -> Mapping[str, str] | None:
        """None if a value is not at hand, or is one that no header can carry: reading it raises the error."""
        if fields is not self._fields:
            return self._made(fields)
        for field, value in zip(fields, self._values, strict=True):
            if field.value.at_hand() is not value:
                return self._made(fields)
        return self._headers

    def _made(self, fields: tuple[Field, ...]) -> Mapping[str, str] | None:
        values = [value for field in fields if (value := field.value.at_hand()) is not None]
        if len(values) < len(fields):
            return None
        try:
            headers = {field.name: field.text(value) for field, value in zip(fields, values, strict=True)}
        except BridgeError:
            return None
        self._fields, self._values, self._headers = fields, values, headers
        return headers


class WithOrganisation:
    """`credentials`, with the organisation's headers besides. `fields` is called after the credentials are known.

    The headers are read again when the server refuses a request: it does not say which of the two it refuses.
    """

    def __init__(self, fields: Callable[[], tuple[Field, ...]], credentials: Credentials) -> None:
        self._fields = fields
        self._credentials = credentials
        self._at_hand = ready(credentials)
        self._known = _KnownFields()

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:
        headers = await self._credentials.headers(target, refused)
        sent = refused.sent if refused and refused.status == 401 and not refused.again else {}
        return {**{field.name: await field.read(sent.get(field.name)) for field in self._fields()}, **headers}

    def at_hand(self, target: Target) -> Mapping[str, str] | None:
        headers = self._at_hand(target)
        if headers is None or (organisation := self._known.headers(self._fields())) is None:
            return None
        return {**organisation, **headers} if organisation else headers


class StaticCredentials:
    """The configured `fields` for the server `name`. A token's `aud` should be `resource`; `now` is in Unix seconds."""

    def __init__(self, name: str, resource: str, fields: tuple[Field, ...], now: Callable[[], float]) -> None:
        # The server's name in the configuration.
        self._name = name
        # The configured headers.
        self._fields = fields
        # Returns the time in Unix seconds.
        self._now = now
        # The value that a token's `aud` should have.
        self._resource = resource
        # Until when a refusal does not fetch values again, by `now`.
        self._hopeless_until = float("-inf")
        # The headers, while all values are at hand.
        self._known = _KnownFields()

    def at_hand(self, target: Target) -> Mapping[str, str] | None:  # noqa: ARG002 - the Protocol's
        return self._known.headers(self._fields)

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:  # noqa: ARG002 - the Protocol's
        # A missing permission (403) is not a reason to fetch the same credential again.
        again = refused is not None and refused.status == 401 and not refused.again and not self._is_hopeless()
        sent = refused.sent if refused and again else {}
        headers = {field.name: await field.read(sent.get(field.name)) for field in self._fields}
        if refused is not None and all(refused.sent.get(name) == value for name, value in headers.items()):
            self._hopeless_until = self._now() + _HOPELESS
            raise self._refusal_error(headers, refused)
        return headers

    def _is_hopeless(self) -> bool:
        return 0 < self._hopeless_until - self._now() <= _HOPELESS  # a clock that is set back ends it

    def _refusal_error(self, headers: Mapping[str, str], refused: Refusal) -> BridgeError:
        """The error that explains the field most likely to blame: the one that carries a token."""
        named = {field.name.lower(): field for field in self._fields}
        field = named.get("authorization", self._fields[0])
        told = f"{self._name} refuses {field.what} ({refused})"
        if refused.status == 403:
            wanted = " ".join(refused.scopes)
            scopes = f", which lacks {quoted(wanted, 100)}" if wanted else ""
            return AccessDenied(f"{told}{scopes}", f"replace it with one that has the permission: {field.place}")
        scheme, _, token = headers[field.name].partition(" ")
        if scheme.lower() == "bearer":
            # Imported here because only a diagnosis looks inside a token (docs/architecture.md, "Cold start").
            from mcp_auth_bridge.credentials.diagnosis import RefusedToken, token_refused_error

            refused_token = RefusedToken(token, self._name, field.what, field.place, self._resource)
            return token_refused_error(refused_token, refused, self._now())
        return CredentialRefused(told, f"replace it: {field.place}", facts={"status": refused.status})
