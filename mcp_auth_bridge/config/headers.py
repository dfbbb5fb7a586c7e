"""The headers that a configuration names: which names and values are allowed (RFC 9110 section 5)."""

import re
from collections.abc import Mapping

from mcp_auth_bridge.errors import ConfigError, quoted
from mcp_auth_bridge.http_syntax import is_field_value, is_token
from mcp_auth_bridge.secret import Literal, SecretRef, Template, parse_reference

# Set by the bridge itself or by HTTP: a configuration cannot override them.
_RESERVED = (
    r"host|cookie|content-.*|connection|transfer-encoding|te|trailer|upgrade|keep-alive|proxy-.*|accept"
    r"|accept-encoding|dpop|origin|last-event-id|mcp-.*"
)
_AUTHORIZATION = "authorization"


def parse(headers: Mapping[str, str], where: str) -> dict[str, SecretRef]:
    """Parse the headers besides the credentials; `where` is their place. Raises `ConfigError`."""
    for name in headers:
        if name.lower() == _AUTHORIZATION:
            hint = 'use auth = { kind = "bearer", token = "env:NAME" }'
            raise ConfigError(f"{where}: {name} is set by the bridge itself", hint)
    return parse_credentials(headers, where)


def parse_unexpanded(headers: Mapping[str, str], where: str) -> dict[str, SecretRef]:
    """As `parse`, without expanding variables: the command line may come with a folder that another person wrote."""
    references = parse(headers, where)
    for name, value in references.items():
        if isinstance(value, Template):
            hint = "write env:NAME there, or put the header into the configuration; literal:… is never expanded"
            raise ConfigError(f"{where}: {name} has a ${{, which is not expanded on the command line", hint)
    return references


def parse_credentials(headers: Mapping[str, str], where: str) -> dict[str, SecretRef]:
    """Parse headers that are the credentials: `Authorization` may be among them. Raises `ConfigError`."""
    seen: set[str] = set()
    for name in headers:
        if not is_token(name):
            raise ConfigError(f"{where}: {quoted(name)} is not a header name", "write it as in X-Acme-Org")
        if re.fullmatch(_RESERVED, name, re.IGNORECASE):
            raise ConfigError(f"{where}: {name} is set by the bridge itself", "remove it")
        if name.lower() in seen:
            raise ConfigError(f"{where}: {name} is given twice", "header names ignore case")
        seen.add(name.lower())
    references = {name: parse_reference(value, f"{where}: {name}") for name, value in headers.items()}
    for name, value in references.items():
        if isinstance(value, Literal):
            check_value(value.value, f"{where}: {name}")
    return references


def merge(own: Mapping[str, SecretRef], extra: Mapping[str, SecretRef]) -> dict[str, SecretRef]:
    """`own` and `extra` together; `extra` wins for a name that is in both.

    Names are compared without case, so that no header is sent twice: it could name two organisations.
    """
    taken = {name.lower() for name in extra}
    return {**{name: value for name, value in own.items() if name.lower() not in taken}, **extra}


def check_value(value: str, where: str) -> str:
    """Return `value` if a header can carry it (RFC 9110 section 5.5). Raises `ConfigError`, which never quotes it."""
    if not is_field_value(value):
        raise ConfigError(f"{where} has a value that a header cannot carry", "use printable ASCII, without line ends")
    return value
