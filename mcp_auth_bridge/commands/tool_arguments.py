"""A tool's arguments on a command line: JSON, or `key=value` with the types of the tool's input schema."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mcp_auth_bridge.errors import ConfigError, quoted

_HOW = 'write them as JSON, \'{"key": "value"}\', or as key=value …'
_DEEPEST = 20  # references that lead to references
_KINDS = {'"': "string", "{": "object", "[": "array", "t": "boolean", "f": "boolean", "n": "null"}

Arguments = Mapping[str, str | msgspec.Raw]
"""Arguments by name: JSON as the user wrote it, or the text of a pair."""


def parse_arguments(words: Sequence[str], piped: bytes) -> Arguments:
    """Parse `words`: nothing, one JSON object, `-` for the JSON object `piped`, or pairs. Raises `ConfigError`."""
    if any("\ud800" <= character <= "\udfff" for word in words for character in word):
        # Python puts surrogates where a command line has bytes that it cannot decode.
        raise ConfigError("the arguments are not text in UTF-8", "give them as JSON on stdin, with - in their place")
    match list(words):
        case ["-"]:
            return _parse_object(piped)
        case [text] if text.lstrip().startswith(("{", "[")):
            return _parse_object(text.encode())
    return _parse_pairs(words)


def convert_arguments(given: Arguments, schema: Mapping[str, Any]) -> Arguments:
    """`given` with the text of each pair converted to its type in `schema`. Raises `ConfigError`. Any: the server's."""
    properties = schema.get("properties")
    known = properties if isinstance(properties, dict) else {}
    return {
        name: _convert(name, value, json_types(known.get(name), schema)) if isinstance(value, str) else value
        for name, value in given.items()
    }


def missing_arguments(given: Arguments, schema: Mapping[str, Any]) -> list[str]:
    """The names that the schema requires and `given` lacks. Any: the server's JSON."""
    return [name for name in _list(schema, "required") if isinstance(name, str) and name not in given]


def json_types(schema: Any, root: Mapping[str, Any], depth: int = 0) -> frozenset[str]:
    """The JSON types that `schema`, a part of `root`, allows; empty if it does not say. Any: the server's JSON."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return frozenset()
    found = schema.get("type")
    named = [found] if isinstance(found, str) else _list(schema, "type")
    choices = [*_list(schema, "anyOf"), *_list(schema, "oneOf"), _resolve(schema.get("$ref"), root)]
    inner = [json_types(choice, root, depth + 1) for choice in choices]
    return frozenset(name for name in named if isinstance(name, str)).union(*inner)


def _list(schema: Mapping[str, Any], key: str) -> list[Any]:
    value = schema.get(key)
    return value if isinstance(value, list) else []


def _resolve(reference: Any, root: Mapping[str, Any]) -> Any:
    """The part of `root` that a reference such as `#/$defs/Name` names, None for any other. Any: the server's JSON."""
    start, *path = reference.split("/") if isinstance(reference, str) else [""]
    place: Any = root if start == "#" else None
    for name in path:
        place = place.get(name) if isinstance(place, dict) else None
    return place


def _parse_object(text: bytes) -> dict[str, str | msgspec.Raw]:
    # The decoders' messages are not shown: they would repeat the arguments.
    try:
        return dict(msgspec.json.decode(text.decode("utf-8-sig"), type=dict[str, msgspec.Raw]))
    except msgspec.ValidationError:
        raise ConfigError("the arguments are JSON, but not an object", _HOW) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ConfigError("the arguments are not valid JSON", _HOW) from None


def _parse_pairs(words: Sequence[str]) -> dict[str, str | msgspec.Raw]:
    given: dict[str, str | msgspec.Raw] = {}
    for number, word in enumerate(words, 1):
        name, sign, text = word.partition("=")
        if not sign or not name:
            raise ConfigError(f"argument number {number} is neither key=value nor a JSON object", _HOW)
        if name in given:
            raise ConfigError(f"the argument {quoted(name)} is given twice", "give a list as JSON: key='[1, 2]'")
        given[name] = text
    return given


def _convert(name: str, text: str, types: frozenset[str]) -> str | msgspec.Raw:
    """`text` as JSON of one of the `types`. Where a string is allowed, it stays the text that the user wrote."""
    kind = _json_type(text)
    if "string" in types or (not types and not kind):
        return text
    if types and kind not in types and not (kind == "integer" and "number" in types):
        wanted = " or ".join(sorted(types - {"null"}))
        raise ConfigError(f"the argument {quoted(name)} must be of the type {wanted}", "write its value as JSON")
    return msgspec.Raw(text)


def _json_type(text: str) -> str:
    """The name that JSON Schema has for the type of `text`, "" if it is not JSON."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return _KINDS.get(text.strip()[0]) or ("number" if set(text) & set(".eE") else "integer")
