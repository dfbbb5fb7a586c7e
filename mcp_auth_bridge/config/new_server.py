"""A server that is about to be written into the configuration file: its table, its name, and no secret in it."""

import re
from collections.abc import Collection, Mapping
from itertools import count
from typing import Any

import msgspec

from mcp_auth_bridge.config import auth as auth_module
from mcp_auth_bridge.config.short_name import short_name
from mcp_auth_bridge.errors import ConfigError, shell_quoted
from mcp_auth_bridge.secret import Literal, parse_reference
from mcp_auth_bridge.urls import Url

_LITERAL = "literal:"
_SECRET_NAME = r"(?i).*(key|token|secret|passw|credential|auth|cookie|session|jwt|signature).*"
_SECRET_VALUE = r"(?i)(bearer|basic) .+|(?=.*\d)(?=.*[a-z])[a-z0-9+/=_.~-]{20,}"
_SCHEME = re.compile(r"(?i)bearer +(\S.*)")


class NewServer(msgspec.Struct, frozen=True):
    """The settings that `add` can write."""

    # Its name in the configuration.
    name: str
    # The URL of the MCP endpoint.
    url: str
    # Headers for every request, each a reference or text (`secret.parse_reference`).
    headers: Mapping[str, str] = {}
    # The `auth` table, {} for a login in the browser without further settings. Any: TOML.
    auth: Mapping[str, Any] = {}
    # Whether `url` may use plain http beyond loopback.
    allow_http: bool = False
    # Whether IPv6 addresses are left out.
    ipv4_only: bool = False

    def table(self) -> dict[str, Any]:
        """The table of the server, without the keys that have their defaults. Any: TOML."""
        table: dict[str, Any] = {"url": self.url}
        if self.auth:
            table["auth"] = dict(self.auth)
        if self.headers:
            table["headers"] = dict(self.headers)
        if self.allow_http:
            table["allow_http"] = True
        if self.ipv4_only:
            table["network"] = {"ipv4_only": True}
        return table


def with_authorization(server: NewServer) -> NewServer:
    """`server` with its `Authorization` header, if it has one, as the `auth` table that sends it.

    Raises `ConfigError` if it has an `auth` table too.
    """
    name = next((name for name in server.headers if name.lower() == "authorization"), None)
    if name is None:
        return server
    value = server.headers[name]
    if server.auth:
        raise ConfigError("the header Authorization and --auth are both given", "leave one of them out")
    bearer = _SCHEME.fullmatch(value)
    auth = {"kind": "bearer", "token": bearer[1]} if bearer else {"kind": "headers", "headers": {name: value}}
    others = {other: text for other, text in server.headers.items() if other != name}
    return msgspec.structs.replace(server, headers=others, auth=auth)


def check_no_secret(server: NewServer) -> None:
    """Raise `ConfigError` if a value in `server` is a secret rather than a reference to one.

    The hint names the command that stores the secret. Text that may be public passes; `literal:TEXT` always does.
    """
    for name, value in server.headers.items():
        if _is_text(value, name) and (re.fullmatch(_SECRET_NAME, name) or re.fullmatch(_SECRET_VALUE, value)):
            raise _secret_error(server, f"the header {name}", name, f"--header '{name}: {{}}'")
    if not server.auth:
        return
    auth = auth_module.convert(dict(server.auth), "", "auth")
    for what, reference in auth_module.references(auth).items():
        if isinstance(reference, Literal) and not _is_marked(server.auth, reference):
            key = what.rpartition(" ")[2]
            raise _secret_error(server, what, key, f'{key} = "{{}}"')


def _is_text(value: str, name: str) -> bool:
    return isinstance(parse_reference(value, name), Literal) and not value.startswith(_LITERAL)


def _is_marked(auth: Any, reference: Literal) -> bool:
    """Whether the text of `reference` stands in `auth` as `literal:TEXT`. Any: TOML."""
    if isinstance(auth, Mapping):
        return any(_is_marked(value, reference) for value in auth.values())
    return bool(auth == _LITERAL + reference.value)


def _secret_error(server: NewServer, what: str, key: str, form: str) -> ConfigError:
    entry = f"{server.name}-{re.sub(r'[^a-z0-9]+', '-', key.lower()).strip('-')}"
    reference = f"keyring:{entry}"
    return ConfigError(
        f"{what} would stand in the configuration as it is, where others can read it",
        f"run: mcp-auth-bridge secret {shell_quoted(entry)} and write {form.format(reference)} (or env:NAME, file:PATH,"
        f" command:PROGRAM); if it is not secret, write {form.format('literal:…')}",
    )


def name_for(url: Url, taken: Collection[str]) -> str:
    """A name for the server at `url`, from its host, with a number if it is among `taken`."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", short_name(url)).strip("._-")[:60] or "server"
    return next(each for number in count(1) if (each := name if number == 1 else f"{name}-{number}") not in taken)
