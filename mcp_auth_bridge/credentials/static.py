"""Where the value of a header comes from, request after request: read each time, or kept until it is refused."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from mcp_auth_bridge.config.headers import header_value
from mcp_auth_bridge.credentials.base import Credentials, Refusal, Target
from mcp_auth_bridge.errors import (
    AccessDenied,
    BridgeError,
    CredentialMissing,
    CredentialRefused,
    LoginRequired,
    quoted,
    typed,
)
from mcp_auth_bridge.secret import Secret


class HeaderValue(Protocol):
    async def read(self, refused: Secret | None = None) -> Secret:
        """The value for the next request. One that was `refused` is fetched anew, and may be the same again."""


class RereadValue:
    """Read for each request, because others rotate it, and reading costs next to nothing."""

    def __init__(self, read: Callable[[], Awaitable[Secret]]) -> None:
        self._read = read

    async def read(self, refused: Secret | None = None) -> Secret:  # noqa: ARG002 - the Protocol's
        return await self._read()


class RememberedValue:
    """Read once, and again when it is refused: an OS keyring may take its time, or ask a person."""

    def __init__(self, read: Callable[[], Awaitable[Secret]]) -> None:
        self._read = read
        self._value: Secret | None = None
        self._single_flight = asyncio.Lock()

    async def read(self, refused: Secret | None = None) -> Secret:
        async with self._single_flight:
            if self._value is None or self._value == refused:
                self._value = await self._read()
            return self._value


_HOPELESS = 10.0
"""Seconds for which a refusal makes nobody run a command again, after what it printed anew was refused too."""

_BEARER = "Bearer "


class AnonymousCredentials:
    """No Authorization header. A server that wants one is told apart from one that is closed to everybody."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:  # noqa: ARG002 - the Protocol's
        if refused is not None and refused.sent and refused.status in (401, 403):  # else a page to sign in at
            raise CredentialRefused(
                f"{self._name} refuses requests with the headers {', '.join(refused.sent)} ({refused})",
                "check their values; if it wants a token or a login beside them, set auth for this server",
                facts={"status": refused.status},
            )
        if refused is not None:
            raise LoginRequired(
                f"{self._name} wants credentials, but its configuration says that there are none",
                f'remove auth = {{ kind = "none" }} and run: mcp-auth-bridge login {typed(self._name)}',
            )
        return {}


class Field(msgspec.Struct, frozen=True):
    """One header: where its value comes from, and `what` that is and its `place`, in words."""

    name: str
    value: HeaderValue
    what: str
    place: str

    async def read(self, refused: str | None) -> str:
        """The field's value; one that was `refused` is fetched anew. Raises `ConfigError` for one that cannot be."""
        return header_value((await self.value.read(Secret(refused) if refused else None)).reveal(), self.what)


class BearerField(Field, frozen=True):
    """A token, presented as RFC 6750 section 2.1 has it."""

    async def read(self, refused: str | None) -> str:
        token = await super().read(refused.removeprefix(_BEARER) if refused else None)
        if not token:
            raise CredentialMissing(f"{self.what} is empty", f"write one there: {self.place}")
        if token.lower().startswith(_BEARER.lower()):
            raise CredentialMissing(
                f"{self.what} begins with the word Bearer, which is added to it", "write it without"
            )
        return f"{_BEARER}{token}"


class WithOrganisation:
    """`credentials` with the organisation's headers beside them: `fields`, once the credentials have been looked at.

    Those are read again when the server refuses a request; whether they are at fault is not theirs to say.
    """

    def __init__(self, fields: Callable[[], tuple[Field, ...]], credentials: Credentials) -> None:
        self._fields = fields
        self._credentials = credentials

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:
        headers = await self._credentials.headers(target, refused)
        sent = refused.sent if refused and refused.status == 401 and not refused.again else {}
        return {**{field.name: await field.read(sent.get(field.name)) for field in self._fields()}, **headers}


class StaticCredentials:
    """`fields` are what the server `name` wants; `resource` is what the `aud` of a token for it should be. `now` is
    Unix seconds.
    """

    def __init__(self, name: str, resource: str, fields: tuple[Field, ...], now: Callable[[], float]) -> None:
        self._name = name
        self._fields = fields
        self._now = now
        self._resource = resource
        self._hopeless_until = float("-inf")

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:  # noqa: ARG002 - the Protocol's
        # A permission that is lacking (403) is no reason to fetch the same credential anew.
        again = refused is not None and refused.status == 401 and not refused.again and not self._is_hopeless()
        sent = refused.sent if refused and again else {}
        headers = {field.name: await field.read(sent.get(field.name)) for field in self._fields}
        if refused is not None and all(refused.sent.get(name) == value for name, value in headers.items()):
            self._hopeless_until = self._now() + _HOPELESS
            raise self._explained(headers, refused)
        return headers

    def _is_hopeless(self) -> bool:
        return 0 < self._hopeless_until - self._now() <= _HOPELESS  # a clock that was set back ends it

    def _explained(self, headers: Mapping[str, str], refused: Refusal) -> BridgeError:
        """Why, as far as the field that is most likely to blame shows it: the one that carries a token."""
        named = {field.name.lower(): field for field in self._fields}
        field = named.get("authorization", self._fields[0])
        told = f"{self._name} refuses {field.what} ({refused})"
        if refused.status == 403:
            wanted = " ".join(refused.challenge.scopes) if refused.challenge else ""
            scopes = f", which lacks {quoted(wanted, 100)}" if wanted else ""
            return AccessDenied(f"{told}{scopes}", f"replace it by one that may do this: {field.place}")
        scheme, _, token = headers[field.name].partition(" ")
        if scheme.lower() == "bearer":
            # Imported here because only a diagnosis looks inside a token (docs/architecture.md, "Cold start").
            from mcp_auth_bridge.credentials.diagnosis import RefusedToken, token_refused_error

            refused_token = RefusedToken(token, self._name, field.what, field.place, self._resource)
            return token_refused_error(refused_token, refused, self._now())
        return CredentialRefused(told, f"replace it: {field.place}", facts={"status": refused.status})
