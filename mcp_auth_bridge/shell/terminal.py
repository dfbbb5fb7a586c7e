"""Every word to people: the rules of speech, as in age's `tui.go`.

What a person asked for goes to stdout (`status`); everything else goes to stderr, one line each, prefixed, lower case,
without a full stop. During `run`, stdout belongs to JSON-RPC and this module never writes there.
"""

import contextlib
import os
import sys
from typing import NoReturn

from mcp_auth_bridge.errors import BridgeError

_PREFIX = "mcp-auth-bridge: "


def say(text: str) -> None:
    """One line about what is going on. A closed or stuck stderr is nobody's problem."""
    _write(f"{_PREFIX}{text}\n")


def print_url(url: str) -> None:
    """A URL on a line of its own, unwrapped, so that it can be copied."""
    _write(f"\n{url}\n\n")


def complain(error: BridgeError) -> None:
    """A failure: the sentence, then the hint."""
    say(error.message)
    if error.hint:
        say(f"hint: {error.hint}")


def answer(text: str) -> None:
    """What the person asked for, on stdout."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def leave(code: int) -> NoReturn:
    """End the process now. Threads that wait for a keyring or a name server must not hold it up."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _write(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # the host has closed its end; there is nobody left to tell
        sys.stderr.write(text)
        sys.stderr.flush()
