"""Tells the user of a command that a server does not respond: without this notice, waiting looks like a hang."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_auth_bridge.shell.console import terminal

SECONDS = 5.0
"""Seconds of silence before the notice."""

_enabled = False

_awaited: set[str] = set()
"""The origins of which a notice is due: one is enough for requests that wait side by side."""


def enable() -> None:
    """Turn notices on for the rest of the process. `run` leaves them off: a client waits there, and not a user."""
    global _enabled  # noqa: PLW0603 - one process runs one command
    _enabled = True


def is_enabled() -> bool:
    """Whether a user waits."""
    return _enabled


@contextmanager
def announce_wait(origin: str) -> Iterator[None]:
    """Tell the user if the block, which waits for a response from `origin`, takes longer than `SECONDS`."""
    if not _enabled or origin in _awaited:
        yield
        return
    words = f"{origin} has not answered for {SECONDS:g} seconds; still waiting"
    timer = asyncio.get_running_loop().call_later(SECONDS, terminal.say, words)
    _awaited.add(origin)
    try:
        yield
    finally:
        _awaited.discard(origin)
        timer.cancel()
