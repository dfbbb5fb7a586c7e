"""OAuth credentials: headers from the session in memory, from the store, or from a refresh.

`headers` decides in this order:

1. The session in memory, if it has not expired and was not refused.
2. The stored session, if another process has renewed it.
3. A refresh, under the lock and after another look at the store: of a user's login by its refresh token (`refresh.py`),
   of a machine's by obtaining another token (`machine.py`).

A session that is due but still valid is used, and refreshed in the background: no request waits for a slow server.

The way of a refresh: `headers` → `_refresh_single_flight` → `_refresh_shielded` → `_try_refresh` →
`Renewal.refresh_under_lock` → `Redemption.redeem` → `StoredSession.save_or_keep`.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from mcp_auth_bridge.credentials.base import Refusal, Renewal, Target
from mcp_auth_bridge.credentials.services import Services
from mcp_auth_bridge.credentials.stored_session import StoredSession
from mcp_auth_bridge.credentials.token_headers import TokenHeaders, presentable
from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.oauth.session import Session

_HOPELESS = 60.0
"""Seconds without a refresh after a refusal, once a refreshed token was refused too."""

_FIRST_BACKOFF, _LONGEST_BACKOFF = 5.0, 60.0
"""Seconds between refreshes in the background after one has failed, doubled each time."""


class OAuthCredentials:
    """Headers from the `stored` session; `renewal` obtains a new session for it."""

    def __init__(self, stored: StoredSession, renewal: Renewal, services: Services) -> None:
        # The session in memory and in the store.
        self._stored = stored
        # Obtains a new session.
        self._renewal = renewal
        # The shell's services.
        self._services = services
        # Makes headers from a session.
        self._token_headers = TokenHeaders(services.now, services.entropy)
        # Until when no refresh is tried after a refusal, by `services.ticks`.
        self._hopeless_until = float("-inf")
        # The error of the last refresh, None after a success.
        self._failure: BridgeError | None = None
        # The number of failures in a row.
        self._failures = 0
        # When the last refresh failed, by `services.ticks`.
        self._failed_at = float("-inf")
        # Held during a refresh that requests wait for.
        self._single_flight = asyncio.Lock()
        # The refreshes under way: asyncio itself holds no strong reference to a task.
        self._refreshes: set[asyncio.Future[Session]] = set()
        # The refresh in the background, None if none is under way.
        self._background: asyncio.Future[None] | None = None

    @property
    def session(self) -> Session | None:
        """The login as of the last look at the store."""
        return self._stored.session

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:
        if refused is not None and refused.status == 403:
            await self._stored.look()
            if (session := self._presentable(refused)) is None:
                raise await self._renewal.missing_permission_error(refused)
            return self._token_headers.headers(session, target)  # a login other than the one that lacked the permission
        session = self._presentable(refused) if self._stored.is_fresh() and refused is None else None
        if session is None:
            await self._stored.look()
            session = self._presentable(refused)
        if session is None and refused is not None:
            self._check_hope(refused)
        if session is None and self._stored.session is None and self._renewal.sends_bare(refused):
            return {}
        if session is None:
            session = await self._refresh_single_flight(refused)
        elif session.due(self._services.now()):
            self._refresh_in_background()
        return self._token_headers.headers(session, target)

    def at_hand(self, target: Target) -> Mapping[str, str] | None:
        """A bearer token, while the store was read a moment ago and no refresh is due. Each proof is a new one."""
        session = self._stored.session
        if session is None or session.dpop_key is not None or not self._stored.is_fresh():
            return None
        return None if session.due(self._services.now()) else self._token_headers.headers(session, target)

    async def current(self) -> Session:
        """The login for a program that takes its token and cannot refresh it, so a due token is refreshed now.

        Raises `LoginRequired` if there is none, and any other `BridgeError` if an expired one cannot be renewed.
        """
        await self._stored.look()
        session = self._presentable(None)
        if session is None or session.due(self._services.now()):
            session = await self._refresh_shielded(None)
        return session

    async def settle(self) -> None:
        """Wait for work that would be lost with this process: a token response on its way, an unsaved login."""
        await self._renewal.settle()
        await self._stored.settle()

    def _check_hope(self, refused: Refusal) -> None:
        """Raise if a new token would be refused too: for a while none is tried, because each costs a rotation."""
        now = self._services.ticks()
        if refused.again:
            self._hopeless_until = now + _HOPELESS
        if self._stored.session is not None and now < self._hopeless_until:
            raise self._renewal.new_token_error(self._stored.session, refused)

    def _presentable(self, refused: Refusal | None) -> Session | None:
        """The session in memory, if it can be presented."""
        return presentable(self._stored.session, refused, self._services.now())

    async def _refresh_single_flight(self, refused: Refusal | None) -> Session:
        """Await the refresh under way, or start one: a single refresh serves all requests that wait."""
        last = self._failure
        async with self._single_flight:
            if (session := self._presentable(refused)) is not None:
                return session
            if self._failure is not None and self._failure is not last:
                # The refresh that this request waited for has failed: fifty of them must not try a dead server in turn.
                raise self._failure
            return await self._refresh_shielded(refused)

    def _refresh_in_background(self) -> None:
        """Start a refresh that no request waits for, unless one is under way or the last one has just failed."""
        if self._background is None and self._services.ticks() >= self._failed_at + self._backoff():
            self._background = asyncio.ensure_future(self._run_in_background())

    def _backoff(self) -> float:
        return min(_FIRST_BACKOFF * 2.0 ** (self._failures - 1), _LONGEST_BACKOFF) if self._failures else 0.0

    async def _run_in_background(self) -> None:
        try:
            async with self._single_flight:
                with suppress(BridgeError):  # a request that needs a new token tries again, and gets the error
                    await self._refresh_shielded(None)
        finally:
            self._background = None

    async def _refresh_shielded(self, refused: Refusal | None) -> Session:
        """Refresh, and go on if the request that started it is cancelled: half a rotation is a lost login."""
        refresh = asyncio.ensure_future(self._try_refresh(refused))
        self._refreshes.add(refresh)
        refresh.add_done_callback(self._refresh_ended)
        return await asyncio.shield(refresh)

    def _refresh_ended(self, refresh: asyncio.Future[Session]) -> None:
        self._refreshes.discard(refresh)
        if not refresh.cancelled():
            refresh.exception()  # the request gets it; asyncio would complain if that was cancelled

    async def _try_refresh(self, refused: Refusal | None) -> Session:
        """Refresh, and return the new session; after a failure the one in memory, if it can still be presented."""
        try:
            refreshed = await self._renewal.refresh_under_lock(refused)
        except BridgeError as error:
            self._failure, self._failed_at = error, self._services.ticks()
            self._failures += 1
            if (session := self._presentable(refused)) is None:
                raise
            return session
        self._failure, self._failures = None, 0
        return refreshed
