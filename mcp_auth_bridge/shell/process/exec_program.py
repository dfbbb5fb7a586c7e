"""Replaces this process with the program that the user named (`token --exec`)."""

import os
import signal
from collections.abc import Mapping

from mcp_auth_bridge.errors import ConfigError, os_error_text
from mcp_auth_bridge.shell.process import core_dumps


def exec_program(command: tuple[str, ...], environment: Mapping[str, str]) -> int:
    """Replace this process with `command` in `environment`. Raises `ConfigError` if it cannot be run.

    It does not return: signals, terminal and exit code are the program's. Windows cannot replace a process, so there it
    runs the program and returns its exit code.
    """
    try:
        if os.name == "nt":
            import subprocess

            return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - the user's own
        # Python ignores this signal for itself; a program needs it, to end when its output is no longer read.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        core_dumps.allow_again()
        os.execvpe(command[0], command, environment)  # noqa: S606 - as above
    except OSError as error:
        raise ConfigError(
            f"{command[0]} cannot be run: {os_error_text(error)}", "write a program and its arguments after --exec"
        ) from None
