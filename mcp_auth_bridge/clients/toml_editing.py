"""A table appended to TOML text or cut out of it. The rest of the text keeps its bytes.

`tomlkit` would write the whole document anew. A table with a header of its own may stand at the end of any document, so
only lines are added; and `editing` compares what the parser of the standard library reads before and after.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mcp_auth_bridge.clients.client import Format
from mcp_auth_bridge.clients.documents import parse
from mcp_auth_bridge.clients.editing import CannotEdit, Edited, Undo
from mcp_auth_bridge.clients.json_editing import newline_of

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_HEADER = re.compile(r"[ \t]*\[+[ \t]*(?P<keys>[^\]\r\n]+?)[ \t]*\]+[ \t]*(#.*)?\r?\n?\Z")
_KEY = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(?:\.|\Z)""")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
_OF_NOTHING = re.compile(r"\s*(#.*)?\Z")


def set_table(text: str, place: Sequence[str], value: Any) -> Edited:
    """`text` with the table `value` (any: JSON) under the header `place`; an entry of that name is replaced."""
    if not isinstance(value, dict):
        return _set_key(text, place, value)
    lines = text.splitlines(keepends=True)
    if found := _span(lines, place):
        begin, end = found
        newline = newline_of(text)
        return Edited("".join([*lines[:begin], *_block(place, value, newline), *lines[end:]]))
    newline = newline_of(text)
    bare = text.removeprefix("\ufeff")
    gap = "" if not bare else newline if bare.endswith("\n") else newline * 2
    if bare and not bare.strip():
        gap = ""
    return Edited(f"{text}{gap}{''.join(_block(place, value, newline))}", Undo(blank=gap))


def remove_table(text: str, place: Sequence[str], undo: Undo) -> str:
    """`text` without the table with the header `place` and those below it."""
    lines = text.splitlines(keepends=True)
    found = _span(lines, place)
    if found is None:
        raise CannotEdit("the entry has no header of its own", "remove it by hand")
    before = "".join(lines[: found[0]])
    gap = undo.blank if undo.blank is not None else newline_of(text)
    if gap and before.endswith(gap):
        before = before[: -len(gap)]
    return before + "".join(lines[found[1] :])


def _set_key(text: str, place: Sequence[str], value: Any) -> Edited:
    """`text` with one key of a table changed, or added below its header."""
    lines = text.splitlines(keepends=True)
    found = _span(lines, place[:-1])
    if found is None:
        raise CannotEdit("the entry has no header of its own", "change it by hand")
    begin, end = found
    line = f"{_key(place[-1])} = {_written(value)}{newline_of(text)}"
    for number in range(begin + 1, end):
        if _HEADER.match(lines[number]):
            break
        name, equals, _ = lines[number].partition("=")
        if equals and _keys(name.strip()) == (place[-1],):
            return Edited("".join([*lines[:number], line, *lines[_end_of_value(lines, number, end) :]]))
    return Edited("".join([*lines[: begin + 1], line, *lines[begin + 1 :]]))


def _end_of_value(lines: Sequence[str], number: int, end: int) -> int:
    """The line behind the value that begins in line `number`: the first where the lines parse alone."""
    for after in range(number + 1, end + 1):
        try:
            parse("".join(lines[number:after]), Format.TOML)
        except Exception:  # noqa: BLE001, S112 - a part of a value is not a document
            continue
        return after
    return number + 1


def _span(lines: Sequence[str], place: Sequence[str]) -> tuple[int, int] | None:
    """The lines of the table `place` with the tables below it: the first, and the one behind the last."""
    inside: int | None = None
    end = 0
    for number, line in enumerate(lines):
        header = _HEADER.match(line.removeprefix("\ufeff"))
        if header is not None:
            below = _keys(header["keys"])[: len(place)] == tuple(place)
            if inside is None and below:
                inside = number
            elif inside is not None and not below:
                break
        if inside is not None and not _OF_NOTHING.match(line):
            end = number + 1
    return None if inside is None else (inside, end)


def _keys(header: str) -> tuple[str, ...]:
    """The keys of a dotted key; () for a text that is not one."""
    keys: list[str] = []
    at = 0
    while at < len(header):
        found = _KEY.match(header, at)
        if found is None:
            return ()
        keys.append(next(part for part in found.groups() if part is not None))
        at = found.end()
    return tuple(keys)


def _block(place: Sequence[str], value: Mapping[str, Any], newline: str) -> list[str]:
    header = f"[{'.'.join(map(_key, place))}]{newline}"
    return [header, *(f"{_key(name)} = {_written(item)}{newline}" for name, item in value.items())]


def _key(name: str) -> str:
    return name if _BARE.match(name) else _string(name)


def _written(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case list() | tuple():
            return f"[{', '.join(map(_written, value))}]"
        case dict():
            return "{ " + ", ".join(f"{_key(name)} = {_written(item)}" for name, item in value.items()) + " }"
    return _string(str(value))


def _string(text: str) -> str:
    escaped = "".join(
        _ESCAPES.get(letter) or (letter if letter.isprintable() or ord(letter) > 0xA0 else f"\\u{ord(letter):04x}")
        for letter in text
    )
    return f'"{escaped}"'
