"""Everything that the bridge tells the user, and what it reads from them: the rules of speech, as in age's `tui.go`.

The result that the user asked for goes to stdout (`status`). Everything else goes to stderr, in lower case and without
a full stop: one line each in a log, within the width on a terminal (`line_format.py`). During `run`, stdout belongs to
JSON-RPC and this module never writes there; all that goes to stderr then also goes to a log file (`log_lines.py`),
because many hosts show stderr to no one.
"""

import contextlib
import os
import select
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NoReturn, TextIO

from mcp_auth_bridge.errors import BridgeError, internal_error, os_error_text, printable
from mcp_auth_bridge.shell.console import text_layout
from mcp_auth_bridge.shell.console.line_format import JsonLines, LineFormat, Scalar, TextLines

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_auth_bridge.shell.console.log_lines import LogLines
    from mcp_auth_bridge.shell.console.view import View

_format: LineFormat = TextLines()
_log: "LogLines | None" = None
_doctor = ""
"""The command that examines the server which the lines are about, "" for no server."""
_aside: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
"""Takes what moves on the terminal aside while a line is written (`activity.py`)."""


def open_standard_streams() -> None:
    """Open those of stdin, stdout and stderr that were closed before the process began.

    Otherwise the next file that the process opens would take the place of one.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def use_json_lines() -> None:
    """Write each later line on stderr as one JSON object."""
    global _format  # noqa: PLW0603 - one process has one stderr, and one decision about it
    _format = JsonLines()


def write_aside(aside: Callable[[], AbstractContextManager[None]]) -> None:
    """Write each later line within the context that `aside` makes."""
    global _aside  # noqa: PLW0603 - as above
    _aside = aside


def keep_log(folder: "Path") -> None:
    """Write each later line to a log file in `folder`, too. Where that cannot be written, it changes nothing."""
    from mcp_auth_bridge.shell.console.log_lines import LogLines  # only `run` keeps a log

    global _log  # noqa: PLW0603 - as above
    _log = LogLines(folder)


def _outputs() -> tuple[LineFormat, ...]:
    return (_format,) if _log is None else (_format, _log)


def set_server(server: str, doctor: str = "") -> None:
    """Say that all later lines are about the server of that name, "" for no server. `doctor` is the command for it."""
    global _doctor  # noqa: PLW0603 - as above
    _doctor = doctor
    for output in _outputs():
        output.set_server(server)


def say(text: str) -> None:
    """Write one line about what is going on. If stderr is closed or full, it is dropped."""
    with _aside():
        for output in _outputs():
            output.write_message(text)


def print_url(url: str) -> None:
    """Write a URL that the user is to open."""
    with _aside():
        for output in _outputs():
            output.write_url(url)


def complete_hint(error: BridgeError) -> BridgeError:
    """Let the hint of `error` end with the command that finds its cause, if that is unclear. Returns `error`."""
    if _doctor:
        error.refer_to(_doctor)
    return error


def report_error(error: BridgeError) -> None:
    """Write the message of `error`, then its hint."""
    complete_hint(error)
    with _aside():
        for output in _outputs():
            output.write_error(error)


def report_fault(bug: BaseException) -> BridgeError:
    """Write an unexpected exception as a fault of the bridge, by class and place only. Returns it as that error."""
    error = internal_error(bug)
    report_error(error)
    return error


def pass_on(lines: str) -> None:
    """Write `lines` that another process of the bridge has written as JSON objects."""
    if lines:
        with _aside():
            for output in _outputs():
                output.pass_on(lines)


def uses_json_lines() -> bool:
    """Whether each line on stderr is one JSON object."""
    return isinstance(_format, JsonLines)


def write_event(name: str, fields: Mapping[str, Scalar]) -> None:
    """Write one event of the debug log to stderr."""
    with _aside():
        _format.write_event(name, fields)


def log_event(level: str, name: str, fields: Mapping[str, Scalar]) -> None:
    """Write one event to the log file, if there is one."""
    if _log is not None:
        _log.log_event(level, name, fields)


def print_result(text: str) -> None:
    """Write the result that the user asked for to stdout. Its lines stay lines.

    Raises `BrokenPipeError` when the reader has closed its end, `BridgeError` when nothing more can be written.
    """
    _write_shown("".join(f"{printable(line)}\n" for line in text.split("\n")))


def print_view(view: "View", text: str) -> None:
    """Write the result to stdout: `view` if that is a terminal with colours, else `text`, as `print_result` does."""
    drawn = None
    if sys.stdout is not None and shows_colours(sys.stdout):
        from mcp_auth_bridge.shell.console import rich_view  # only a terminal needs it

        drawn = rich_view.draw(view, sys.stdout, stdout_width())
    if drawn is None:
        print_result(text)
    else:
        _write_shown(drawn)


def shows_colours(stream: TextIO) -> bool:
    """Whether `stream` is a terminal with colours, and its user wants them (no-color.org)."""
    return stream.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def _write_shown(shown: str) -> None:
    if sys.stdout is None:  # it was closed before the process began
        return
    # A program reads the same letters in every locale; a terminal shows a question mark for a letter that it lacks.
    encoding = sys.stdout.encoding if stdout_is_terminal() else "utf-8"
    with _aside(), _translating_errors():
        sys.stdout.buffer.write(shown.encode(encoding, "replace"))
        sys.stdout.flush()


def write_result(data: bytes) -> None:
    """Write the result `data` to stdout: byte for byte to a program, and made printable on a terminal.

    Raises `BrokenPipeError` when the reader has closed its end, `BridgeError` when nothing more can be written.
    """
    if stdout_is_terminal():
        print_result(data.decode(errors="replace").removesuffix("\n"))
        return
    rest = memoryview(data)
    while rest:
        try:
            with _translating_errors():
                rest = rest[os.write(1, rest) :]
        except BlockingIOError:  # the process that started this one has made their pipe non-blocking
            select.select([], [1], [])


@contextlib.contextmanager
def _translating_errors() -> Iterator[None]:
    try:
        yield
    except (BrokenPipeError, BlockingIOError):
        raise
    except OSError as error:
        raise BridgeError(f"the answer could not be written: {os_error_text(error)}") from None


def stdout_is_terminal() -> bool:
    """Whether stdout is a terminal, so that the user reads what is written there."""
    return sys.stdout is not None and sys.stdout.isatty()


def stdout_width() -> int:
    """Columns of the terminal that stdout is, 0 if it is not a terminal."""
    return text_layout.stream_width(sys.stdout)


def stderr_is_terminal() -> bool:
    """Whether stderr is a terminal, so that the user may be watching."""
    return sys.stderr is not None and sys.stderr.isatty()


async def read_lines() -> AsyncIterator[str]:
    """Read what the user types, line by line, until the end of stdin."""
    from mcp_auth_bridge.shell.console.stdin import chunks

    rest = b""
    async for chunk in chunks(0):
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line.decode(errors="replace")


async def read_stdin() -> bytes:
    """Read stdin until its end."""
    from mcp_auth_bridge.shell.console.stdin import chunks

    return b"".join([chunk async for chunk in chunks(0)])


def is_interactive() -> bool:
    """Whether stdin is a terminal, so that the user can answer a question."""
    return sys.stdin is not None and sys.stdin.isatty()


def exit_now(code: int) -> NoReturn:
    """End the process now, without waiting for threads that wait for a keyring or a name server."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or never open
            stream.flush()
    if _log is not None:
        _log.close()
    os._exit(code)
