"""`mcp-auth-bridge run`: relay between an MCP client on stdio and a remote server, until the client closes stdin."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from functools import partial

import msgspec

from mcp_auth_bridge import __version__
from mcp_auth_bridge.app import relay_stack
from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.config.auth import describe_static
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import BridgeError, shell_quoted
from mcp_auth_bridge.relay.base import Relay
from mcp_auth_bridge.shell.console import debug_log, terminal
from mcp_auth_bridge.shell.console.stdin import Incoming
from mcp_auth_bridge.shell.console.stdout import StdoutWriter
from mcp_auth_bridge.shell.process import parent_watch
from mcp_auth_bridge.shell.run_relay import Announce, RelayRunner

_FAREWELL = 0.06
"""Seconds for ending the remote session: Claude Code kills a server 100 ms after its signal."""

_REFRESH = 1.5
"""Seconds to wait for the response to a refresh: the old token is spent, and only this process receives the new one.
Clients that follow the specification wait two seconds before they kill a server.
"""


class Input(msgspec.Struct, frozen=True):
    # The server, as the command line names it.
    server: ServerChoice
    # The file descriptor to read the client's messages from (`stdio.claim`).
    incoming: int
    # The file descriptor to write messages to the client (`stdio.claim`).
    outgoing: int
    # The id of the process that started this one: the relay ends with it. 0 for none.
    parent: int = 0
    # Run without a person.
    headless: bool = False


async def run(given: Input, context: Context) -> int:
    bridge = await find_bridge(given.server, context)
    _log_settings(bridge, context)
    if not given.headless:
        _announce(bridge, given)
        await _run_relay(relay_stack.build_relay(bridge.profile, bridge.server_cache.load()), bridge, given)
        return 0
    await bridge.secrets.check_present()
    headless = relay_stack.build_headless_relay(bridge.profile, bridge.server_cache.load())
    await _run_relay(headless, bridge, given)
    return headless.exit_code


def _log_settings(bridge: Bridge, context: Context) -> None:
    profile = bridge.profile
    debug_log.event(
        "relay.starts",
        profile=profile.name,
        url=profile.url.resource,
        auth=type(profile.auth).__name__,
        store=str(profile.store.__struct_config__.tag),
        config=str(context.config.path),
    )


def _announce(bridge: Bridge, given: Input) -> None:
    """Begin the log with the server and its credentials. Add a hint for a user who typed this command in a terminal."""
    name, url = bridge.profile.name, str(bridge.profile.url)
    server = url if name == url else f"{name} ({url})"
    # Roo Code shows a healthy server's line as its error, unless INFO stands in it.
    level = "" if terminal.uses_json_lines() or terminal.stderr_is_terminal() else "INFO "
    terminal.say(f"{level}version {__version__} relays to {server} with {_describe_credentials(bridge)}")
    if os.isatty(given.incoming):
        terminal.say(
            f"waiting for an MCP client on stdin; to see the tools, run: mcp-auth-bridge tools {shell_quoted(name)}"
        )


def _describe_credentials(bridge: Bridge) -> str:
    auth = bridge.profile.auth
    if isinstance(auth, MachineSettings):
        from mcp_auth_bridge.app.machine_plan import grant_name  # most credentials are a person's

        return f"tokens obtained by {grant_name(auth)}"
    return describe_static(auth) or "its stored login, if there is one"


async def _run_relay(relay: Relay, bridge: Bridge, given: Input) -> None:
    writer = StdoutWriter(given.outgoing)
    runner = RelayRunner(relay, bridge.remote, writer, bridge.server_cache.save, partial(_sign_in, bridge))
    relaying = asyncio.ensure_future(runner.run(Incoming(given.incoming)))
    with _ended_by_signals(relaying):
        parent_watch.watch(given.parent, relaying.cancel)
        with contextlib.suppress(asyncio.CancelledError):  # a signal ends the relay as the end of stdin does
            await relaying
        with contextlib.suppress(TimeoutError, BridgeError):  # the process ends even if the server does not answer
            async with asyncio.timeout(_FAREWELL):
                await bridge.remote.close()
        with contextlib.suppress(TimeoutError):  # the record says that a refresh is open: credentials/refresh_policy.py
            async with asyncio.timeout(_REFRESH):
                await bridge.settle()
        await bridge.pool.aclose()


async def _sign_in(bridge: Bridge, announce: Announce) -> None:
    from mcp_auth_bridge.commands.on_demand import sign_in_on_demand  # most runs find a login in the store

    await sign_in_on_demand(bridge, announce)


@contextlib.contextmanager
def _ended_by_signals(relaying: asyncio.Future[None]) -> Iterator[None]:
    """Cancel `relaying` at a signal; later signals change nothing.

    The loop's own `add_signal_handler` would import `inspect`, and does not exist on Windows.
    """
    loop = asyncio.get_running_loop()

    def end(*_: object) -> None:
        loop.call_soon_threadsafe(relaying.cancel)  # it wakes the loop

    names = ("SIGINT", "SIGTERM", "SIGHUP")
    before = {name: signal.signal(getattr(signal, name), end) for name in names if hasattr(signal, name)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
