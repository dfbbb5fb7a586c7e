"""A result laid out for people, as data: tables and lines whose words have a tone. `rich_view.py` draws it.

Each command that has a view also has the text for a pipe; a terminal that shows neither colour nor columns gets that
text (`terminal.print_view`).
"""

import enum
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from mcp_auth_bridge.shell.console.text_layout import split_command


class Tone(enum.Enum):
    """What words mean for the reader. The colour only repeats what the words say."""

    PLAIN = "plain"
    STRONG = "strong"
    """What the eye looks for: a name."""

    QUIET = "quiet"
    """What is rarely read: a URL beside its name."""

    GOOD = "good"
    CAUTION = "caution"
    BAD = "bad"


class Span(msgspec.Struct, frozen=True):
    """Words with one tone. A line break in them is one on the terminal, too."""

    text: str
    tone: Tone = Tone.PLAIN


Words: TypeAlias = tuple[Span, ...]


class Table(msgspec.Struct, frozen=True):
    """Rows of cells below the names of the columns. On a narrow terminal the cells of a row stand below each other."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Words, ...], ...]


class Lines(msgspec.Struct, frozen=True):
    """Lines that are wrapped only by the terminal itself, so that a command or URL in them can be copied."""

    lines: tuple[Words, ...]


View: TypeAlias = Sequence[Table | Lines]


def words(text: str, tone: Tone = Tone.PLAIN) -> Words:
    """`text` in one tone, nothing for ""."""
    return (Span(text, tone),) if text else ()


def below(parts: Iterable[Words]) -> Words:
    """The `parts` one below the other. Empty ones take no line."""
    joined: Words = ()
    for part in filter(None, parts):
        joined += (Span("\n"), *part) if joined else part
    return joined


def without_commands(sentences: Iterable[str], tone: Tone = Tone.PLAIN) -> tuple[list[Words], list[str]]:
    """The `sentences` for a cell, and the commands at their ends, for which a cell may be too narrow."""
    split = [split_command(sentence) for sentence in sentences]
    return (
        [words(text if not command else text.removesuffix("run:").rstrip("; "), tone) for text, command in split],
        [command for _, command in split if command],
    )
