"""Session + store + lock + refresh flow → headers.

Decision list of `headers`: the session in memory, if it has not expired and was not refused; else the stored one, if
somebody has renewed it; else, under the lock and after another look at the store, a refresh; else `LoginRequired`.

A session that is due but good is used, and renewed behind the back of whoever uses it: nobody waits for a slow server.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress

import msgspec

from mcp_auth_bridge.credentials import verdicts
from mcp_auth_bridge.credentials.base import Refusal, Target
from mcp_auth_bridge.credentials.kept import Beside, Kept, at_once
from mcp_auth_bridge.credentials.presenting import Presenter, is_refused
from mcp_auth_bridge.credentials.reasons import Reasons
from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.errors import (
    BridgeError,
    GrantEnded,
    LoginRequired,
    Sent,
    StepUpRequired,
    UpstreamFailed,
    quoted,
)
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.stores.base import Store

_HOPELESS = 60.0
"""Seconds for which no refusal is answered with a refresh, after a refreshed token was refused too."""

_FIRST_BACKOFF, _LONGEST_BACKOFF = 5.0, 60.0
"""Seconds between renewals that nobody waits for, after one has failed; doubled each time."""


class World(msgspec.Struct, frozen=True):
    """What the shell lends: a store once its key is there, a kernel lock, a way to run flows, the time (Unix seconds),
    a person's attention for what went wrong without stopping anything, random bytes, and a way to ask a store that is
    far away.
    """

    open_store: Callable[[], Awaitable[Store]]
    lock: Callable[[], AbstractAsyncContextManager[None]]
    drive: Callable[[Flow[Session]], Awaitable[Session]]
    now: Callable[[], float]
    warn: Callable[[BridgeError], None]
    entropy: Callable[[int], bytes]
    beside: Beside = at_once


class OAuthCredentials:
    """Headers from the login stored under `key`; `login_command` is what a person runs when there is none."""

    def __init__(self, key: str, name: str, login_command: str, world: World) -> None:
        self._name = name
        self._login_command = login_command
        self._world = world
        self._reasons = Reasons(name, login_command)
        self._presenter = Presenter(world.now, world.entropy)
        self._kept = Kept(key, world.open_store, world.now, world.warn, world.beside)
        self._closed = False
        self._hopeless_until = float("-inf")
        self._failure: BridgeError | None = None
        self._failures = 0
        self._failed_at = float("-inf")
        self._single_flight = asyncio.Lock()
        self._renewals: set[asyncio.Future[Session]] = set()
        self._behind: asyncio.Future[None] | None = None
        self._rotating: asyncio.Future[Session] | None = None

    @property
    def session(self) -> Session | None:
        """The login as it was last looked at."""
        return self._kept.session

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:
        if refused is not None and refused.status == 403:
            await self._kept.look()
            if (session := self._good(refused)) is None:
                raise await self._step_up(refused)
            return self._presenter.headers(session, target)  # another login than the one that lacked a permission
        session = self._good(refused) if self._kept.is_fresh() and refused is None else None
        if session is None:
            await self._kept.look()
            session = self._good(refused)
        if session is None and refused is not None:
            self._check_hope(refused)
        if session is None and self._kept.session is None and self._may_be_open(refused):
            return {}
        if session is None:
            session = await self._renewed(refused)
        elif session.due(self._world.now()):
            self._renew_behind()
        return self._presenter.headers(session, target)

    async def current(self) -> Session:
        """The login for somebody who takes its token away, where nobody renews it: so it is renewed now if it is due.

        Raises `LoginRequired` where there is none, and any other `BridgeError` where an expired one cannot be renewed.
        """
        await self._kept.look()
        session = self._good(None)
        if session is None or session.due(self._world.now()):
            session = await self._renewal(None)
        return session

    async def settle(self) -> None:
        """Wait for an answer of the authorization server's that is under way: the login would be lost with it."""
        if self._rotating is not None:
            await asyncio.wait((self._rotating,))

    def _may_be_open(self, refused: Refusal | None) -> bool:
        """Without a login a request goes out bare, until the server has refused one: many servers are open."""
        self._closed = self._closed or refused is not None
        return not self._closed

    def _check_hope(self, refused: Refusal) -> None:
        """Raise where another token would be refused too. None is tried for a while: each one costs a rotation."""
        now = self._world.now()
        if refused.again:
            self._hopeless_until = now + _HOPELESS
        if self._kept.session is not None and now < self._hopeless_until:
            raise self._reasons.new_token_refused(self._kept.session, refused, now)

    def _good(self, refused: Refusal | None) -> Session | None:
        """The session at hand, if it can be presented."""
        session = self._kept.session
        if session is None or session.expired(self._world.now()) or is_refused(session, refused):
            return None
        return session

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
        if self._behind is None and self._world.now() >= self._failed_at + self._backoff():
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
            async with self._world.lock():
                store = await self._kept.look()
                session = self._good(refused)
                if session is None or session.due(self._world.now()):
                    session = await self._rotated(store, self._refreshable(refused), refused)
        except BridgeError as error:
            self._failure, self._failed_at = error, self._world.now()
            self._failures += 1
            if (session := self._good(refused)) is None:
                raise
        else:
            self._failure, self._failures = None, 0
        return session

    async def _rotated(self, store: Store, session: Session, refused: Refusal | None) -> Session:
        """The session that a refresh of `session` leads to; under the lock, and stored before it is used."""
        # Imported here because most starts need no refresh (docs/architecture.md, "Cold start").
        from mcp_auth_bridge.oauth.grants import refresh

        if await self._kept.save(store, verdicts.begun(session)):
            self._rotating = asyncio.current_task()
            try:
                await self._kept.save(store, verdicts.renewed(await self._world.drive(refresh(session))))
            except BridgeError as error:
                await self._kept.save(store, verdicts.failed(session, error, self._world.now()))
                if not isinstance(error, GrantEnded):
                    self._refreshable(refused)  # raises if the strikes are full
                    raise verdicts.before_sending(error) from None
            finally:
                self._rotating = None
        return self._good(refused) or self._refreshable(refused)

    def _refreshable(self, refused: Refusal | None) -> Session:
        session = self._kept.session
        if session is None:
            raise self._login_required("nobody is logged in")
        if session.ended:
            raise self._login_required(verdicts.why_ended(session, self._world.now()))
        if session.refresh is None:
            reason = "the login has expired"
            if refused is not None and is_refused(session, refused):
                suspected = self._reasons.suspected(session, refused, self._world.now())
                reason = f"the server refused the access token ({suspected})"
            raise self._login_required(f"{reason}, and there is no refresh token")
        self._check_pause(session)
        return session

    def _check_pause(self, session: Session) -> None:
        """Raise while the authorization server is left alone because it has refused to renew `session`."""
        strikes = session.strikes
        pause = verdicts.pause(strikes, self._world.now())
        said = verdicts.words(strikes)
        if pause and verdicts.wants_login(strikes):
            raise self._login_required(f"it could not be renewed {strikes.count} times in a row ({said})")
        if pause:
            error = UpstreamFailed(
                f"{session.issuer} refused to renew the login to {self._name} ({said}), which may pass",
                f"it is asked again after {pause:.0f} seconds; if that does not help, run: {self._login_command}",
                status=strikes.status,
                retry_after=pause,
            )
            error.sent = Sent.NO
            raise error

    async def _step_up(self, refused: Refusal) -> BridgeError:
        """Note the scopes that are missing, so that the next login asks for them beside those it had (SEP-835)."""
        wanted = " ".join(refused.challenge.scopes) if refused.challenge else ""
        async with self._world.lock():
            store = await self._kept.look()
            session = self._kept.session
            if session is None:
                return self._login_required("nobody is logged in")
            if (denied := self._reasons.not_to_be_had(session, wanted)) is not None:
                return denied
            if not set(wanted.split()) <= set(session.wanted.split()):
                union = dict.fromkeys([*session.wanted.split(), *wanted.split()])
                await self._kept.save(store, msgspec.structs.replace(session, wanted=" ".join(union)))
        return StepUpRequired(
            f"the login to {self._name} lacks a permission: {quoted(wanted)}",
            f"run: {self._login_command}, which asks for it",
        )

    def _login_required(self, reason: str) -> LoginRequired:
        return LoginRequired(f"a login to {self._name} is needed: {reason}", f"run: {self._login_command}")
