"""`mcp-auth-bridge demo`: show a login, a relay and a refresh on this machine.

The story is in `demo/`, which needs the extra `demo`.
"""

import os
import time

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.process.invocation import adding_command


class Input(msgspec.Struct, frozen=True):
    """With `unattended` the demo clicks Allow itself."""

    unattended: bool = False


async def run(given: Input, context: Context) -> int:  # noqa: ARG001 - every command has this shape; this one makes its own
    try:
        from mcp_auth_bridge.demo.story import tell_story
    except ModuleNotFoundError as missing:
        if "mcp_auth_bridge" in str(missing.name):
            raise
        raise ConfigError(
            f"the demo needs the package {missing.name}, which is not installed",
            f"run: {adding_command('demo')}",
        ) from None
    await tell_story(terminal.print_result, unattended=given.unattended, now=time.time, entropy=os.urandom)
    return 0
