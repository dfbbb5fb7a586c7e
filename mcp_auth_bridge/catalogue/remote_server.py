"""A remote MCP server as a preset or a document describes it, and its settings once the user has given the values.

A description decides where the server is and which headers it wants. It decides nothing about OAuth, for which the
server's own metadata count, and it never chooses what is read or run here: only the user's values may be references.
"""

import re
from collections.abc import Mapping
from typing import Literal as OneOf

import msgspec

from mcp_auth_bridge.config.new_server import NewServer
from mcp_auth_bridge.errors import ConfigError, quoted
from mcp_auth_bridge.secret import EnvironmentVariable, Literal, Template, parse_reference

Transport = OneOf["streamable-http", "sse"]

_PLACE = re.compile(r"\{([A-Za-z0-9_.-]+)\}")
_BEARER = ("authorization", "bearer ")


class Variable(msgspec.Struct, frozen=True):
    """A value that the user gives."""

    # Its name, which `--set` takes.
    name: str
    # An explanation, in the words of the description.
    says: str = ""
    # Whether it must not stand in the configuration itself.
    is_secret: bool = False
    # Whether the server does not work without it.
    is_required: bool = True
    # Its value if the user gives none; never a reference.
    default: str = ""
    # The allowed values, () for any.
    choices: tuple[str, ...] = ()


class HeaderTemplate(msgspec.Struct, frozen=True):
    """A header with the places of variables in its value, as in `Bearer {token}`."""

    name: str
    value: str
    variables: tuple[Variable, ...] = ()


class RemoteServer(msgspec.Struct, frozen=True):
    """One endpoint of a described server."""

    # A short name for the configuration.
    name: str
    # Its name for people.
    title: str
    # Its URL, with the places of variables.
    url: str
    # How it is reached. The bridge finds that out by itself; it is shown to the user.
    transport: Transport = "streamable-http"
    # The headers that it wants.
    headers: tuple[HeaderTemplate, ...] = ()
    # The variables in its URL.
    variables: tuple[Variable, ...] = ()

    def needed(self) -> tuple[Variable, ...]:
        """All variables, each once."""
        known: dict[str, Variable] = {}
        for each in (*self.variables, *(each for header in self.headers for each in header.variables)):
            known.setdefault(each.name, each)
        return tuple(known.values())

    def missing(self, values: Mapping[str, str]) -> tuple[Variable, ...]:
        """The variables that must be given and are not."""
        return tuple(
            each for each in self.needed() if each.is_required and not each.default and not values.get(each.name)
        )


def filled(remote: RemoteServer, values: Mapping[str, str]) -> NewServer:
    """The settings of `remote` with the user's `values`, by the names of the variables. Raises `ConfigError`."""
    _check(remote, values)
    if secret := next((each.name for each in remote.variables if each.is_secret), None):
        hint = "ask its operator for a URL without it; a URL is in logs and in lists of processes"
        raise ConfigError(f"{remote.title} wants the secret {secret} in its URL", hint)
    # In a URL a value is text: one that looks like a reference would not be read.
    parts = {each.name: values.get(each.name) or each.default for each in remote.variables}
    url = _PLACE.sub(lambda place: parts.get(place[1], place[0]), remote.url)
    headers = {header.name: _header_value(header, values) for header in remote.headers}
    return NewServer(remote.name, url, {name: value for name, value in headers.items() if value})


def _check(remote: RemoteServer, values: Mapping[str, str]) -> None:
    if missing := remote.missing(values):
        told = "; ".join(f"{each.name} ({quoted(each.says)})" if each.says else each.name for each in missing)
        options = " ".join(f"--set {each.name}={_form(each)}" for each in missing)
        raise ConfigError(f"{remote.title} needs values: {told}", f"add {options}")
    known = {each.name: each for each in remote.needed()}
    for name, value in values.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise ConfigError(f"{remote.title} has no value named {quoted(name)}", f"it has: {names}")
        choices = known[name].choices
        if choices and value not in choices:
            raise ConfigError(f"--set {name}: this is not one of the allowed values", f"one of: {', '.join(choices)}")
        if known[name].is_secret and isinstance(parse_reference(value, f"--set {name}"), Literal):
            hint = f"write --set {name}=env:NAME, file:PATH, command:PROGRAM or keyring:NAME"
            raise ConfigError(f"--set {name} must not hold the secret: say where it is", hint)


def _form(variable: Variable) -> str:
    return "env:NAME" if variable.is_secret else "…"


def _header_value(header: HeaderTemplate, values: Mapping[str, str]) -> str:
    """The value of `header`, as the configuration writes it; "" if it has only optional parts that are not given."""
    given = {each.name: _given(each, values) for each in header.variables}
    if not given:
        return literal(header.value)
    if not any(given.values()):
        return ""
    before, *rest = _PLACE.split(header.value)
    match before, *rest:
        case "", name, "" if name in given:
            return given[name]
        case scheme, name, "" if name in given and (header.name.lower(), scheme.lower()) == _BEARER:
            return scheme + given[name]  # `with_authorization` makes a token of it
    parts: list[str | Template] = [before]
    for name, after in zip(rest[::2], rest[1::2], strict=True):
        parts += [_part(name, given[name], header.name) if name in given else f"{{{name}}}", after]
    return _written(parts, header.name)


def _written(parts: list[str | Template], header: str) -> str:
    """Texts and the user's references as one template. Raises `ConfigError` if the texts would be read as references.

    Neighbouring texts are joined before they are escaped: a `$` and a `{` of two of them must not become one `${`.
    """
    whole, text = "", ""
    for part in [*parts, Template(())]:
        if isinstance(part, str):
            text += part
            continue
        if text.endswith("$") and part.parts:
            raise _unclear_error(header)
        whole += text.replace("${", "$${") + "".join(map(_spelled, part.parts))
        text = ""
    if not isinstance(parse_safely(whole), Literal | Template):
        raise _unclear_error(header)
    return whole


def _spelled(part: str | EnvironmentVariable) -> str:
    if isinstance(part, str):
        return part.replace("${", "$${")
    return f"${{{part.name}}}" if part.default is None else f"${{{part.name}:-{part.default}}}"


def _unclear_error(header: str) -> ConfigError:
    return ConfigError(f"the value of the header {header} looks like a reference", "add the whole header with --header")


def _given(variable: Variable, values: Mapping[str, str]) -> str:
    """The value of `variable` as the configuration writes it, "" if there is none."""
    return values.get(variable.name) or (literal(variable.default) if variable.default else "")


def _part(name: str, value: str, header: str) -> str | Template:
    """`value`, which the configuration writes as a reference of its own, as a part of a longer text."""
    match parse_reference(value, f"--set {name}"):
        case EnvironmentVariable() as variable:
            return Template((variable,))
        case Template() as template:
            return template
        case Literal(value=text):
            return text
    hint = f"write --set {name}=env:NAME, or add the whole header with --header"
    raise ConfigError(f"--set {name}: only a part of the header {header} is secret", hint)


def literal(text: str) -> str:
    """`text` as the configuration writes it if it must not be read as a reference."""
    return text if parse_safely(text) == Literal(text) else f"literal:{text}"


def parse_safely(text: str) -> object:
    """The reference that `text` would be; None if it is malformed."""
    try:
        return parse_reference(text, "")
    except ConfigError:
        return None
