"""How a message is laid out on a terminal: within its width, what is copied on lines of its own and in one piece."""

import os
import re
import sys
from collections.abc import Iterator

_INDENT = "    "
_NARROWEST, _USUAL = 20, 80

# A command, or a line of TOML, stands at the end of a hint, after a colon; a URL anywhere.
_COMMAND = re.compile(r"(?<=: )(?:mcp-auth-bridge |store = |servers\.example\.url = ).*$")
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
    """Words fill lines, with the blanks that were between them; a long URL takes a line of its own."""
    line = first
    for blanks, word in re.findall(r"( *)(\S+)", text):
        alone = _URL.fullmatch(word) is not None and len(word) > columns // 2
        if line == _INDENT:  # a new line begins without those of the text
            line += word
        elif line.strip() and (alone or len(f"{line}{blanks}{word}") > columns):
            yield line.rstrip()
            line = f"{_INDENT}{word}"
        else:
            line += f"{blanks}{word}"
        if alone:
            yield line
            line = _INDENT
    if line.strip():
        yield line
