"""The last line of a user's terminal, which moves while they wait: the time left, or the progress of several steps.

It is on stderr, only on a terminal with colours, and only while a person waits: `run` has none. Lines of the program
take its place while they are written. Where it is not shown, nothing is written instead.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mcp_auth_bridge.shell.console import silence_notice, terminal, text_layout

if TYPE_CHECKING:
    from mcp_auth_bridge.shell.console.rich_activity import Board

_board: "Board | None" = None
"""What is shown now."""


@contextmanager
def waiting(text: str, seconds: float) -> Iterator[None]:
    """Show `text` and how much of the `seconds` is left, while the block runs."""
    with _shown() as board:
        if board is None:
            yield
            return
        with board.countdown(text, seconds):
            yield


@contextmanager
def steps(text: str, count: int) -> Iterator[Callable[[], None]]:
    """Show `text` and how many of `count` steps are done, while the block runs. It calls the function after each."""
    with _shown() as board:
        if board is None:
            yield _nothing
            return
        with board.steps(text, count) as advance:
            yield advance


@contextmanager
def paused() -> Iterator[None]:
    """Show nothing while the block runs, because the user types there, or a line is written."""
    if _board is None:
        yield
        return
    with _board.paused():
        yield


def _nothing() -> None:
    """Advance nothing."""


@contextmanager
def _shown() -> Iterator["Board | None"]:
    """The board, which the outermost block opens and closes. None where there is nobody to see it."""
    global _board  # noqa: PLW0603 - one process has one terminal
    if _board is not None or not _is_seen():
        yield _board
        return
    from mcp_auth_bridge.shell.console.rich_activity import Board  # only a terminal needs it

    _board = Board(sys.stderr, text_layout.columns_for(sys.stderr))
    terminal.write_aside(paused)
    try:
        with _board.open():
            yield _board
    finally:
        _board = None


def _is_seen() -> bool:
    stderr = sys.stderr
    person = silence_notice.is_enabled() and not terminal.uses_json_lines()
    return person and stderr is not None and terminal.shows_colours(stderr)
