"""A login that a tool call triggers: one for all processes of this machine, seldom, and never in the user's way.

The process that gets the login lock opens the tab. The others open nothing, and wait until that login is in the store.
A login by hand comes first: a tab that a tool call opened is given up for it.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from functools import partial

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.commands.stored_logins import readable_record
from mcp_auth_bridge.errors import LoginRequired, Unreachable
from mcp_auth_bridge.oauth.session import load_session
from mcp_auth_bridge.shell.browser.desktop import no_tab_reason
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.lock import LockHeld
from mcp_auth_bridge.shell.process.threads import run_in_background
from mcp_auth_bridge.stores.base import Store

_INTERVAL = 0.25
"""Seconds between two looks at the store and at the locks. A look needs no network."""


async def sign_in_on_demand(bridge: Bridge) -> None:
    """Return once there is another login than the one that failed. Raises `BridgeError` if no login comes."""
    failed = bridge.oauth.session
    if reason := no_tab_reason(bridge.environ, bridge.profile.browser_command):
        raise LoginRequired(reason)
    used = failed.access.reveal() if failed is not None else ""
    while not (await _has_login(bridge, used) or await _attempt(bridge, used)):  # noqa: ASYNC110 - other processes set no event
        await asyncio.sleep(_INTERVAL)


async def _has_login(bridge: Bridge, used: str) -> bool:
    """Whether the store has another token than the one that was `used`, of the account that the profile expects.

    The session with the `used` token may still be there: it is kept for what is known about it.
    """
    store = await bridge.store_access.open_to_read(bridge.record)
    record = await bridge.store_access.beside(lambda: store.load(bridge.record))
    session = load_session(record.secret) if record is not None else None
    return session is not None and session.access.reveal() != used and not bridge.belongs_to_another(session)


async def _attempt(bridge: Bridge, used: str) -> bool:
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
        bridge.tabs.note()
        try:
            return await _run_unless(_login_by_hand(bridge), _log_in(bridge, store))
        except Unreachable:
            bridge.tabs.take_back()
            raise


async def _log_in(bridge: Bridge, store: Store) -> None:
    await run_in_background(_import_login)
    from mcp_auth_bridge.commands.login_plan import LoginManner
    from mcp_auth_bridge.commands.sign_in import sign_in

    manner = LoginManner(partial(_open, bridge))
    session = await sign_in(bridge.separate(), store, readable_record(store, bridge.record), manner)
    bridge.tabs.record_login()
    terminal.say(f"signed in to {bridge.profile.name}{f' as {session.account}' if session.account else ''}")


def _import_login() -> None:
    """Run in a thread, and only in the process that opens the tab: it takes as long as the rest of the start."""
    from mcp_auth_bridge.commands import sign_in  # noqa: F401 - for `_log_in`, which then finds it imported


def _open(bridge: Bridge, url: str) -> bool:
    from mcp_auth_bridge.shell.browser.opener import open_url  # most processes open nothing

    return open_url(url, bridge.profile.browser_command)


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
