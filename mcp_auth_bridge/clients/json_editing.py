"""A member set in JSON text or taken out of it. Comments, indentation, line ends and last commas stay as they are."""

import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from mcp_auth_bridge.clients.editing import CannotEdit, Edited, Undo
from mcp_auth_bridge.clients.json_spans import Member, Span, read_spans

_REST_OF_LINE = re.compile(r"(?:[ \t]*(?://[^\r\n]*|/\*(?:(?!\*/)[^\r\n])*\*/))*")
"""The comments that follow on the same line."""

_BLANK = re.compile(r"\s*\Z")


class _Style(msgspec.Struct, frozen=True):
    """How a text is laid out."""

    newline: str
    # One step of indentation.
    step: str


def set_member(text: str, place: Sequence[str], value: Any) -> Edited:
    """`text` with `value` (any: JSON) at the keys `place`; objects that are missing on the way are made."""
    style = _style(text)
    bom = "\ufeff" if text.startswith("\ufeff") else ""
    bare = text[len(bom) :]
    if _BLANK.match(bare):
        document = _written(_nested(place, value), style, "")
        return Edited(f"{bom}{document}{style.newline}", Undo(len(place) - 1, bare))
    span, member, depth = _deepest(text, place)
    if member is not None:
        new = _written(value, style, _indent_of_line(text, member.start))
        if style.newline not in text[span.start : span.end]:
            new = json.dumps(value, ensure_ascii=False)
        return Edited(text[: member.value.start] + new + text[member.value.end :])
    blank = None if span.members else text[span.start : span.end]
    wrapped = _nested(place[depth + 1 :], value) if depth + 1 < len(place) else value
    return Edited(_inserted(text, span, place[depth], wrapped, style), Undo(len(place) - 1 - depth, blank))


def remove_member(text: str, place: Sequence[str], undo: Undo) -> str:
    """`text` without the member at the keys `place`, and without the objects that were made for it."""
    highest = max(len(place) - undo.tables, 1)
    for depth in range(len(place), highest - 1, -1):
        span, member, _ = _deepest(text, place[:depth])
        if member is None:
            raise CannotEdit(f"it has no {place[-1]}", "nothing has to be removed")
        if len(span.members or ()) > 1 or depth == highest:
            cut = _cut(text, span, member)
            return cut if undo.blank is None or len(span.members or ()) > 1 else _emptied(cut, span, undo.blank)
    raise AssertionError(place)


def _emptied(text: str, before: Span, blank: str) -> str:
    """`text` with `blank` for the object that was `before`, unless there are other comments in it now."""
    span = read_spans(text)
    while span.start < before.start:
        span = next(each.value for each in reversed(span.members or ()) if each.value.start <= before.start)
    if blank.strip() and "".join(blank.split()) != "".join(text[span.start : span.end].split()):
        return text
    if not blank.strip():  # the whole file was blank
        return text[: span.start] + blank + text[span.end :].removeprefix("\r").removeprefix("\n")
    return text[: span.start] + blank + text[span.end :]


def _deepest(text: str, place: Sequence[str]) -> tuple[Span, Member | None, int]:
    """The innermost object on the way to `place`, the member there if it is the last one, and the depth of its key."""
    span = read_spans(text)
    for depth, key in enumerate(place):
        if span.members is None:
            raise CannotEdit(f"{place[depth - 1] if depth else 'it'} is not an object", "correct the file")
        member = span.member(key)
        if member is None or depth == len(place) - 1:
            return span, member, depth
        span = member.value
    raise AssertionError(place)


def _inserted(text: str, span: Span, name: str, value: Any, style: _Style) -> str:
    """`text` with a new last member in the object `span`."""
    members = span.members or ()
    outer = _indent_of_line(text, span.start)
    if members and "\n" not in text[span.start : span.end]:
        gap = " " if text[span.start + 1 : span.start + 2] == " " or ": " in text[span.start : span.end] else ""
        last = members[-1]
        at = last.value.end if last.comma is None else last.comma + 1
        comma = "" if last.comma is None else ","
        new = f"{',' if last.comma is None else ''}{gap}{_quoted(name)}:{gap}{json.dumps(value, ensure_ascii=False)}"
        return f"{text[:at]}{new}{comma}{text[at:]}"
    if not members:
        return _filled(text, span, name, value, style)
    last = members[-1]
    indent = _own_indent(text, members[-1].start)
    indent = outer + style.step if indent is None else indent
    at = last.value.end if last.comma is None else last.comma + 1
    rest = _REST_OF_LINE.match(text, at)
    after = rest.end() if rest else at
    new = f"{style.newline}{indent}{_quoted(name)}: {_written(value, style, indent)}"
    separator, end = (",", "") if last.comma is None else ("", ",")
    return f"{text[:at]}{separator}{text[at:after]}{new}{end}{text[after:]}"


def _filled(text: str, span: Span, name: str, value: Any, style: _Style) -> str:
    """`text` with the first member of the object `span`, behind its comments."""
    outer = _indent_of_line(text, span.start)
    indent = outer + style.step
    inner = text[span.start + 1 : span.end - 1]
    at = span.start + 1 + len(inner.rstrip())
    rest = text[at : span.end - 1]
    closing = rest if "\n" in rest else f"{style.newline}{outer}"
    member = f"{style.newline}{indent}{_quoted(name)}: {_written(value, style, indent)}"
    return f"{text[:at]}{member}{closing}{text[span.end - 1 :]}"


def _cut(text: str, span: Span, member: Member) -> str:
    """`text` without `member` of `span`, and without the comma that it no longer needs."""
    members = span.members or ()
    number = members.index(member)
    begin = len(text[: member.start].rstrip())
    end = member.value.end if member.comma is None else member.comma + 1
    rest = _REST_OF_LINE.match(text, end)
    if rest and text[rest.end() : rest.end() + 1] in ("\r", "\n"):
        end = rest.end()
    if text[begin - 2 : begin] != "*/" and begin < member.start and "\n" not in text[begin : member.start]:
        begin = member.start if number == 0 and len(members) > 1 else begin
        end = _past_space(text, end) if number == 0 and len(members) > 1 else end
    before = text[:begin]
    if member.comma is None and number > 0:
        comma = members[number - 1].comma
        if comma is not None:
            before = text[:comma] + text[comma + 1 : begin]
    return before + text[end:]


def _past_space(text: str, at: int) -> int:
    return at + len(text[at:]) - len(text[at:].lstrip(" \t"))


def _style(text: str) -> _Style:
    members = () if _BLANK.match(text.removeprefix("\ufeff")) else read_spans(text).members
    step = _own_indent(text, members[0].start) if members else None
    return _Style(newline_of(text), step or "  ")


def newline_of(text: str) -> str:
    """What ends the first line of `text`; if it has only one, the line end of Unix."""
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def _indent_of_line(text: str, at: int) -> str:
    """The white space at the beginning of the line of position `at`."""
    line = text[text.rfind("\n", 0, at) + 1 : at].removeprefix("\ufeff")
    return line[: len(line) - len(line.lstrip(" \t"))]


def _own_indent(text: str, at: int) -> str | None:
    """The white space before position `at`, None if something else stands before it on its line."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line if not line.strip() else None


def _written(value: Any, style: _Style, indent: str) -> str:
    """`value` (any: JSON) over several lines, of which all but the first begin with `indent`.

    A list of words stays on one line, as people write it.
    """
    if isinstance(value, dict) and value:
        inner = indent + style.step
        members = [f"{inner}{_quoted(name)}: {_written(item, style, inner)}" for name, item in value.items()]
        body = f",{style.newline}".join(members)
        return f"{{{style.newline}{body}{style.newline}{indent}}}"
    return json.dumps(value, ensure_ascii=False)


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _nested(keys: Sequence[str], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value}
    return value
