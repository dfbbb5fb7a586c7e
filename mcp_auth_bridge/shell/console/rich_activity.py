"""Draws the last line of the terminal with `rich` (`activity.py`)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

from mcp_auth_bridge.errors import printable
from mcp_auth_bridge.shell.console.rich_view import console_for

_PER_SECOND = 8


class Board:
    """The lines that move, one for each thing that is under way, on the terminal behind `stream`.

    The cursor stays visible: a process that is killed could not bring it back.
    """

    def __init__(self, stream: TextIO, columns: int) -> None:
        self._progress = Progress(
            SpinnerColumn(style="cyan"),
            TextColumn("{task.description}", markup=False),
            _Left(),
            console=console_for(stream, columns, _CursorStays),
            transient=True,
            refresh_per_second=_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._pauses = 0

    @contextmanager
    def open(self) -> Iterator[None]:
        """Show the lines while the block runs."""
        self._progress.start()
        try:
            yield
        finally:
            self._progress.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Show no line while the block runs. Such blocks may be nested."""
        self._pauses += 1
        self._progress.stop()
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                self._progress.start()

    @contextmanager
    def countdown(self, text: str, seconds: float) -> Iterator[None]:
        """Show `text` and what is left of the `seconds`."""
        with self._line(text, None, seconds):
            yield

    @contextmanager
    def steps(self, text: str, count: int) -> Iterator[Callable[[], None]]:
        """Show `text` and how many of `count` steps are done; the function is called after each."""
        with self._line(text, count) as task:
            yield lambda: self._progress.advance(task)

    @contextmanager
    def _line(self, text: str, total: int | None, limit: float = 0) -> Iterator[TaskID]:
        task = self._progress.add_task(printable(text), total=total, limit=limit)
        try:
            yield task
        finally:
            self._progress.remove_task(task)


class _CursorStays(Console):
    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 - the signature is rich's
        return False


class _Left(ProgressColumn):
    """The time that is left, or how many steps are done."""

    def render(self, task: Task) -> Text:
        if task.total is not None:
            return Text(f"{task.completed:g} of {task.total:g}", "dim")
        left = max(0, round(task.fields["limit"] - (task.elapsed or 0)))
        return Text(f"{left // 60}:{left % 60:02d} left", "dim")
