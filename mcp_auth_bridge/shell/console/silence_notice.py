"""Tells the user of a command that a server is silent: without a word, waiting looks like a hang."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_auth_bridge.shell.console import terminal

SECONDS = 5.0

_told = False


def tell() -> None:
    """From now on. `run` says nothing: its client waits, and no person."""
    global _told  # noqa: PLW0603 - one process runs one command
    _told = True


@contextmanager
def watched(origin: str) -> Iterator[None]:
    """While an answer of `origin` is awaited in the block."""
    if not _told:
        yield
        return
    words = f"{origin} has not answered for {SECONDS:g} seconds; still waiting"
    timer = asyncio.get_running_loop().call_later(SECONDS, terminal.say, words)
    try:
        yield
    finally:
        timer.cancel()
