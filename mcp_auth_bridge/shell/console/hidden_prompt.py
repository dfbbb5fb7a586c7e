"""A secret that a person types without seeing it."""

import getpass
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.console import terminal


def typed(question: str) -> Secret | None:
    """The answer to `question`, None where nobody can be asked. Raises `ConfigError` where nothing is answered.

    It blocks the thread, which must be the main one: in another, Ctrl-C would leave the terminal dark.
    """
    if not (terminal.is_interactive() and sys.stderr is not None and sys.stderr.isatty()):
        return None  # getpass itself would open the terminal of whoever started us, or echo
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
    """Ctrl-C ends the question at once: asyncio's own handler would wait for a loop that waits for the answer."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
