"""The format of the log file: the lines of `JsonLines`, fit to be attached to a report.

A log file has every message and every error that goes to stderr, and events (`debug_log.py`): the marked ones at the
level info, and with `--debug` all others at the level debug. It has no URL that a user is to open, because that is good
for a login; and every text is clean (`log_text.py`), because stderr repeats the user's own URL, which may hold a key.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import msgspec

from mcp_auth_bridge.shell.console.line_format import DroppedLine, JsonLines, Scalar, clock, decode_lines
from mcp_auth_bridge.shell.console.log_file import LogFile
from mcp_auth_bridge.shell.console.log_folder import LogFiles
from mcp_auth_bridge.shell.console.log_text import clean

_LONGEST = 1000  # characters of a message or a hint

_FAREWELL = 0.05
"""Seconds at the end of the process for lines that are not written yet: Claude Code kills a server 100 ms after its
signal, and other work comes before this.
"""


class LogLines(JsonLines):
    """The lines of a log file in `folder`, which is made with the first of them."""

    def __init__(self, folder: Path) -> None:
        self._file: LogFile
        super().__init__(partial(self._open, LogFiles(folder)))

    def _open(self, files: LogFiles, dropped_line: DroppedLine) -> LogFile:
        self._file = LogFile(files, dropped_line)
        return self._file

    def write_url(self, url: str) -> None:  # noqa: ARG002 - it is good for a login
        self._write("info", {"message": "the address of a login was shown"})

    def log_event(self, level: str, name: str, fields: Mapping[str, Scalar]) -> None:
        """Write one event at `level`."""
        self._write(level, {"event": name, **fields})

    def pass_on(self, lines: str) -> None:
        for line in decode_lines(lines):
            if isinstance(line, str):
                self.write_message(line)
            else:
                self._file.write(_encoded({**_cleaned(line), **self._server}))

    def close(self) -> None:
        """Wait a moment for the lines that are not written yet."""
        self._file.flush(_FAREWELL)

    def _missing(self, count: int) -> str:
        return f"{count} lines are missing here, because they could not be written"

    def _line(self, level: str, members: Mapping[str, object]) -> str:
        return _encoded({"time": clock("%Y-%m-%dT%H:%M:%S"), "level": level, **self._server, **_cleaned(members)})


def _encoded(document: Mapping[str, object]) -> str:
    return msgspec.json.encode(document).decode() + "\n"  # msgspec is loaded anyway, unlike json


def _cleaned(members: Mapping[str, object]) -> dict[str, object]:
    return {name: _clean(value) for name, value in members.items()}


def _clean(value: object) -> object:
    """`value`, which is JSON, with each text in it clean."""
    match value:
        case str():  # msgspec refuses a lone surrogate, which a file's name may hold
            return clean(value, _LONGEST).encode(errors="replace").decode()
        case dict():
            return _cleaned(value)
        case list() | tuple():
            return [_clean(member) for member in value]
    return value
