"""The `auth` table: its kinds, its conversion, and the secrets that it names."""

from contextlib import suppress
from hashlib import sha256
from typing import Any, get_args

import msgspec

from mcp_auth_bridge.config import headers as headers_module
from mcp_auth_bridge.config import login, machine, toml
from mcp_auth_bridge.config.login import BrowserSettings, DeviceSettings, LoginSettings
from mcp_auth_bridge.config.machine import (
    ClientCredentialsSettings,
    EnterpriseSettings,
    JwtBearerSettings,
    MachineSettings,
    RegisteredClientSettings,
    TokenExchangeSettings,
)
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import Literal, SecretRef, Template, describe, parse_reference


class BearerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="bearer", tag_field="kind"):
    """A token from a secret reference, without discovery or a browser."""

    token: str
    # The expected `aud` of the token, for the explanation of a refusal; "" for the MCP server's URL.
    resource: str = ""


class HeaderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="headers", tag_field="kind"):
    """Headers that are the credentials, such as an API key, each from a secret reference."""

    headers: dict[str, str]


class AnonymousSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="none", tag_field="kind"):
    """No Authorization header at all."""


Auth = (
    BrowserSettings
    | DeviceSettings
    | BearerSettings
    | HeaderSettings
    | ClientCredentialsSettings
    | JwtBearerSettings
    | TokenExchangeSettings
    | EnterpriseSettings
    | AnonymousSettings
)

_DEFAULT_KIND = "browser"

AUTH_FORM = """--auth 'kind = "bearer", token = "env:NAME"'"""

_SECRETS = ("client_secret", "private_key", "assertion", "subject_token", "actor_token", "identity_assertion")
"""The keys of tables with OAuth settings that may name a secret."""


def convert(table: dict[str, Any], source: str, where: str) -> Auth:
    """Convert the table `where` of the file `source`, "" for the command line. Any: TOML. Raises `ConfigError`.

    A table without `kind` is a login in the browser.
    """
    try:
        auth = _converted({"kind": _DEFAULT_KIND, **table}, source, where)
    except ConfigError as error:
        if "kind" in table or not (kinds := _fitting(table)):
            raise
        fit = " or ".join(f'kind = "{kind}"' for kind in kinds)
        raise ConfigError(error.message, f"without kind it is a login in the browser; add {fit}") from None
    _check(auth, f"{source}: {where}" if source else where)
    return auth


def _converted(table: dict[str, Any], source: str, where: str) -> Auth:
    return toml.convert(table, Auth, source, where)  # type: ignore[arg-type]  # a union is not a type to mypy


def _fitting(table: dict[str, Any]) -> list[str]:
    """The kinds that `table`, which does not name one, fits."""
    fitting = []
    for kind in get_args(Auth):
        tag = str(kind.__struct_config__.tag)
        with suppress(ConfigError):
            _converted({**table, "kind": tag}, "", "")
            fitting.append(tag)
    return fitting


def convert_argument(table: dict[str, Any]) -> Auth:
    """Convert the table that `--auth` gives. Raises `ConfigError`.

    Every user of a machine can read its command lines, so they must not hold a secret. Variables are not expanded
    either, as in `headers.parse_unexpanded`.
    """
    if not table:  # perhaps a shell variable that is not set
        raise ConfigError("--auth is empty", f"leave it out, or write it as {AUTH_FORM}")
    auth = convert(table, "", "--auth")
    for what, value in references(auth).items():
        if isinstance(value, Literal | Template):
            raise ConfigError(
                f"--auth must not hold a secret: say where {what} is",
                "write env:NAME, file:PATH, command:PROGRAM or keyring:NAME; ${…} is not expanded there",
            )
    return auth


def describe_static(auth: Auth) -> str:
    """The credentials in `auth` itself, in words; "" if they come from a login or from an authorization server."""
    match auth:
        case BearerSettings(token=token):
            return f"a token from {describe(parse_reference(token, 'the token'))}"
        case HeaderSettings(headers=headers):
            return f"the headers {', '.join(headers)}"
        case AnonymousSettings():
            return "no credentials"
    return ""


def kind_of(auth: Auth) -> str:
    """The `kind` of `auth`, as the configuration names it."""
    return str(auth.__struct_config__.tag)


def digest(auth: Auth) -> str:
    """A digest of `auth`, 8 hexadecimal characters, by which logins with different settings are told apart."""
    settings = msgspec.json.encode(msgspec.to_builtins(auth), order="sorted")
    return sha256(settings).hexdigest()[:8]


def _check(auth: Auth, where: str) -> None:
    match auth:
        case MachineSettings():
            machine.check(auth, where)
        case LoginSettings():
            login.check(auth, where)
        case BearerSettings(token=token):
            parse_reference(token, f"{where}.token")
        case HeaderSettings(headers=headers) if not headers_module.parse_credentials(headers, f"{where}.headers"):
            raise ConfigError(f"{where}.headers is empty", 'write it as headers = { "X-Api-Key" = "env:NAME" }')
        case _:
            pass


def references(auth: Auth) -> dict[str, SecretRef]:
    """Every secret that `auth` names: its description → its reference."""
    match auth:
        case BearerSettings(token=token):
            return {"the token": parse_reference(token, "the token")}
        case HeaderSettings(headers=headers):
            named = headers_module.parse_credentials(headers, "the configuration")
            return {f"the header {name}": value for name, value in named.items()}
        case AnonymousSettings():
            return {}
        case EnterpriseSettings(idp=idp):
            return {**_named(auth, "the"), **_named(idp, "the idp's")}
    return _named(auth, "the")


def _named(table: LoginSettings | RegisteredClientSettings, article: str) -> dict[str, SecretRef]:
    given = {f"{article} {key}": getattr(table, key, "") for key in _SECRETS}
    return {what: parse_reference(text, what) for what, text in given.items() if text}
