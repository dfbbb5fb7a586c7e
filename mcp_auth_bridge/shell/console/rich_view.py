"""Draws a view with `rich`. The only module that knows its tables; it is imported only for a terminal.

The colours are the terminal's own sixteen, so that they fit a light and a dark one.
"""

import re
from collections.abc import Mapping
from typing import TextIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from mcp_auth_bridge.errors import printable
from mcp_auth_bridge.shell.console.view import Lines, Table, Tone, View, Words

_STYLES: Mapping[Tone, str] = {
    Tone.PLAIN: "",
    Tone.STRONG: "bold",
    Tone.QUIET: "dim",
    Tone.GOOD: "green",
    Tone.CAUTION: "yellow",
    Tone.BAD: "bold red",
}

_NARROW = 72
"""Columns below which a table's cells would be too narrow to read."""

_WIDEST = 200
"""Columns beyond which a line is hard to follow with the eye."""

_TRAILING = re.compile(r" +$", re.MULTILINE)
"""The blanks up to the width of a table, which would wrap as soon as the window becomes narrower."""


def draw(view: View, stream: TextIO, columns: int) -> str | None:
    """`view` as text with colours for the terminal behind `stream`. None for an old console of Windows without them."""
    console = console_for(stream, columns)
    if console.legacy_windows:
        return None
    with console.capture() as drawn:
        print_on(console, view)
    return _TRAILING.sub("", drawn.get())


def console_for(stream: TextIO, columns: int, kind: type[Console] = Console) -> Console:
    """The console of `rich` for the terminal behind `stream`, which is `columns` wide."""
    return kind(
        file=stream,
        width=min(columns, _WIDEST),
        force_terminal=True,
        color_system="standard",
        highlight=False,
        markup=False,
        emoji=False,
    )


def print_on(console: Console, view: View) -> None:
    """Draw `view` on `console`."""
    for block in view:
        if isinstance(block, Lines):
            for line in block.lines:
                console.print(_text(line), soft_wrap=True)
        elif console.width < _NARROW:
            console.print(_records(block))
        else:
            console.print(_table(block))


def _text(words: Words) -> Text:
    text = Text(overflow="fold")
    for span in words:
        text.append("\n".join(map(printable, span.text.split("\n"))), _STYLES[span.tone])
    return text


def _table(table: Table) -> RenderableType:
    drawn = RichTable(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for name in table.columns:
        drawn.add_column(name, overflow="fold")
    for number, row in enumerate(table.rows):
        tall = any("\n" in span.text for cell in row for span in cell)
        drawn.add_row(*map(_text, row), end_section=False)
        if tall and number + 1 < len(table.rows):
            drawn.add_row()
    return drawn


def _records(table: Table) -> RenderableType:
    """Each row as its first cell, and below it the other cells with the names of their columns."""
    parts: list[RenderableType] = []
    for row in table.rows:
        if parts:
            parts.append(Text())
        parts.append(_text(row[0]))
        for name, cell in zip(table.columns[1:], row[1:], strict=True):
            if cell:
                parts.append(Padding(Text.assemble((f"{name}: ", "dim"), _text(cell), overflow="fold"), (0, 0, 0, 2)))
    return Group(*parts)
