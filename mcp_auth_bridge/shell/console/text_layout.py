"""The layout of a message on a terminal: it stays within the width, but a command or URL to copy is never wrapped."""

import os
import re
import sys
from collections.abc import Iterator
from typing import TextIO

_INDENT = "    "
_NARROWEST, _USUAL = 20, 80  # columns

# A command, or a line of TOML, comes at the end of a hint, after a colon; a URL may be anywhere.
_COMMAND = r"(?<=: )(?:mcp-auth-bridge |store = |servers\.example\.url = ).*$"
_URL = r"\S*[a-z][a-z0-9+.-]*://\S+"


def terminal_width() -> int:
    """Columns of the terminal that stderr is, 0 if it is not a terminal."""
    return stream_width(sys.stderr)


def stream_width(stream: TextIO | None) -> int:
    """Columns of the terminal that `stream` is, 0 if it is not a terminal or was closed before the process began."""
    return 0 if stream is None or not stream.isatty() else columns_for(stream)


def columns_for(stream: TextIO | None) -> int:
    """Columns for text on `stream`: as COLUMNS says, else those of the terminal that it is, else 80."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return (stream is not None and os.get_terminal_size(stream.fileno()).columns) or _USUAL
    except (ValueError, OSError):
        return _USUAL


def wrap_lines(text: str, columns: int, first: str = "", indent: str = _INDENT) -> Iterator[str]:
    """Wrap `text` into lines of `columns`, with `first` before the first one and the blanks `indent` before the others.

    A command at its end and a long URL get lines of their own, longer than `columns` if need be.
    """
    sentence, command = split_command(text)
    whole = f"{first}{sentence}"
    if len(whole) <= columns:
        yield whole
    else:
        yield from _wrap(sentence, max(columns, _NARROWEST), first, indent)
    if command:
        yield f"{indent}{command}"


def split_command(text: str) -> tuple[str, str]:
    """`text` without the command at its end, and that command, "" if it ends without one."""
    found = re.search(_COMMAND, text)
    return (text[: found.start()].rstrip(), found[0]) if found else (text, "")


def _wrap(text: str, columns: int, first: str, indent: str) -> Iterator[str]:
    """Fill lines with words and the blanks between them; a long URL takes a line of its own."""
    line = first
    for blanks, word in re.findall(r"( *)(\S+)", text):
        alone = re.fullmatch(_URL, word) is not None and len(word) > columns // 2
        if line == indent or (line == first and len(first) <= len(indent)):  # another line would have no more room
            line += word
        elif line.strip() and (alone or len(f"{line}{blanks}{word}") > columns):
            yield line.rstrip()
            line = f"{indent}{word}"
        else:
            line += f"{blanks}{word}"
        if alone:
            yield line
            line = indent
    if line.strip():
        yield line
