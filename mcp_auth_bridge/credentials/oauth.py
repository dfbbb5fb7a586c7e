"""Session + store + lock + renewal → headers.

Decision list of `headers`: the session in memory, if it has not expired and was not refused; else the stored one, if
another process has renewed it; else, under the lock and after another look at the store, a renewal: a person's by its
refresh token (`rotation.py`), a machine's by obtaining another one (`obtaining.py`).

A session that is due but good is used, and renewed behind the back of whoever uses it: nobody waits for a slow server.
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
"""Seconds for which no refusal is answered with a refresh, after a refreshed token was refused too."""

_FIRST_BACKOFF, _LONGEST_BACKOFF = 5.0, 60.0
"""Seconds between renewals that nobody waits for, after one has failed; doubled each time."""


class OAuthCredentials:
    """Headers from the session that is `kept`; `renewal` is how another one is come by."""

    def __init__(self, kept: StoredSession, renewal: Renewal, services: Services) -> None:
        self._kept = kept
        self._way = renewal
        self._services = services
        self._presenter = TokenHeaders(services.now, services.entropy)
        self._hopeless_until = float("-inf")
        self._failure: BridgeError | None = None
        self._failures = 0
        self._failed_at = float("-inf")
        self._single_flight = asyncio.Lock()
        self._renewals: set[asyncio.Future[Session]] = set()
        self._behind: asyncio.Future[None] | None = None

    @property
    def session(self) -> Session | None:
        """The login as it was last looked at."""
        return self._kept.session

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:
        if refused is not None and refused.status == 403:
            await self._kept.look()
            if (session := self._good(refused)) is None:
                raise await self._way.lacking(refused)
            return self._presenter.headers(session, target)  # another login than the one that lacked a permission
        session = self._good(refused) if self._kept.is_fresh() and refused is None else None
        if session is None:
            await self._kept.look()
            session = self._good(refused)
        if session is None and refused is not None:
            self._check_hope(refused)
        if session is None and self._kept.session is None and self._way.goes_bare(refused):
            return {}
        if session is None:
            session = await self._renewed(refused)
        elif session.due(self._services.now()):
            self._renew_behind()
        return self._presenter.headers(session, target)

    async def current(self) -> Session:
        """The login for somebody who takes its token away, where nobody renews it: so it is renewed now if it is due.

        Raises `LoginRequired` where there is none, and any other `BridgeError` where an expired one cannot be renewed.
        """
        await self._kept.look()
        session = self._good(None)
        if session is None or session.due(self._services.now()):
            session = await self._renewal(None)
        return session

    async def settle(self) -> None:
        """Wait for what would be lost with this process: an answer that only it hears, a login that only it holds."""
        await self._way.settle()
        await self._kept.settle()

    def _check_hope(self, refused: Refusal) -> None:
        """Raise where another token would be refused too. None is tried for a while: each one costs a rotation."""
        now = self._services.ticks()
        if refused.again:
            self._hopeless_until = now + _HOPELESS
        if self._kept.session is not None and now < self._hopeless_until:
            raise self._way.still_refused(self._kept.session, refused)

    def _good(self, refused: Refusal | None) -> Session | None:
        """The session at hand, if it can be presented."""
        return presentable(self._kept.session, refused, self._services.now())

    async def _renewed(self, refused: Refusal | None) -> Session:
        last = self._failure
        async with self._single_flight:
            if (session := self._good(refused)) is not None:
                return session
            if self._failure is not None and self._failure is not last:
                # What was waited for has failed: fifty requests must not wait for a dead server in turn.
                raise self._failure
            return await self._renewal(refused)

    def _renew_behind(self) -> None:
        """Start a renewal that nobody waits for, unless one is under way or the last one has just failed."""
        if self._behind is None and self._services.ticks() >= self._failed_at + self._backoff():
            self._behind = asyncio.ensure_future(self._renew_unasked())

    def _backoff(self) -> float:
        return min(_FIRST_BACKOFF * 2.0 ** (self._failures - 1), _LONGEST_BACKOFF) if self._failures else 0.0

    async def _renew_unasked(self) -> None:
        try:
            async with self._single_flight:
                with suppress(BridgeError):  # whoever cannot do without will ask again, and hear of it
                    await self._renewal(None)
        finally:
            self._behind = None

    async def _renewal(self, refused: Refusal | None) -> Session:
        """A renewal that goes on when the request that wanted it is cancelled: half a rotation is a lost login."""
        renewal = asyncio.ensure_future(self._renew(refused))
        self._renewals.add(renewal)
        renewal.add_done_callback(self._renewals.discard)
        return await asyncio.shield(renewal)

    async def _renew(self, refused: Refusal | None) -> Session:
        try:
            renewed = await self._way.renew(refused)
        except BridgeError as error:
            self._failure, self._failed_at = error, self._services.ticks()
            self._failures += 1
            if (session := self._good(refused)) is None:
                raise
            return session
        self._failure, self._failures = None, 0
        return renewed
