"""The redemption of a refresh token: in this process, or in another that outlives it (`app/refresh_process.py`)."""

import asyncio
from typing import Protocol

from mcp_auth_bridge.credentials import refresh_policy
from mcp_auth_bridge.credentials.services import Services
from mcp_auth_bridge.credentials.stored_session import StoredSession
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.stores.base import Store


class Redemption(Protocol):
    async def redeem(self, session: Session) -> None:
        """Present the refresh token of `session`, the login in memory, and put the outcome into the store and memory.

        Does nothing if another process has refreshed the login first. Raises `BridgeError` if it fails.
        """

    async def settle(self) -> None:
        """Wait for work that would be lost with this process."""


class InProcessRedemption:
    """Redeems in this process, for the `stored` login. A kill between request and save ends the login."""

    def __init__(self, stored: StoredSession, services: Services) -> None:
        self._stored = stored
        self._services = services
        self._going_on: set[asyncio.Future[None]] = set()

    async def redeem(self, session: Session) -> None:
        redemption = asyncio.ensure_future(self._redeem_alone(session))
        self._going_on.add(redemption)
        redemption.add_done_callback(self._ended)
        await asyncio.shield(redemption)

    def _ended(self, redemption: asyncio.Future[None]) -> None:
        self._going_on.discard(redemption)
        if not redemption.cancelled():
            redemption.exception()  # the refresh gets it; asyncio would complain if that was cancelled

    async def settle(self) -> None:
        if self._going_on:
            await asyncio.wait(self._going_on)

    async def _redeem_alone(self, session: Session) -> None:
        async with self._services.lock():
            await self.redeem_under_lock(session)

    async def redeem_under_lock(self, session: Session) -> None:
        """As `redeem`, for a caller that holds the lock already."""
        store = await self._stored.look()
        newest = self._stored.session
        if newest is None or newest.refresh != session.refresh:
            return
        # On a full disk no token is presented: the store would still hold a spent one, for other processes and the next
        # start.
        if await self._stored.save_or_raise(store, refresh_policy.begun(newest)):
            await self._request_and_save(store, newest)

    async def _request_and_save(self, store: Store, session: Session) -> None:
        # Imported here because most starts need no refresh (docs/architecture.md, "Cold start").
        from mcp_auth_bridge.oauth.grants import refresh

        try:
            refreshed = refresh_policy.succeeded(await self._services.drive(refresh(session)))
        except BridgeError as error:
            await self._stored.save_or_keep(store, refresh_policy.failed(session, error, self._services.now()))
            raise
        await self._stored.save_or_keep(store, refreshed)
