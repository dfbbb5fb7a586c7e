"""How a message is laid out on a terminal: within its width, what is copied on lines of its own and in one piece."""

import os
import re
import sys
from collections.abc import Iterator

_INDENT = "    "
_NARROWEST, _USUAL = 20, 80

# A command stands at the end of a hint, after a colon; a URL anywhere.
_COMMAND = re.compile(r"(?<=: )mcp-auth-bridge .*$")
_URL = re.compile(r"\S*[a-z][a-z0-9+.-]*://\S+")


def width() -> int:
    """Columns of the terminal that stderr is, 0 where it is none: then nobody's eyes are to be guided."""
    if sys.stderr is None or not sys.stderr.isatty():
        return 0
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL
    except (ValueError, OSError):
        return _USUAL


def lines(text: str, columns: int, first: str = "") -> Iterator[str]:
    """The lines of `text` in `columns`, `first` before the first one and blanks before the others.

    A command that ends it, and a long URL, have lines of their own, longer than `columns` if need be.
    """
    said, command = apart(text)
    whole = f"{first}{said}"
    if len(whole) <= columns:
        yield whole
    else:
        yield from _filled(said, max(columns, _NARROWEST), first)
    if command:
        yield f"{_INDENT}{command}"


def apart(text: str) -> tuple[str, str]:
    """`text` and the command that it ends with, "" for none."""
    found = _COMMAND.search(text)
    return (text[: found.start()].rstrip(), found[0]) if found else (text, "")


def _filled(text: str, columns: int, first: str) -> Iterator[str]:
    """Words fill lines; a long URL takes one of its own."""
    line = first.rstrip() if first.strip() else first
    for word in text.split():
        alone = _URL.fullmatch(word) is not None and len(word) > columns // 2
        fits = len(line) + 1 + len(word) <= columns
        if line.strip() and (alone or not fits):
            yield line
            line = f"{_INDENT}{word}"
        elif line.strip():
            line += f" {word}"
        else:
            line += word
        if alone:
            yield line
            line = _INDENT
    if line.strip():
        yield line
