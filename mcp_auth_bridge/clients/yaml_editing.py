"""A block added to YAML text or cut out of it, by lines. The rest of the text keeps its bytes.

The positions come from the nodes that `ruamel.yaml` composes; its own writer would lay out the whole document anew.
A value is written as JSON, which is YAML too (YAML 1.2, section 1.3), one line for each of its members.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mcp_auth_bridge.clients.editing import CannotEdit, Edited, Undo
from mcp_auth_bridge.clients.json_editing import newline_of

_PLAIN = re.compile(r"[A-Za-z_][\w-]*\Z")
_WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")


class _Mapping(msgspec.Struct, frozen=True):
    """A mapping of the text, by positions in it."""

    # Where its key begins, and where its value begins and ends.
    key: int
    start: int
    end: int
    # Whether it is written in braces.
    flow: bool
    # The positions of its keys, by name.
    keys: Mapping[str, int]


def set_block(text: str, place: Sequence[str], value: Any) -> Edited:
    """`text` with `value` (any: JSON) at the keys `place`: a table of entries at the top, and a name in it."""
    table, name = place
    newline = newline_of(text)
    found = _mapping(text, table)
    if found is None:
        gap = "" if not text or text.endswith("\n") or text == "\ufeff" else newline
        return Edited(f"{text}{gap}{table}:{newline}{_block(name, value, '  ', newline)}", Undo(1, gap))
    if found.flow and found.keys:
        raise CannotEdit(f"{table} in it is written in braces", "add the entry by hand")
    if name in found.keys:
        without = remove_block(text, place, Undo())
        return Edited(set_block(without, place, value).text)
    line_end = _line_end(text, found.start if found.flow else found.key)
    colon = text.index(":", found.key) + 1
    if found.keys:
        indent, blank, head = " " * _column(text, min(found.keys.values())), None, text[:line_end]
    else:
        indent, blank, head = (
            "  ",
            text[colon:line_end],
            text[:colon] + text[found.end if found.flow else colon : line_end],
        )
    if not head.endswith("\n"):
        head += newline
    return Edited(f"{head}{_block(name, value, indent, newline)}{text[line_end:]}", Undo(0, blank))


def remove_block(text: str, place: Sequence[str], undo: Undo) -> str:
    """`text` without the entry at the keys `place`, and without the table around it if that was made for it."""
    table, name = place
    found = _mapping(text, table)
    if found is None or name not in found.keys or found.flow:
        raise CannotEdit("the entry is not written as lines of its own", "remove it by hand")
    at = found.keys[name]
    begin = text.rfind("\n", 0, at) + 1
    rest = text[:begin] + text[_end_of_block(text, begin, at - begin) :]
    if len(found.keys) > 1:
        return rest
    colon, line_end = rest.index(":", found.key) + 1, _line_end(rest, found.key)
    if not undo.tables:
        return (
            f"{rest[:colon]} {{}}{rest[colon:]}" if undo.blank is None else rest[:colon] + undo.blank + rest[line_end:]
        )
    before = rest[: rest.rfind("\n", 0, found.key) + 1]
    return before[: len(before) - len(undo.blank or "")] + rest[line_end:]


def _mapping(text: str, table: str) -> _Mapping | None:
    """The mapping under the key `table` of the document, None if there is none. The parser has accepted `text`."""
    from ruamel.yaml import YAML  # only commands that edit a client's file need it
    from ruamel.yaml.nodes import MappingNode, ScalarNode

    bom = len(text) - len(text.removeprefix("\ufeff"))
    root = YAML(typ="safe", pure=True).compose(text[bom:])
    if root is None:
        return None
    for key, value in root.value:
        if key.value != table:
            continue
        empty = isinstance(value, ScalarNode) and not value.value
        if not (empty or isinstance(value, MappingNode)) or root.flow_style:
            raise CannotEdit(f"{table} in it is not a mapping in lines of its own", "add the entry by hand")
        keys = {} if empty else {str(inner.value): bom + inner.start_mark.index for inner, _ in value.value}
        start, end = bom + value.start_mark.index, bom + value.end_mark.index
        return _Mapping(bom + key.start_mark.index, start, end, bool(not empty and value.flow_style), keys)
    return None


def _end_of_block(text: str, begin: int, column: int) -> int:
    """The position behind the last line of the block whose first line begins at `begin`."""
    end = at = _line_end(text, begin)
    while at < len(text):
        after = _line_end(text, at)
        line = text[at:after]
        if line.strip():
            if len(line) - len(line.lstrip(" ")) <= column:
                break
            end = after
        at = after
    return end


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _column(text: str, at: int) -> int:
    return at - text.rfind("\n", 0, at) - 1


def _block(name: str, value: Any, indent: str, newline: str) -> str:
    lines = [f"{indent}{_key(name)}:"]
    lines += [f"{indent}  {_key(key)}: {_scalar(item)}" for key, item in value.items()]
    return "".join(f"{line}{newline}" for line in lines)


def _key(name: str) -> str:
    return name if _PLAIN.match(name) and name.lower() not in _WORDS else json.dumps(name)


def _scalar(value: Any) -> str:
    """`value` as JSON, and a simple word without quotation marks, as Goose writes it."""
    if isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
