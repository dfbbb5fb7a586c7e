"""Relay between an MCP client on stdio and a remote server, until the client ends its stream."""

import asyncio
import contextlib
import os
import signal
from functools import partial

import msgspec

from mcp_auth_bridge import __version__
from mcp_auth_bridge.app import relay_stack
from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.machine_plan import grant_name
from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.commands.on_demand import sign_in_on_demand
from mcp_auth_bridge.config.auth import static
from mcp_auth_bridge.config.machine import MachineSettings
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import BridgeError, typed
from mcp_auth_bridge.relay.base import Relay
from mcp_auth_bridge.shell.console import stdio, terminal
from mcp_auth_bridge.shell.process import parent_watch
from mcp_auth_bridge.shell.run_relay import RelayRunner

_FAREWELL = 0.06
"""Seconds for ending the remote session: Claude Code kills what is still there 100 ms after its signal."""

_ROTATION = 1.5
"""Seconds for a refresh whose answer is on its way: the old token is spent, and only this process hears of the new one.
Hosts that end us by the book wait two seconds before they use force.
"""


class Input(msgspec.Struct, frozen=True):
    """`incoming` and `outgoing` are the file descriptors that `stdio.claim` took.

    `parent` is the process that started this one, 0 if its end is nothing to wait for. `headless`: no person is there.
    """

    server: ServerChoice
    incoming: int
    outgoing: int
    parent: int = 0
    headless: bool = False


async def run(given: Input, context: Context) -> int:
    bridge = await find_bridge(given.server, context)
    if not given.headless:
        _announce(bridge, given)
        await _relay(relay_stack.relay(bridge.profile, bridge.server_cache.load()), bridge, given)
        return 0
    await bridge.secrets.check_present()
    unattended = relay_stack.unattended(bridge.profile, bridge.server_cache.load())
    await _relay(unattended, bridge, given)
    return unattended.exit_code


def _announce(bridge: Bridge, given: Input) -> None:
    """The one line that every log begins with, and what a person hears who has typed the command of an IDE."""
    name, url = bridge.profile.name, str(bridge.profile.url)
    server = url if name == url else f"{name} ({url})"
    terminal.say(f"version {__version__} relays to {server} with {_describe_credentials(bridge)}")
    if os.isatty(given.incoming):
        terminal.say(f"an MCP client is awaited on stdin; to see the tools, run: mcp-auth-bridge tools {typed(name)}")


def _describe_credentials(bridge: Bridge) -> str:
    auth = bridge.profile.auth
    if isinstance(auth, MachineSettings):
        return f"tokens obtained by {grant_name(auth)}"
    return static(auth) or "the login that is kept for it, if there is one"


async def _relay(relayed: Relay, bridge: Bridge, given: Input) -> None:
    writer = stdio.StdoutWriter(given.outgoing)
    performer = RelayRunner(
        relayed, bridge.remote, writer, bridge.server_cache.save, partial(sign_in_on_demand, bridge)
    )
    relaying = asyncio.ensure_future(performer.run(stdio.chunks(given.incoming)))
    _end_on_signals(relaying)
    parent_watch.watch(given.parent, relaying.cancel)
    with contextlib.suppress(asyncio.CancelledError):  # a signal: the same as the end of the stream
        await relaying
    with contextlib.suppress(TimeoutError, BridgeError):  # the session ends with or without its server's consent
        async with asyncio.timeout(_FAREWELL):
            await bridge.remote.close()
    with contextlib.suppress(TimeoutError):  # the store knows that an answer is missing: credentials/refresh_policy.py
        async with asyncio.timeout(_ROTATION):
            await bridge.settle()
    await bridge.pool.aclose()


def _end_on_signals(relaying: asyncio.Future[None]) -> None:
    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        # Windows has neither these handlers nor SIGHUP.
        with contextlib.suppress(NotImplementedError, AttributeError):
            loop.add_signal_handler(getattr(signal, name), relaying.cancel)
