"""`mcp-auth-bridge login`: log in by hand. Takes the locks, checks whether another process has logged in, signs in."""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.server_lookup import find_bridge, unique_short_name
from mcp_auth_bridge.commands import next_step, server_choice
from mcp_auth_bridge.commands.login_plan import LoginManner, choose_grant
from mcp_auth_bridge.commands.login_summary import account_doubt, describe_scopes, describe_validity
from mcp_auth_bridge.commands.sign_in import sign_in
from mcp_auth_bridge.commands.stored_logins import readable_record, session_in
from mcp_auth_bridge.config.login import DeviceSettings, LoginSettings
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import ConfigError, UrlRefused, shell_quoted
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.secret import Literal, Secret, describe, parse_reference
from mcp_auth_bridge.shell.browser.desktop import remote_environment
from mcp_auth_bridge.shell.browser.login_window import PATIENCE
from mcp_auth_bridge.shell.browser.opener import open_url
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.lock import LockHeld
from mcp_auth_bridge.urls import Purpose, gate


class Input(msgspec.Struct, frozen=True):
    # The server, None to let the user choose one.
    server: ServerChoice | None
    # The command that opens URLs, () for the desktop's own, None to open none.
    browser: tuple[str, ...] | None = ()
    # Register the bridge anew instead of using an earlier registration.
    fresh: bool = False
    # Sign in on another device (RFC 8628).
    device: bool = False
    # The browser is on another machine: the user opens the URL there, and pastes the address where it ends.
    paste: bool = False
    # The issuers and origins that the user trusts in advance.
    trust: tuple[str, ...] = ()


async def run(given: Input, context: Context) -> int:
    choice = given.server or await server_choice.choose_server(context)
    if choice is None:
        return 0
    bridge = await log_in(given, choice, context)
    next_step.show_ide_entries([bridge], *(["--ipv4"] if choice.ipv4 else []))
    return 0


async def log_in(given: Input, choice: ServerChoice, context: Context) -> Bridge:
    """Log in to the server of that `choice`, and return the bridge to it. Raises any `BridgeError`."""
    bridge = await find_bridge(choice, context)
    check_can_log_in(bridge)
    bridge, headers = _take_headers(bridge, choice, context)
    store = await bridge.store_access.open_to_write()
    before = readable_record(store, bridge.record)
    async with AsyncExitStack() as locks:
        await _take_locks(locks, bridge)
        bridge.tabs.forget()
        record = readable_record(store, bridge.record)
        # Another process may have logged in while this one waited for the locks.
        session = session_in(record) if record != before else None
        session = session or await sign_in(bridge, store, record, _manner(given, bridge, headers))
    show_login(bridge, session)
    if short := unique_short_name(bridge.profile, context, store.keys()):
        terminal.say(f"commands also take its short name {short}: mcp-auth-bridge tools {shell_quoted(short)}")
    return bridge


def check_can_log_in(bridge: Bridge) -> None:
    """Raise `ConfigError` unless users log in to the server of `bridge`, and its store keeps the login."""
    if not isinstance(bridge.profile.auth, LoginSettings):
        where = "--auth" if bridge.profile.auth_argument else "its configuration"
        raise ConfigError(
            f"{bridge.profile.name} uses credentials from {where}: there is nothing to log in to",
            f"use it as it is: {bridge.command('tools')}",
        )
    bridge.store_access.check_keeps("a login")


def _take_headers(bridge: Bridge, choice: ServerChoice, context: Context) -> tuple[Bridge, Mapping[str, Secret] | None]:
    """A bridge without the headers of the command line, and these headers, which are stored with the login.

    A header that the configuration has too is not stored: later commands send the configured one. None for no headers.
    """
    own = {name.lower() for name in context.config.profile(bridge.profile.name).headers}
    for name in sorted(name for name in choice.headers if name.lower() in own):
        terminal.say(f"--header {name} is for this login alone: later commands send the one in {context.config.path}")
    headers = {name: Secret(value) for name, value in choice.headers.items() if name.lower() not in own}
    return bridge.without_headers(headers), headers or None


async def _take_locks(locks: AsyncExitStack, bridge: Bridge) -> None:
    """Wait for this login's turn: logins run one after the other, and a login on demand gives way."""
    try:
        await locks.enter_async_context(bridge.manual_login_lock(0))
    except LockHeld:  # perhaps in a window that the user has forgotten
        terminal.say(f"waiting for another login to {bridge.profile.name} to end")
        await locks.enter_async_context(bridge.manual_login_lock(PATIENCE + 60))
    await locks.enter_async_context(bridge.login_lock(PATIENCE + 60))


def _manner(given: Input, bridge: Bridge, headers: Mapping[str, Secret] | None) -> LoginManner:
    place = remote_environment(bridge.environ)
    device = given.device or isinstance(bridge.profile.auth, DeviceSettings)
    has_command = bool(given.browser or bridge.profile.browser_command)
    if place and not (has_command or given.paste or device):
        otherwise = "paste the address it ends up at, or use --device"
        if not terminal.is_interactive():
            otherwise = "use --paste or --device"
        terminal.say(
            f"this is {place}: the browser on your own computer may not be able to reach this machine;"
            f" if it can't, {otherwise}"
        )
    pasted = terminal.read_lines() if given.paste or (place and terminal.is_interactive()) else None
    open_it = partial(_open, None if given.paste else given.browser, bridge)
    return LoginManner(open_it, pasted, choose_grant(device=device), given.fresh, _trusted(given.trust), headers)


def _trusted(trust: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(gate(text, Purpose.ISSUER).resource for text in trust)
    except UrlRefused as refused:
        raise ConfigError("--trust takes the URL that the hint named", refused.hint) from None


def _open(browser: tuple[str, ...] | None, bridge: Bridge, url: str) -> bool:
    return browser is not None and open_url(url, browser or bridge.profile.browser_command)


def show_login(bridge: Bridge, session: Session) -> None:
    """Say which account has logged in, what it may do, how long it lasts and where it is stored."""
    terminal.say(f"signed in to {bridge.profile.name}{f' as {session.account}' if session.account else ''}")
    if words := account_doubt(session, bridge.account):
        terminal.say(words)
    terminal.say(describe_scopes(session))
    terminal.say(describe_validity(session, time.time()))
    terminal.say(f"stored in {bridge.store_access.describe()}")
    for name, value in session.headers.items():
        terminal.say(f"kept with the login: the header {name}, from {_describe_place(name, value)}")


def _describe_place(name: str, value: Secret) -> str:
    named = parse_reference(value.reveal(), f"the header {name}")
    return "the command line" if isinstance(named, Literal) else f"{describe(named)}, which later commands read again"
