"""The world behind secret references: programs, the OS keyring, and a little patience with files."""

import asyncio
import os
from collections.abc import Mapping, Sequence

from mcp_auth_bridge.credentials.secret_sources import LIMIT, SecretSources
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.process.threads import in_daemon_thread
from mcp_auth_bridge.stores.keys import COMMAND_ENVIRONMENT

_KEYRING_TIMEOUT = 30.0
"""Seconds for an OS keyring that may be showing an unlock dialog."""

_KEY_TIMEOUT = 10.0
"""Seconds for a password manager: whoever waits for the sealing key waits for a login, and gives up after 30."""


def sources(environ: Mapping[str, str], passed: Sequence[str]) -> SecretSources:
    """Commands get what programs need to find their agents and their data, and the variables that are `passed`."""
    environment = _allowed(environ, passed)

    async def run(argv: Sequence[str]) -> bytes:
        from mcp_auth_bridge.shell.process.run_command import output  # most starts run none

        return await output(argv, environment, LIMIT)

    return SecretSources(environ, run, _entry, asyncio.sleep)


def key_from(argv: Sequence[str]) -> bytes:
    """What the command of the sealing key prints. For a thread without an event loop: keys are fetched in one."""
    from mcp_auth_bridge.shell.process.run_command import output  # as above

    return asyncio.run(output(argv, _allowed(os.environ, ()), LIMIT, _KEY_TIMEOUT))


def _allowed(environ: Mapping[str, str], passed: Sequence[str]) -> Mapping[str, str]:
    names = COMMAND_ENVIRONMENT | {name.upper() for name in passed}
    return {name: value for name, value in environ.items() if name.upper() in names}


async def keep(name: str, secret: Secret) -> None:
    """Put `secret` into the OS keyring as `name`. Raises `StoreError`."""
    from mcp_auth_bridge.stores.os_keyring import put  # as in _entry

    await in_daemon_thread(lambda: put(name, secret.reveal()), _KEYRING_TIMEOUT)


async def _entry(name: str) -> str | None:
    from mcp_auth_bridge.stores.os_keyring import entry  # 65 to 90 ms, and most starts ask no keyring

    return await in_daemon_thread(lambda: entry(name), _KEYRING_TIMEOUT)
