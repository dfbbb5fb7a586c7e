"""A value that never prints itself, and the references by which a configuration names one."""

import hmac
from typing import NoReturn

import msgspec


class Secret:
    """Holds a token, key or header value; only `reveal` gives it away, so every use can be found by name."""

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
    """A value that stands in the configuration itself: for what is not secret."""

    value: str


class Env(msgspec.Struct, frozen=True):
    """The value of an environment variable, read at the moment of use."""

    name: str


class File(msgspec.Struct, frozen=True):
    """The contents of a file without the last line end, read at the moment of use."""

    path: str


SecretRef = Literal | Env | File


def reference(text: str) -> SecretRef:
    """`env:NAME`, `file:PATH`, `literal:TEXT`, or the text itself."""
    kind, _, rest = text.partition(":")
    match kind:
        case "env":
            return Env(rest)
        case "file":
            return File(rest)
        case "literal":
            return Literal(rest)
    return Literal(text)
