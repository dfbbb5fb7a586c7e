"""Asks the user for a secret, which the terminal does not show while they type."""

import getpass
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.console import terminal


def ask_secret(question: str) -> Secret | None:
    """Ask the `question` and return the answer, None without a terminal. Raises `ConfigError` for an empty answer.

    It blocks the thread, which must be the main one: in another, Ctrl-C would leave the terminal without echo.
    """
    if not (terminal.is_interactive() and sys.stderr is not None and sys.stderr.isatty()):
        return None  # getpass itself would open the terminal of the process that started this one, or echo
    try:
        with _interruptible():
            answer = Secret(getpass.getpass(f"mcp-auth-bridge: {question}: "))
    except EOFError:
        answer = Secret("")
    if not answer:
        raise ConfigError("nothing was typed", "run it again")
    return answer


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the question at once: asyncio's handler would wait for the loop, which waits for the answer."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
