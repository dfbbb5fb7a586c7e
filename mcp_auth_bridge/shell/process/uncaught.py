"""Reports uncaught exceptions by class and place only: Python's own report holds their text, which may be a secret.

A traceback also quotes lines and values, and libraries log what they like. None of it reaches stderr.
"""

import logging
import sys
import threading
from asyncio import AbstractEventLoop
from typing import Any

from mcp_auth_bridge.shell.console import terminal


def install_hooks() -> None:
    """Install the hooks of this process for exceptions in the main thread, in other threads and in destructors."""
    logging.getLogger().addHandler(logging.NullHandler())  # else warnings of libraries go to stderr
    sys.excepthook = lambda _kind, error, _trace: _report(error)
    threading.excepthook = lambda uncaught: _report(uncaught.exc_value)
    sys.unraisablehook = lambda uncaught: _report(uncaught.exc_value)


def report_in_loop(_: AbstractEventLoop, context: dict[str, Any]) -> None:  # Any: what asyncio puts there
    """The exception handler of a loop, for a failed task that is never awaited and for a callback that raises."""
    _report(context.get("exception"))


def _report(error: BaseException | None) -> None:
    if error is not None:
        terminal.report_fault(error)
