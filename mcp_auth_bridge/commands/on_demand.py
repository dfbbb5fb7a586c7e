"""A login that a tool call triggers: one for all processes of this machine, seldom, and never in the user's way.

The process that gets the login lock opens the tab. The others open nothing, and wait until that login is in the store.
Where no browser can be opened, that process announces the address at which the login begins, and so do the others.
A login by hand comes first: the process gives up a login that a tool call began.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.commands.stored_logins import readable_record
from mcp_auth_bridge.errors import BridgeError, LoginRequired, Unreachable
from mcp_auth_bridge.oauth.session import load_session
from mcp_auth_bridge.shell.browser.desktop import is_ci_job, no_tab_reason
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.lock import LockHeld
from mcp_auth_bridge.shell.process.threads import run_in_background
from mcp_auth_bridge.shell.run_relay import Announce
from mcp_auth_bridge.stores.base import Store

_INTERVAL = 0.25
"""Seconds between two looks at the store and at the locks. A look needs no network."""


_GRACE = 1.0
"""Seconds before a login takes the place of one whose process died: the same cause may be ending this process too."""


class _Way(msgspec.Struct, frozen=True):
    """How the user gets to the login."""

    # Notes that a login begins. Raises `LoginRequired` if it must not.
    note: Callable[[], None]
    # Notes that it could not begin, because the server is unreachable.
    take_back: Callable[[], None]
    # Opens the login's address, or has it shown. Returns whether a browser was found.
    open_url: Callable[[str], bool]


async def sign_in_on_demand(bridge: Bridge, announce: Announce) -> None:
    """Return once there is another login than the one that failed. Raises `BridgeError` if no login comes.

    Where no browser can be opened, `announce` gets the address at which the user begins the login.
    """
    failed = bridge.oauth.session
    way = await _choose_way(bridge, announce)
    used = failed.access.reveal() if failed is not None else ""
    announced = ""
    while not (await _has_login(bridge, used) or await _attempt(bridge, used, way)):
        if (address := bridge.tabs.address) not in ("", announced):
            announce(announced := address)
        await asyncio.sleep(_INTERVAL)


async def _choose_way(bridge: Bridge, announce: Announce) -> _Way:
    tabs = bridge.tabs
    show = partial(_show, bridge, announce)
    obstacle = await run_in_background(partial(no_tab_reason, bridge.environ, bridge.profile.browser_command))
    if not obstacle:
        return _Way(tabs.note, tabs.take_back, lambda url: _open(bridge, url) or show(url))
    if is_ci_job(bridge.environ):
        raise LoginRequired(obstacle)
    return _Way(tabs.note_address, tabs.record_end, show)


async def _has_login(bridge: Bridge, used: str) -> bool:
    """Whether the store has another token than the one that was `used`, of the account that the profile expects.

    The session with the `used` token may still be there: the store keeps it for the facts that it holds.
    """
    store = await bridge.store_access.open_to_read(bridge.record)
    record = await bridge.store_access.beside(lambda: store.load(bridge.record))
    session = load_session(record.secret) if record is not None else None
    return session is not None and session.access.reveal() != used and not bridge.belongs_to_another(session)


async def _attempt(bridge: Bridge, used: str, way: _Way) -> bool:
    """Log in, unless another process does. Returns whether there is a login now."""
    async with AsyncExitStack() as locks:
        try:
            await locks.enter_async_context(bridge.login_lock(0))
        except LockHeld:
            return False
        if await _has_login(bridge, used):
            return True
        if await _is_login_by_hand(bridge):
            return False
        store = await bridge.store_access.open_to_write()
        if bridge.tabs.is_orphaned:
            await asyncio.sleep(_GRACE)
        way.note()
        try:
            return await _run_unless(_login_by_hand(bridge), _log_in(bridge, store, way))
        except Unreachable:
            way.take_back()
            raise
        except BridgeError:
            bridge.tabs.record_end()
            raise


async def _log_in(bridge: Bridge, store: Store, way: _Way) -> None:
    await run_in_background(_import_login)
    from mcp_auth_bridge.commands.login_plan import LoginManner
    from mcp_auth_bridge.commands.sign_in import sign_in

    manner = LoginManner(way.open_url)
    session = await sign_in(bridge.separate(), store, readable_record(store, bridge.record), manner)
    bridge.tabs.record_login()
    terminal.say(f"signed in to {bridge.profile.name}{f' as {session.account}' if session.account else ''}")


def _import_login() -> None:
    """Run in a thread, and only in the process that opens the tab: it takes as long as the rest of the start."""
    from mcp_auth_bridge.commands import sign_in  # noqa: F401 - for `_log_in`, which then finds it imported


def _open(bridge: Bridge, url: str) -> bool:
    from mcp_auth_bridge.shell.browser.opener import open_url  # most processes open nothing

    return open_url(url, bridge.profile.browser_command)


def _show(bridge: Bridge, announce: Announce, url: str) -> bool:
    bridge.tabs.publish(url)
    announce(url)
    return False


async def _run_unless(end: Coroutine[None, None, None], work: Coroutine[None, None, None]) -> bool:
    """Do the `work` and return True. Cancel it and return False if `end` comes first."""
    working, ending = asyncio.ensure_future(work), asyncio.ensure_future(end)
    try:
        await asyncio.wait((working, ending), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            return True
        return False
    finally:
        for task in (working, ending):
            task.cancel()
        await asyncio.gather(working, ending, return_exceptions=True)


async def _login_by_hand(bridge: Bridge) -> None:
    """Return as soon as a login by hand begins."""
    while not await _is_login_by_hand(bridge):  # noqa: ASYNC110 - as above
        await asyncio.sleep(_INTERVAL)


async def _is_login_by_hand(bridge: Bridge) -> bool:
    try:
        async with bridge.manual_login_lock(0):
            return False
    except LockHeld:
        return True
