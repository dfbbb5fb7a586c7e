"""Every word to people: the rules of speech, as in age's `tui.go`.

What a person asked for goes to stdout (`status`); everything else goes to stderr, one line each, prefixed, lower case,
without a full stop. During `run`, stdout belongs to JSON-RPC and this module never writes there.
"""

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from typing import NoReturn

from mcp_auth_bridge.errors import BridgeError, printable
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


async def lines() -> AsyncIterator[str]:
    """What the person types, line by line, until the end of stdin."""
    from mcp_auth_bridge.shell.stdio import chunks

    rest = b""
    async for chunk in chunks(0):
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line.decode(errors="replace")


def is_interactive() -> bool:
    """Whether a person can answer here."""
    return sys.stdin is not None and sys.stdin.isatty()


def leave(code: int) -> NoReturn:
    """End the process now. Threads that wait for a keyring or a name server must not hold it up."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or never open
            stream.flush()
    os._exit(code)
