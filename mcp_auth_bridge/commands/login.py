"""Log a person in, because they said so: the lock, one look at what another process may have done, and the story."""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.server_lookup import find_bridge, unique_short_name
from mcp_auth_bridge.commands import next_step, server_choice
from mcp_auth_bridge.commands.login_summary import doubt, scopes, validity
from mcp_auth_bridge.commands.sign_in import LoginManner, grant, sign_in
from mcp_auth_bridge.commands.stored_logins import session_in, stored
from mcp_auth_bridge.config.login import DeviceSettings, LoginSettings
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import ConfigError, UrlRefused, typed
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.secret import Literal, Secret, describe, reference
from mcp_auth_bridge.shell.browser.desktop import foreign
from mcp_auth_bridge.shell.browser.login_window import PATIENCE
from mcp_auth_bridge.shell.browser.opener import open_url
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.lock import Held
from mcp_auth_bridge.urls import Purpose, gate


class Input(msgspec.Struct, frozen=True):
    """`server` is None for the one that the person chooses. `browser` is the command that opens URLs, () for the
    desktop's own, None for no browser at all.

    `fresh`: register this bridge anew instead of using an earlier registration. `device`: the person signs in on
    another device. `paste`: the browser is on another machine, where nothing can be opened from here, and the address
    that it ends at is carried over by hand. `trust` are the issuers and origins that they agree to in advance.
    """

    server: ServerChoice | None
    browser: tuple[str, ...] | None = ()
    fresh: bool = False
    device: bool = False
    paste: bool = False
    trust: tuple[str, ...] = ()


async def run(given: Input, context: Context) -> int:
    choice = given.server or await server_choice.server(context)
    if choice is None:
        return 0
    bridge = await log_in(given, choice, context)
    next_step.tell([bridge], *(["--ipv4"] if choice.ipv4 else []))
    return 0


async def log_in(given: Input, choice: ServerChoice, context: Context) -> Bridge:
    """The bridge to the server of that `choice`, with a login that is kept. Raises any `BridgeError`."""
    bridge, headers = _with_headers(keeping(await find_bridge(choice, context)), choice, context)
    store = await bridge.store_access.open_to_write()
    before = stored(store, bridge.record)
    async with AsyncExitStack() as turn:
        await _wait(turn, bridge)
        bridge.tabs.forget()
        record = stored(store, bridge.record)
        # Another process may have logged in while this one waited its turn.
        session = session_in(record) if record != before else None
        session = session or await sign_in(bridge, store, record, _manner(given, bridge, headers))
    tell(bridge, session)
    if short := unique_short_name(bridge.profile, context, store.keys()):
        terminal.say(f"commands take {short} for it, too: mcp-auth-bridge tools {typed(short)}")
    return bridge


def _with_headers(bridge: Bridge, choice: ServerChoice, context: Context) -> tuple[Bridge, Mapping[str, Secret] | None]:
    """`bridge` without the headers that the command line gives, and those, which are kept with the login.

    What the configuration says is not kept beside it: later commands go by the configuration. None for no headers.
    """
    own = {name.lower() for name in context.config.profile(bridge.profile.name).headers}
    for name in sorted(name for name in choice.headers if name.lower() in own):
        terminal.say(f"--header {name} is for this login alone: later commands go by {context.config.path}")
    kept = {name: Secret(value) for name, value in choice.headers.items() if name.lower() not in own}
    return bridge.without_headers(kept), kept or None


async def _wait(turn: AsyncExitStack, bridge: Bridge) -> None:
    """For this process's turn: one login after the other, and those that nobody asked for give way."""
    try:
        await turn.enter_async_context(bridge.person_lock(0))
    except Held:  # perhaps in a window that the person has forgotten
        terminal.say(f"another login to {bridge.profile.name} is going on, which this one waits for")
        await turn.enter_async_context(bridge.person_lock(PATIENCE + 60))
    await turn.enter_async_context(bridge.login_lock(PATIENCE + 60))


def keeping(bridge: Bridge) -> Bridge:
    """`bridge`, if people log in to its server and its store keeps the login. Raises `ConfigError`."""
    if not isinstance(bridge.profile.auth, LoginSettings):
        where = "--auth" if bridge.profile.spoken else "its configuration"
        raise ConfigError(
            f"{bridge.profile.name} uses credentials from {where}: there is nothing to log in to",
            f"use it as it is: {bridge.command('tools')}",
        )
    bridge.store_access.check_keeps("a login")
    return bridge


def _manner(given: Input, bridge: Bridge, headers: Mapping[str, Secret] | None) -> LoginManner:
    place = foreign(bridge.environ)
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
    pasted = terminal.lines() if given.paste or (place and terminal.is_interactive()) else None
    open_it = partial(_open, None if given.paste else given.browser, bridge)
    return LoginManner(open_it, pasted, grant(device=device), given.fresh, _agreed(given.trust), headers)


def _agreed(trust: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(gate(text, Purpose.ISSUER).resource for text in trust)
    except UrlRefused as refused:
        raise ConfigError("--trust takes the URL that the hint named", refused.hint) from None


def _open(browser: tuple[str, ...] | None, bridge: Bridge, url: str) -> bool:
    return browser is not None and open_url(url, browser or bridge.profile.browser_command)


def tell(bridge: Bridge, session: Session) -> None:
    """Whose login it is, what it may do, how long it lasts and where it is kept."""
    terminal.say(f"signed in to {bridge.profile.name}{f' as {session.account}' if session.account else ''}")
    if words := doubt(session, bridge.account):
        terminal.say(words)
    terminal.say(scopes(session))
    terminal.say(validity(session, time.time()))
    terminal.say(f"stored in {bridge.store_access.describe()}")
    for name, value in session.headers.items():
        terminal.say(f"kept with the login: the header {name}, from {_place(name, value)}")


def _place(name: str, value: Secret) -> str:
    named = reference(value.reveal(), f"the header {name}")
    return "the command line" if isinstance(named, Literal) else f"{describe(named)}, which later commands read again"
