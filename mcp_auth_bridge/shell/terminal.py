"""Every word to people: the rules of speech, as in age's `tui.go`.

What a person asked for goes to stdout (`status`); everything else goes to stderr, one line each, prefixed, lower case,
without a full stop. During `run`, stdout belongs to JSON-RPC and this module never writes there.
"""

import contextlib
import os
import select
import sys
from collections.abc import AsyncIterator
from typing import NoReturn

from mcp_auth_bridge.errors import BridgeError, printable, reason
from mcp_auth_bridge.shell.stderr import Stderr

_PREFIX = "mcp-auth-bridge: "

_stderr = Stderr()


def fill() -> None:
    """Open what was closed before the process began: its next file would be stdin, stdout or stderr otherwise."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def say(text: str) -> None:
    """One line about what is going on. A closed or stuck stderr is nobody's problem."""
    _stderr.write(f"{_PREFIX}{printable(text)}\n")


def print_url(url: str) -> None:
    """A URL on a line of its own, unwrapped, so that it can be copied."""
    _stderr.write(f"\n{printable(url)}\n\n")


def complain(error: BridgeError) -> None:
    """A failure: the sentence, then the hint."""
    say(error.message)
    if error.hint:
        say(f"hint: {error.hint}")


def answer(text: str) -> None:
    """What the person asked for, on stdout. Lines stay lines."""
    if sys.stdout is not None:  # it was closed before the process began
        sys.stdout.write("".join(f"{printable(line)}\n" for line in text.split("\n")))
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
            rest = rest[os.write(1, rest) :]
        except BlockingIOError:  # whoever started us shares a pipe with us that does not wait
            select.select([], [1], [])
        except BrokenPipeError:
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
    from mcp_auth_bridge.shell.stdio import chunks

    rest = b""
    async for chunk in chunks(0):
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line.decode(errors="replace")


async def piped() -> bytes:
    """All that stdin has, until its end."""
    from mcp_auth_bridge.shell.stdio import chunks

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
