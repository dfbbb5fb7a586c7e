"""Where each value of a JSON text stands, also of one with comments: what a parser that returns values does not tell.

The text must be one that `documents.parse` accepts. There is no parser for Python that tells positions, takes comments
and is kept up: this one only finds the ends of values, in the manner of VS Code's `jsonc-parser`.
"""

import json
import re
from collections.abc import Iterator

import msgspec

_BETWEEN = re.compile(r"(?:[\s\ufeff]|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ATOM = re.compile(r"[^\s,:/\[\]{}\"]+")


class Member(msgspec.Struct, frozen=True):
    """One member of an object, by the positions of its parts in the text."""

    # Its name.
    name: str
    # Where the quotation mark before the name stands.
    start: int
    # Its value.
    value: "Span"
    # Where the comma after it stands, None if none follows.
    comma: int | None


class Span(msgspec.Struct, frozen=True):
    """A value: where it begins and ends in the text. `members` is None for a value that is not an object."""

    start: int
    end: int
    members: tuple[Member, ...] | None = None

    def member(self, name: str) -> Member | None:
        """The member of that name: the last one, which is the one that parsers take."""
        return next((member for member in reversed(self.members or ()) if member.name == name), None)


def read_spans(text: str) -> Span:
    """The spans of the value in `text`, a JSON document with or without comments, which a parser has accepted."""
    return _value(text, _skip(text, 0))


def _skip(text: str, at: int) -> int:
    """The position of the next token."""
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int) -> Span:
    match text[at : at + 1]:
        case "{":
            return _object(text, at)
        case "[":
            return Span(at, _end_of_list(text, at + 1))
        case '"':
            return Span(at, _match(_STRING, text, at))
    return Span(at, _match(_ATOM, text, at))


def _object(text: str, start: int) -> Span:
    members = tuple(_members(text, _skip(text, start + 1)))
    after = start + 1 if not members else (members[-1].comma or members[-1].value.end - 1) + 1
    return Span(start, _skip(text, after) + 1, members)


def _members(text: str, at: int) -> Iterator[Member]:
    while text[at : at + 1] == '"':
        end = _match(_STRING, text, at)
        value = _value(text, _skip(text, _skip(text, end) + 1))
        after = _skip(text, value.end)
        comma = after if text[after : after + 1] == "," else None
        yield Member(json.loads(text[at:end], strict=False), at, value, comma)
        if comma is None:
            return
        at = _skip(text, comma + 1)


def _end_of_list(text: str, at: int) -> int:
    at = _skip(text, at)
    while text[at : at + 1] not in ("]", ""):
        at = _skip(text, _value(text, at).end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
    return at + 1


def _match(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at + 1
