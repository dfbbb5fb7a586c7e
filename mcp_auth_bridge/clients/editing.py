"""One entry put into the text of a client's configuration file, or taken out of it: text → text, and nothing else.

Everything outside the entry keeps its bytes. Each edit is checked against the parser of the format: the new text must
hold what the old one did and the entry, else there is no edit.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mcp_auth_bridge.clients.client import Format
from mcp_auth_bridge.clients.documents import parse
from mcp_auth_bridge.errors import ConfigError


class Undo(msgspec.Struct, frozen=True):
    """What an edit has made besides the entry, so that taking the entry out leaves nothing of it."""

    # The number of tables that it has made around the entry.
    tables: int = 0
    # The text of the table in which it has put them, if nothing was in that table; None if something was.
    blank: str | None = None


NOTHING_ELSE = Undo()
"""For an edit that has made the entry alone."""


class Edited(msgspec.Struct, frozen=True):
    """A text after an edit."""

    text: str
    undo: Undo = NOTHING_ELSE


class CannotEdit(ConfigError):
    """The text is not one that the bridge can change without a risk."""


def entry_in(text: str, syntax: Format, place: Sequence[str]) -> Any:
    """The value at the keys `place` of `text`, None if there is none. Any: JSON. Raises `ConfigError`."""
    value = parse(text, syntax)
    for key in place:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def set_value(text: str, syntax: Format, place: Sequence[str], value: Any) -> Edited:
    """`text` with `value` (any: JSON) at the keys `place`. Raises `ConfigError` where it cannot be edited."""
    before = parse(text, syntax)
    if not isinstance(before, dict):
        raise CannotEdit("it does not hold a table of keys", "correct the file, or add the entry by hand")
    expected = _with(before, place, value)
    edited = _set(text, syntax, place, value)
    _check(edited.text, syntax, expected)
    return edited


def remove_value(text: str, syntax: Format, place: Sequence[str], undo: Undo = NOTHING_ELSE) -> str:
    """`text` without the value at the keys `place`, and without what `undo` says was made for it.

    Raises `ConfigError` where it cannot be edited.
    """
    expected = _without(parse(text, syntax), place)
    edited = _remove(text, syntax, place, undo)
    _check(edited, syntax, expected, place)
    return edited


def _set(text: str, syntax: Format, place: Sequence[str], value: Any) -> Edited:
    match syntax:
        case Format.TOML:
            from mcp_auth_bridge.clients.toml_editing import set_table

            return set_table(text, place, value)
        case Format.YAML:
            from mcp_auth_bridge.clients.yaml_editing import set_block

            return set_block(text, place, value)
    from mcp_auth_bridge.clients.json_editing import set_member

    return set_member(text, place, value)


def _remove(text: str, syntax: Format, place: Sequence[str], undo: Undo) -> str:
    match syntax:
        case Format.TOML:
            from mcp_auth_bridge.clients.toml_editing import remove_table

            return remove_table(text, place, undo)
        case Format.YAML:
            from mcp_auth_bridge.clients.yaml_editing import remove_block

            return remove_block(text, place, undo)
    from mcp_auth_bridge.clients.json_editing import remove_member

    return remove_member(text, place, undo)


def _check(text: str, syntax: Format, expected: Any, place: Sequence[str] = ()) -> None:
    """Raise `CannotEdit` unless `text` holds `expected`, apart from empty tables on the way to `place`."""
    try:
        found = parse(text, syntax)
    except ConfigError:
        found = None
    if _pruned(found, place) != _pruned(expected, place):
        raise CannotEdit("its form is one that the bridge cannot edit safely", "make the change by hand")


def _pruned(document: Any, place: Sequence[str]) -> Any:
    """A copy of `document` without the tables on the way to `place` in which there is nothing. Any: JSON."""
    if not place or not isinstance(document, dict) or place[0] not in document:
        return document
    inner = _pruned(document[place[0]], place[1:])
    others = {key: value for key, value in document.items() if key != place[0]}
    return {**others, place[0]: inner} if inner else others


def _with(document: Mapping[str, Any], place: Sequence[str], value: Any) -> dict[str, Any]:
    """A copy of `document` with `value` at `place`. Any: JSON."""
    key, *rest = place
    if not rest:
        return {**document, key: value}
    inner = document.get(key)
    inner = {} if inner is None else inner
    if not isinstance(inner, dict):
        raise CannotEdit(f"{key} in it is not a table of servers", "correct the file, or add the entry by hand")
    return {**document, key: _with(inner, rest, value)}


def _without(document: Any, place: Sequence[str]) -> Any:
    """A copy of `document` without the value at `place`. Any: JSON."""
    key, *rest = place
    if not isinstance(document, dict) or key not in document:
        raise CannotEdit(f"it has no {place[-1]}", "nothing has to be removed")
    others = {name: value for name, value in document.items() if name != key}
    return {**others, key: _without(document[key], rest)} if rest else others
