"""The last act of this process: to become the program that a person named, with one more variable around it."""

import os
import signal
from collections.abc import Mapping

from mcp_auth_bridge.errors import ConfigError, reason
from mcp_auth_bridge.shell.process import core_dumps


def become(command: tuple[str, ...], environment: Mapping[str, str]) -> int:
    """Run `command`; its exit code, where the system cannot replace a process by another (Windows).

    Elsewhere this does not return: signals, terminal and exit code are the program's. Raises `ConfigError`.
    """
    try:
        if os.name == "nt":
            import subprocess

            return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - the person's own
        # Python ignores it for itself; a program that is started expects to end when nobody reads it.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        core_dumps.allow_again()
        os.execvpe(command[0], command, environment)  # noqa: S606 - as above
    except OSError as error:
        raise ConfigError(
            f"{command[0]} cannot be run: {reason(error)}", "after --exec stands a program with its arguments"
        ) from None
