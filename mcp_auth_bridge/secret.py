"""`Secret`, a value that never prints itself, and the references by which a configuration names secrets."""

import hmac
import re
from collections.abc import Mapping
from typing import NoReturn

import msgspec

from mcp_auth_bridge.errors import ConfigError, quoted


class Secret:
    """Holds a token, key or header value. Only `reveal` returns it, so a search for that name finds every use."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")


class Literal(msgspec.Struct, frozen=True):
    """A value that the configuration itself holds, because it is not secret."""

    value: str


class EnvironmentVariable(msgspec.Struct, frozen=True):
    """The value of an environment variable, read when it is used; `default` if the variable is unset or empty."""

    name: str
    default: str | None = None


class Template(msgspec.Struct, frozen=True):
    """Text with environment variables in it, as in `Token ${USER}:${KEY:-none}`, read when the text is used."""

    parts: tuple[str | EnvironmentVariable, ...]


class FileContent(msgspec.Struct, frozen=True):
    """The contents of a file without the final line end, read when they are used. The path is a template."""

    path: Template


class CommandOutput(msgspec.Struct, frozen=True):
    """The output of a program that is started without a shell.

    Its arguments are not templates: every user of the machine can read them.
    """

    argv: tuple[str, ...]


class KeyringEntry(msgspec.Struct, frozen=True):
    """The entry `name` of the service mcp-auth-bridge in the operating system's keyring."""

    name: str


SecretRef = Literal | EnvironmentVariable | Template | FileContent | CommandOutput | KeyringEntry

_OPENING = "${"
_PLACES = re.compile(r"(\$?\$\{)")
_PLACE = r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?"


def parse_reference(text: str, where: str) -> SecretRef:
    """Parse `env:NAME`, `file:PATH`, `command:ARGV…`, `keyring:NAME`, `literal:TEXT`, or a template.

    Raises `ConfigError` for malformed text; it names the place `where` the text was written, and never the text.
    """
    kind, _, rest = text.partition(":")
    match kind:
        case "literal":
            return Literal(rest)
        case "env":
            return EnvironmentVariable(_given(rest, where, "env:NAME"))
        case "file":
            return FileContent(parse_template(_given(rest, where, "file:PATH"), where))
        case "command":
            return CommandOutput(_words(rest, where))
        case "keyring":
            return KeyringEntry(_given(rest, where, "keyring:NAME"))
    value = parse_template(text, where)
    return Literal(text) if value.parts in ((), (text,)) else value


def parse_template(text: str, where: str) -> Template:
    """Parse `${NAME}` and `${NAME:-DEFAULT}` in `text`. `$${` stands for `${`, and any other `$` for itself.

    Raises `ConfigError` for a `${` that is not closed, or not followed by a variable's name.
    """
    first, *rest = _PLACES.split(text)
    parts: list[str | EnvironmentVariable] = [first]
    for opening, after in zip(rest[::2], rest[1::2], strict=True):
        if opening == _OPENING:
            parts += _place(after, where)
        else:
            parts.append(_OPENING + after)
    return Template(_joined(parts))


def _place(after: str, where: str) -> tuple[EnvironmentVariable, str]:
    inside, closing, tail = after.partition("}")
    place = re.fullmatch(_PLACE, inside, re.DOTALL)
    if not (closing and place):
        hint = "${NAME} and ${NAME:-DEFAULT} are environment variables; write $${ for a literal ${"
        raise ConfigError(f"{where} has a ${{ that names no variable", hint)
    return EnvironmentVariable(place[1], place[2]), tail


def _joined(parts: list[str | EnvironmentVariable]) -> tuple[str | EnvironmentVariable, ...]:
    """Join neighbouring texts and drop empty ones, so that templates with the same meaning compare as equal."""
    joined: list[str | EnvironmentVariable] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part:
            joined.append(part)
    return tuple(joined)


def _given(rest: str, where: str, form: str) -> str:
    if not rest:
        raise ConfigError(f"{where}: a reference names nothing", f"write it as {form}")
    return rest


def _words(text: str, where: str) -> tuple[str, ...]:
    import shlex  # most configurations have no command

    try:
        words = shlex.split(text)
    except ValueError as error:
        hint = "add the closing quotation mark"
        raise ConfigError(f"{where}: the command cannot be split into words: {error}", hint) from None
    if not words:
        raise ConfigError(f"{where}: a reference names nothing", "write it as command:PROGRAM ARGUMENT…")
    return tuple(words)


def variables_in(reference: SecretRef) -> tuple[EnvironmentVariable, ...]:
    """The environment variables that `reference` is made of. Those that a command gets are not among them."""
    match reference:
        case EnvironmentVariable():
            return (reference,)
        case Template(parts=parts) | FileContent(path=Template(parts=parts)):
            return tuple(part for part in parts if isinstance(part, EnvironmentVariable))
    return ()


def describe(reference: SecretRef) -> str:
    """The source of a value, for the user. A command's arguments may be secret, and are not shown."""
    match reference:
        case EnvironmentVariable(name=name):
            return f"the environment variable {name}"
        case FileContent(path=path):
            return f"the file {spelled(path)}"
        case CommandOutput(argv=argv):
            return f"the command {quoted(argv[0])}"
        case KeyringEntry(name=name):
            return f"the entry {quoted(name)} of the OS keyring"
        case Template(parts=parts):
            names = [part.name for part in parts if isinstance(part, EnvironmentVariable)]
            variables = f"the environment variable{'s' if len(names) > 1 else ''} {' and '.join(names)}"
            return variables if len(names) == len(parts) else f"the value in the configuration and {variables}"
        case Literal():
            return "the value in the configuration"


def describe_used(reference: SecretRef, environ: Mapping[str, str]) -> str:
    """The source of a value in this environment: as `describe`, but it says which variables gave their defaults."""
    parts = reference.parts if isinstance(reference, Template) else (reference,)
    unset = [
        part.name
        for part in parts
        if isinstance(part, EnvironmentVariable) and part.default and not environ.get(part.name)
    ]
    if not unset:
        return describe(reference)
    if len(unset) == 1:
        return f"the environment variable {unset[0]}, which is not set, so that its default was used"
    return f"the environment variables {' and '.join(unset)}, which are not set, so that their defaults were used"


def spelled_reference(reference: SecretRef) -> str:
    """`reference` as the user wrote it, or "…" where that may hold a secret."""
    match reference:
        case EnvironmentVariable(name=name):
            return f"env:{name}"
        case FileContent(path=path):
            return f"file:{spelled(path)}"
        case KeyringEntry(name=name):
            return f"keyring:{name}"
        case _:
            return "…"


def spelled(path: Template) -> str:
    """A path as the user wrote it, without the defaults of its variables."""
    return "".join(part if isinstance(part, str) else f"${{{part.name}}}" for part in path.parts)
