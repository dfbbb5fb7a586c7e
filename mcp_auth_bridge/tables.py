"""Tables of the configuration → structs and URLs, or words that name the key and what was expected there."""

import re
from typing import Any, TypeVar

import msgspec

from mcp_auth_bridge.errors import ConfigError, UrlRefused
from mcp_auth_bridge.urls import Purpose, Url, gate, shown

T = TypeVar("T")

_IN_TOML = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": 'a list: ["…", "…"]',
}
"""What msgspec calls by JSON's names."""


def convert(value: Any, shape: type[T], source: str, where: str) -> T:
    """`value`, which is what TOML makes of the table `where` of `source`, as a `shape`. Raises `ConfigError`."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        expected, _, inner = str(error).partition(" - at `$")
        key = f"{where}{inner.rstrip('`')}".lstrip(".") or where
        expected = expected[:1].lower() + expected[1:]
        words = ": ".join(filter(None, (source, key, expected)))
        raise ConfigError(words, _hint(shape, value, inner.rstrip("`"), expected)) from None


def _hint(shape: Any, value: Any, path: str, expected: str) -> str:
    """What may stand at `path` in `value`, which is no `shape`. Any: types, and what TOML makes of a table."""
    from msgspec import inspect  # what is right needs no words

    place = inspect.type_info(shape)
    for name in re.findall(r"[^.\[\]]+", path):
        table = _chosen(place, value)
        if not isinstance(table, inspect.StructType):
            break  # in a list, or in a table of the person's own names: each item is of one type
        place = next(field.type for field in table.fields if field.encode_name == name)
        value = value[name]
    word = re.search(r"expected `(\w+)", expected)
    if word and word[1] == "object":
        return "write a table: { KEY = … }"
    match _chosen(place, value):
        case inspect.UnionType(types=types) if tables := [
            each for each in types if isinstance(each, inspect.StructType)
        ]:
            return f"kind is one of: {', '.join(str(each.tag) for each in tables)}"
        case inspect.LiteralType(values=values):
            return f"one of: {', '.join(str(value) for value in values if value)}"
        case inspect.StructType(fields=fields):
            return f"the keys there: {', '.join(field.encode_name for field in fields)}"
    return f"write {_IN_TOML[word[1]]}" if word and word[1] in _IN_TOML else "see config.example.toml"


def _chosen(place: Any, value: Any) -> Any:
    """Of a union of tables the one that `value` says it is, where it says so."""
    kind = value.get("kind", place) if isinstance(value, dict) else place
    return next((each for each in getattr(place, "types", ()) if getattr(each, "tag", None) == kind), place)


def url(text: str, purpose: Purpose, where: str, hint: str = "write it as https://…") -> Url:
    """The URL that stands `where`. Raises `ConfigError` for one that the gate refuses."""
    try:
        return gate(text, purpose)
    except UrlRefused as refused:
        raise ConfigError(f"{where}: {shown(text)} is not acceptable: {refused.hint}", hint) from None
