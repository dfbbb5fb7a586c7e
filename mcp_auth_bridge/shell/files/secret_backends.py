"""The backends of secret references: programs, the OS keyring, and a clock to wait for a file that is replaced."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from functools import partial

from mcp_auth_bridge.credentials.secret_sources import LIMIT, SecretSources, once
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.process.threads import run_with_timeout
from mcp_auth_bridge.stores.keys import COMMAND_ENVIRONMENT

_KEYRING_TIMEOUT = 30.0
"""Seconds for an OS keyring that may be showing an unlock dialog."""

_KEY_TIMEOUT = 10.0
"""Seconds for a password manager: the process that waits for the sealing key gives up after 30."""


def secret_sources(environ: Mapping[str, str], passed: Sequence[str]) -> SecretSources:
    """Sources that read variables from `environ`, run commands and ask the OS keyring.

    Commands get the variables by which programs find their agents and data, and those named in `passed`.
    """
    environment = _command_environment(environ, passed)

    async def run(argv: Sequence[str]) -> bytes:
        from mcp_auth_bridge.shell.process.run_command import capture_output  # most bridges run no command

        return await capture_output(argv, environment, LIMIT)

    return SecretSources(environ, run, _read_keyring, asyncio.sleep)


def sources_of_a_look(environ: Mapping[str, str], passed: Sequence[str], timeout: float) -> SecretSources:
    """As `secret_sources`, for one look at all secrets: each command runs once, and each entry is read once.

    A locked keyring fails rather than ask the user. Each command and the keyring have `timeout` seconds.
    """
    environment = _command_environment(environ, passed)

    async def run(argv: Sequence[str]) -> bytes:
        from mcp_auth_bridge.shell.process.run_command import capture_output  # as above

        return await capture_output(argv, environment, LIMIT, timeout)

    async def entry(name: str) -> str | None:
        from mcp_auth_bridge.stores.os_keyring import look_entry  # as in _read_keyring

        return await run_with_timeout(lambda: look_entry(name), timeout)

    return SecretSources(environ, once(run), once(entry), asyncio.sleep)


def read_key_command(argv: Sequence[str]) -> bytes:
    """Run `argv`, the command of the sealing key, and return its output. Raises `CredentialMissing`.

    It must run in a thread without an event loop, as the one in which keys are fetched.
    """
    from mcp_auth_bridge.shell.process.run_command import capture_output  # as above

    return asyncio.run(capture_output(argv, _command_environment(os.environ, ()), LIMIT, _KEY_TIMEOUT))


def _command_environment(environ: Mapping[str, str], passed: Sequence[str]) -> Mapping[str, str]:
    names = COMMAND_ENVIRONMENT | {name.upper() for name in passed}
    return {name: value for name, value in environ.items() if name.upper() in names}


async def put_in_keyring(name: str, secret: Secret) -> None:
    """Put `secret` into the OS keyring as `name`. Raises `StoreError`."""
    from mcp_auth_bridge.stores.os_keyring import save_entry  # as in _read_keyring

    await run_with_timeout(lambda: save_entry(name, secret.reveal()), _KEYRING_TIMEOUT)


async def forget_in_keyring(names: Sequence[str], *, sealing_key: bool) -> None:
    """Delete the secrets `names` from the OS keyring, and the `sealing_key` with them. Raises `StoreError`."""
    from mcp_auth_bridge.stores.os_keyring import USER, delete_entry  # as in _read_keyring

    for name in (*names, *([USER] if sealing_key else [])):
        await run_with_timeout(partial(delete_entry, name), _KEYRING_TIMEOUT)


async def _read_keyring(name: str) -> str | None:
    from mcp_auth_bridge.stores.os_keyring import load_entry  # most bridges need none

    return await run_with_timeout(lambda: load_entry(name), _KEYRING_TIMEOUT)
