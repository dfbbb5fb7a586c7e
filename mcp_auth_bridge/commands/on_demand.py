"""A login that a tool call asks for: one for all processes of this machine, seldom, and never in a person's way.

Whoever gets the login lock opens the tab; the others open nothing and wait for what it puts into the store. A person
who logs in by hand comes first: a tab that nobody asked for is given up for theirs.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from functools import partial
from types import ModuleType

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.commands.stored_logins import stored
from mcp_auth_bridge.errors import LoginRequired, Unreachable
from mcp_auth_bridge.oauth.session import load_session
from mcp_auth_bridge.shell.browser.desktop import why_no_tab
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.lock import Held
from mcp_auth_bridge.shell.process.threads import in_background
from mcp_auth_bridge.stores.base import Store

_GLANCE = 0.25
"""Seconds between two looks at the store and at the locks, none of which costs network."""


async def sign_in(bridge: Bridge) -> None:
    """Return once there is another login than the one that failed. Raises a `BridgeError`: why there will be none."""
    failed = bridge.oauth.session
    if reason := why_no_tab(bridge.environ, bridge.profile.browser_command):
        raise LoginRequired(reason)
    used = failed.access.reveal() if failed is not None else ""
    while not (await _is_there(bridge, used) or await _attempt(bridge, used)):  # noqa: ASYNC110 - it is other processes'
        await asyncio.sleep(_GLANCE)


async def _is_there(bridge: Bridge, used: str) -> bool:
    """Whether the store has a token that was not used yet, and is not somebody else's than the profile expects.

    An earlier one is only kept for what is known about it.
    """
    store = await bridge.store_access.open_to_read(bridge.record)
    record = await bridge.store_access.beside(lambda: store.load(bridge.record))
    session = load_session(record.secret) if record is not None else None
    return session is not None and session.access.reveal() != used and not bridge.belongs_to_another(session)


async def _attempt(bridge: Bridge, used: str) -> bool:
    """Log in, unless somebody else is at it; whether there is a login now."""
    async with AsyncExitStack() as locks:
        try:
            await locks.enter_async_context(bridge.login_lock(0))
        except Held:
            return False
        if await _is_there(bridge, used):
            return True
        if await _person_is_at_it(bridge):
            return False
        store = await bridge.store_access.open_to_write()
        bridge.tabs.note()
        try:
            return await _unless(_person_comes(bridge), _log_in(bridge, store))
        except Unreachable:
            bridge.tabs.take_back()
            raise


async def _log_in(bridge: Bridge, store: Store) -> None:
    story = await in_background(_story)
    manner = story.LoginManner(partial(_open, bridge))
    session = await story.sign_in(bridge.separate(), store, stored(store, bridge.record), manner)
    bridge.tabs.answered()
    terminal.say(f"signed in to {bridge.profile.name}{f' as {session.account}' if session.account else ''}")


def _story() -> ModuleType:
    """Imported in a thread, and only by the process that opens the tab: it takes as long as the rest of the start."""
    from mcp_auth_bridge.commands import sign_in

    return sign_in


def _open(bridge: Bridge, url: str) -> bool:
    from mcp_auth_bridge.shell.browser.opener import open_url  # with the story: most processes never open anything

    return open_url(url, bridge.profile.browser_command)


async def _unless(end: Coroutine[None, None, None], work: Coroutine[None, None, None]) -> bool:
    """Do the `work` and return True, or give it up at the `end` and return False."""
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


async def _person_comes(bridge: Bridge) -> None:
    while not await _person_is_at_it(bridge):  # noqa: ASYNC110 - as above
        await asyncio.sleep(_GLANCE)


async def _person_is_at_it(bridge: Bridge) -> bool:
    try:
        async with bridge.person_lock(0):
            return False
    except Held:
        return True
