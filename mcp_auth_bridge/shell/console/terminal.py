"""Every word to people: the rules of speech, as in age's `tui.go`.

What a person asked for goes to stdout (`status`); everything else goes to stderr, lower case, without a full stop: one
line each in a log, within the width of a terminal (voice.py: in which form). During `run`, stdout belongs to JSON-RPC
and this module never writes there.
"""

import contextlib
import os
import select
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import NoReturn

from mcp_auth_bridge.errors import BridgeError, printable, reason
from mcp_auth_bridge.shell.console.line_format import JsonLines, LineFormat, Scalar, TextLines

_voice: LineFormat = TextLines()


def fill() -> None:
    """Open what was closed before the process began: its next file would be stdin, stdout or stderr otherwise."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def speak_json() -> None:
    """From now on each line on stderr is one JSON object."""
    global _voice  # noqa: PLW0603 - one process has one stderr, and one decision about it
    _voice = JsonLines()


def about(server: str) -> None:
    """All that is said from now on is about the server of that name, "" for none."""
    _voice.about(server)


def say(text: str) -> None:
    """One line about what is going on. A closed or stuck stderr is nobody's problem."""
    _voice.note(text)


def print_url(url: str) -> None:
    """A URL that a person is to open."""
    _voice.url(url)


def complain(error: BridgeError) -> None:
    """A failure: the sentence, then the hint."""
    _voice.failure(error)


def pass_on(lines: str) -> None:
    """Lines that another process of ours has said, in the same form."""
    if lines:
        _voice.pass_on(lines)


def speaks_json() -> bool:
    """Whether each line on stderr is one JSON object."""
    return isinstance(_voice, JsonLines)


def record(name: str, fields: Mapping[str, Scalar]) -> None:
    """One event of the debug log."""
    _voice.event(name, fields)


def answer(text: str) -> None:
    """What the person asked for, on stdout. Lines stay lines. Raises as `hand_over`."""
    if sys.stdout is None:  # it was closed before the process began
        return
    shown = "".join(f"{printable(line)}\n" for line in text.split("\n"))
    # A program reads the same letters in every locale; what a terminal has no letter for is a question mark there.
    encoding = sys.stdout.encoding if shows_answers() else "utf-8"
    with _writing():
        sys.stdout.buffer.write(shown.encode(encoding, "replace"))
        sys.stdout.flush()


def hand_over(data: bytes) -> None:
    """What was asked for, on stdout: byte for byte to a program, as an `answer` where a person reads it.

    Raises `BrokenPipeError` when the reader has seen enough, `BridgeError` when nothing more can be written.
    """
    if shows_answers():
        answer(data.decode(errors="replace").removesuffix("\n"))
        return
    rest = memoryview(data)
    while rest:
        try:
            with _writing():
                rest = rest[os.write(1, rest) :]
        except BlockingIOError:  # whoever started us shares a pipe with us that does not wait
            select.select([], [1], [])


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except (BrokenPipeError, BlockingIOError):
        raise
    except OSError as error:
        raise BridgeError(f"the answer could not be written: {reason(error)}") from None


def shows_answers() -> bool:
    """Whether stdout is a terminal: what goes there is read by a person."""
    return sys.stdout is not None and sys.stdout.isatty()


def shows_progress() -> bool:
    """Whether stderr is a terminal, so that somebody may be watching."""
    return sys.stderr is not None and sys.stderr.isatty()


async def lines() -> AsyncIterator[str]:
    """What the person types, line by line, until the end of stdin."""
    from mcp_auth_bridge.shell.console.stdio import chunks

    rest = b""
    async for chunk in chunks(0):
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line.decode(errors="replace")


async def piped() -> bytes:
    """All that stdin has, until its end."""
    from mcp_auth_bridge.shell.console.stdio import chunks

    return b"".join([chunk async for chunk in chunks(0)])


def is_interactive() -> bool:
    """Whether a person can answer here."""
    return sys.stdin is not None and sys.stdin.isatty()


def leave(code: int) -> NoReturn:
    """End the process now. Threads that wait for a keyring or a name server must not hold it up."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or never open
            stream.flush()
    os._exit(code)
