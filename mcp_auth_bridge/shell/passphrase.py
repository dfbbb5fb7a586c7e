"""A secret that a person types without seeing it."""

import getpass
import sys

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell import terminal


def typed(question: str) -> Secret | None:
    """The answer to `question`, None where nobody can be asked. Raises `ConfigError` where nothing is answered.

    It blocks the thread, and must be the main one: Ctrl-C in it ends the question, and getpass then makes the terminal
    show again what is typed. Another thread would be left behind with the terminal dark.
    """
    if not (terminal.is_interactive() and sys.stderr is not None and sys.stderr.isatty()):
        return None  # getpass itself would open the terminal of whoever started us, or echo
    try:
        answer = Secret(getpass.getpass(f"mcp-auth-bridge: {question}: "))
    except EOFError:
        answer = Secret("")
    if not answer:
        raise ConfigError("nothing was typed", "run it again")
    return answer
