"""How a refresh token is spent: in this process, or by another one that outlives it (`app/refresh_process.py`)."""

import asyncio
from typing import Protocol

from mcp_auth_bridge.credentials import refresh_policy
from mcp_auth_bridge.credentials.services import Services
from mcp_auth_bridge.credentials.stored_session import StoredSession
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.stores.base import Store


class Redemption(Protocol):
    async def __call__(self, session: Session) -> None:
        """Present the refresh token of `session`, the login at hand; the store and memory hold the outcome afterwards.

        Does nothing if another process has renewed the login first. Raises the `BridgeError` with which it failed.
        """

    async def settle(self) -> None:
        """Wait for what would be lost with this process."""


class InProcessRedemption:
    """The exchange in this process, for the login in `kept`: whoever ends the process in the middle ends the login."""

    def __init__(self, kept: StoredSession, services: Services) -> None:
        self._kept = kept
        self._services = services
        self._going_on: set[asyncio.Future[None]] = set()

    async def __call__(self, session: Session) -> None:
        exchange = asyncio.ensure_future(self._exchange(session))
        self._going_on.add(exchange)
        exchange.add_done_callback(self._going_on.discard)
        await asyncio.shield(exchange)

    async def settle(self) -> None:
        if self._going_on:
            await asyncio.wait(self._going_on)

    async def under_lock(self, session: Session) -> None:
        """As the call, for a caller that holds the lock already."""
        store = await self._kept.look()
        newest = self._kept.session
        if newest is None or newest.refresh != session.refresh:
            return
        # On a full disk nothing is spent: the store would go on to show other processes, and the next start, a spent
        # token.
        if await self._kept.mark(store, refresh_policy.begun(newest)):
            await self._spend(store, newest)

    async def _exchange(self, session: Session) -> None:
        async with self._services.lock():
            await self.under_lock(session)

    async def _spend(self, store: Store, session: Session) -> None:
        # Imported here because most starts need no refresh (docs/architecture.md, "Cold start").
        from mcp_auth_bridge.oauth.grants import refresh

        try:
            renewed = refresh_policy.renewed(await self._services.drive(refresh(session)))
        except BridgeError as error:
            await self._kept.save(store, refresh_policy.failed(session, error, self._services.now()))
            raise
        await self._kept.save(store, renewed)
