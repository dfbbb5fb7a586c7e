"""TOML → typed values. An error names the key, its line and the expected value."""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from mcp_auth_bridge.config.suggestion import nearest
from mcp_auth_bridge.errors import ConfigError, UrlRefused, quoted
from mcp_auth_bridge.urls import Purpose, Url, gate, redacted_url, with_scheme


def parse(text: str, source: str) -> dict[str, Any]:
    """Parse `text`. Any: TOML. Raises `ConfigError`, with line and column, for invalid TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not valid TOML: {error}", f"correct that line of {source}") from None
    except RecursionError:
        raise ConfigError(f"{source} is not valid TOML: it is nested too deeply", f"correct {source}") from None


def find_line(text: str, keys: Sequence[str]) -> int | None:
    """The number, from 1, of the line with the statement that creates `keys`; None if no statement does.

    `keys` is a path: each key is in the table before it. `text` is valid TOML. The parser does not report lines, but
    each prefix of `text` that ends with a whole statement is valid TOML too. So the shortest prefix that holds `keys`
    ends with the statement that creates them.
    """
    lines = text.replace("\r\n", "\n").split("\n")

    def whole(count: int) -> int:
        """How many of the first `count` lines are whole statements."""
        while _attempt(lines[:count]) is None:
            count -= 1
        return count

    def has(count: int) -> bool:
        return _holds(_attempt(lines[: whole(count)]) or {}, keys)

    end = bisect_left(range(len(lines) + 1), True, key=has)
    return None if end > len(lines) else whole(end - 1) + 1


def _attempt(lines: Sequence[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads("\n".join(lines))
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _holds(table: Any, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return True


T = TypeVar("T")

_WORDS = {
    "object": "a table",
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
}
"""The words for the user in place of msgspec's names of types."""

_WRITTEN = {**_WORDS, "array": 'a list: ["…", "…"]', "object": "a table: { KEY = … }"}

_BARE_KEY = r"[A-Za-z0-9_-]+"


def convert(value: Any, shape: type[T], source: str, where: str) -> T:
    """Convert `value`, the parsed table `where` of `source`, to a `shape`. Raises `ConfigError`.

    The message is "SOURCE: KEY…", with the whole key from the top of the file. It repeats a wrong `kind`, but no
    other value: that may be a misplaced secret.
    """
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        expected, _, inner = str(error).partition(" - at `$")
        place = _KeyPath(shape, value, inner.rstrip("`"))
        key = f"{where}{place.path}".lstrip(".")
        message, hint = place.in_words(key, expected[:1].lower() + expected[1:])
        raise ConfigError(": ".join(filter(None, (source, message))), hint) from None


class _KeyPath:
    """The type that `shape` expects at `path` of the wrong `value`. Any: types, and parsed TOML."""

    def __init__(self, shape: Any, value: Any, path: str) -> None:
        from msgspec import inspect  # only for errors

        self.path = path
        self._inspect = inspect
        place = inspect.type_info(shape)
        for name in re.findall(r"[^.\[\]]+", path):
            table = _chosen(place, value)
            if not isinstance(table, inspect.StructType):
                break  # in a list, or in a table with keys of the user's choice: all items are of one type
            place = next(field.type for field in table.fields if field.encode_name == name)
            value = value[name]
        self._value = value
        self._type = _chosen(place, value)

    def in_words(self, key: str, expected: str) -> tuple[str, str]:
        """The message about `key`, and the hint. `expected` is msgspec's description of the error."""
        name = re.search(r"`(.*)`", expected)
        words = self._allowed()
        if name and expected.startswith("object contains unknown field"):
            return self._unknown(key, name[1])
        if name and expected.startswith("object missing required field"):
            told, hint = f"the key {name[1]} is missing", f"the keys there: {_list(self._keys())}"
        else:
            told, hint = _in_toml(expected), _hint(expected)
        if words and not expected.startswith("expected `object`"):
            hint = self._choice(words)
        return f"{key}: {told}" if key else told, hint

    def _unknown(self, key: str, name: str) -> tuple[str, str]:
        known = self._keys()
        whole = f"{key}.{name if re.fullmatch(_BARE_KEY, name) else quoted(name)}".lstrip(".")
        meant = nearest(name, [*known, getattr(self._type, "tag_field", None) or ""])
        return f"{whole} is not a known key", f'did you mean "{meant}"?' if meant else f"the keys there: {_list(known)}"

    def _keys(self) -> list[str]:
        return [field.encode_name for field in getattr(self._type, "fields", ())]

    def _is_kind(self) -> bool:
        return isinstance(self._type, self._inspect.UnionType)

    def _allowed(self) -> list[str]:
        """The words of which one must be chosen, [] if any value of the type is allowed."""
        match self._type:
            case self._inspect.UnionType(types=types):
                return [str(each.tag) for each in types if isinstance(each, self._inspect.StructType)]
            case self._inspect.LiteralType(values=values):
                return [str(value) for value in values if value]
        return []

    def _choice(self, words: Sequence[str]) -> str:
        given = self._value.get("kind") if isinstance(self._value, dict) else self._value
        meant = nearest(given, words) if isinstance(given, str) else ""
        what = "kind is one of" if self._is_kind() else "one of"
        return f'did you mean "{meant}"? {what}: {_list(words)}' if meant else f"{what}: {_list(words)}"


def _list(words: Sequence[str]) -> str:
    return ", ".join(words)


def _in_toml(expected: str) -> str:
    """Msgspec's description of the error, in the words of TOML."""
    if expected.startswith("invalid enum value"):
        return "this is not one of the allowed values"  # the value may be a misplaced secret
    named = re.sub(r"`([^`]*)`", lambda match: " or ".join(_WORDS.get(w, w) for w in match[1].split(" | ")), expected)
    return named.replace(" of length >= 1", " that is not empty")


def _hint(expected: str) -> str:
    word = re.search(r"expected `(\w+)", expected)
    return f"write {_WRITTEN[word[1]]}" if word and word[1] in _WRITTEN else "see config.example.toml"


def _chosen(place: Any, value: Any) -> Any:
    """The member of a union of tables that `value` names by its `kind`, if it does; else the union."""
    kind = value.get("kind", place) if isinstance(value, dict) else place
    return next((each for each in getattr(place, "types", ()) if getattr(each, "tag", None) == kind), place)


def parse_url(text: str, purpose: Purpose, where: str, hint: str = "write it as https://…") -> Url:
    """Parse the URL that was written `where`. Raises `ConfigError` if the gate refuses it."""
    try:
        return gate(text, purpose)
    except UrlRefused as refused:
        if meant := with_scheme(text):
            hint = f"did you mean {meant}?"
        raise ConfigError(f"{where}: {redacted_url(text)} is not acceptable: {refused.hint}", hint) from None


def split_arguments(value: tuple[str, ...] | str, where: str) -> tuple[str, ...]:
    """Return `value` as an argument vector. A string is split as a POSIX shell splits it. Raises `ConfigError`."""
    if not isinstance(value, str):
        return value
    import shlex

    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise ConfigError(f"{where} cannot be split into words: {error}", "add the closing quotation mark") from None
