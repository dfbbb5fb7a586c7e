"""What nobody catches is named by class and place: Python's own words for it hold its text, which may be a secret.

A traceback also quotes whatever the error quotes, and libraries log what they like. None of it reaches stderr.
"""

import logging
import sys
import threading
from asyncio import AbstractEventLoop
from typing import Any

from mcp_auth_bridge.errors import fault
from mcp_auth_bridge.shell.console import terminal


def name_only() -> None:
    """From now on, in this process."""
    logging.getLogger().addHandler(logging.NullHandler())  # else warnings of libraries go to stderr
    sys.excepthook = lambda _kind, error, _trace: _tell(error)
    threading.excepthook = lambda uncaught: _tell(uncaught.exc_value)
    sys.unraisablehook = lambda uncaught: _tell(uncaught.exc_value)


def in_loop(_: AbstractEventLoop, context: dict[str, Any]) -> None:  # Any: what asyncio puts there
    """An exception handler for a loop: whose result nobody took, or what a callback raised."""
    _tell(context.get("exception"))


def _tell(error: BaseException | None) -> None:
    if error is not None:
        terminal.complain(fault(error))
