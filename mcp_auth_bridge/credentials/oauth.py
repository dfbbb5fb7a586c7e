"""Session + store + lock + refresh flow → headers.

Decision list of `headers`: the session in memory, if it is not due and not refused; else the stored one, if somebody
has renewed it; else, under the lock and after another look at the store, a refresh; else `LoginRequired`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager

import msgspec

from mcp_auth_bridge.credentials.base import Refusal, Target
from mcp_auth_bridge.credentials.presenting import Presenter, is_refused
from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.errors import (
    AccessDenied,
    BridgeError,
    GrantEnded,
    LoginRequired,
    StepUpRequired,
    StoreError,
    quoted,
)
from mcp_auth_bridge.oauth.documents import known_error
from mcp_auth_bridge.oauth.session import Session, dump, load_session
from mcp_auth_bridge.stores.base import Stale, Store

_GLANCE = 1.0
"""Seconds for which the session in memory is taken for the stored one: by then a login or logout elsewhere shows."""


class World(msgspec.Struct, frozen=True):
    """What the shell lends: a store once its key is there, a kernel lock, a way to run flows, the time (Unix seconds),
    a person's attention for what went wrong without stopping anything, and random bytes.
    """

    open_store: Callable[[], Awaitable[Store]]
    lock: Callable[[], AbstractAsyncContextManager[None]]
    drive: Callable[[Flow[Session]], Awaitable[Session]]
    now: Callable[[], float]
    warn: Callable[[BridgeError], None]
    entropy: Callable[[int], bytes]


class OAuthCredentials:
    """Headers from the login stored under `key`; `login_command` is what a person runs when there is none."""

    def __init__(self, key: str, name: str, login_command: str, world: World) -> None:
        self._key = key
        self._name = name
        self._login_command = login_command
        self._world = world
        self._presenter = Presenter(world.now, world.entropy)
        self._session: Session | None = None
        self._generation: int | None = None
        self._looked_at = float("-inf")
        self._unsaved = False
        self._closed = False
        self._failure: BridgeError | None = None
        self._failures = 0
        self._single_flight = asyncio.Lock()
        self._renewals: set[asyncio.Future[Session]] = set()

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:
        if refused is not None and refused.status == 403:
            raise await self._step_up(refused)
        usable = self._usable(refused) if self._is_fresh() and refused is None else None
        if usable is None:
            await self._look()
            usable = self._usable(refused)
        if usable is None and self._session is None and self._may_be_open(refused):
            return {}
        if usable is None:
            failures = self._failures
            async with self._single_flight:
                usable = self._usable(refused)
                if usable is None and self._failure is not None and self._failures > failures:
                    # What was waited for has failed: fifty requests must not wait for a dead server in turn.
                    usable = self._despite(self._failure, refused)
                usable = usable or await self._renewed(refused)
        return self._presenter.headers(usable, target)

    def _may_be_open(self, refused: Refusal | None) -> bool:
        """Without a login a request goes out bare, until the server has refused one: many servers are open."""
        self._closed = self._closed or refused is not None
        return not self._closed

    def _is_fresh(self) -> bool:
        return 0 <= self._world.now() - self._looked_at < _GLANCE

    def _usable(self, refused: Refusal | None) -> Session | None:
        """The session at hand, if it needs no refresh."""
        session = self._session
        if session is None or session.due(self._world.now()) or is_refused(session, refused):
            return None
        return session

    async def _look(self) -> Store:
        """Read the store. A login that is gone there is gone here."""
        store = await self._world.open_store()
        if self._unsaved:
            self._save(store)
        try:
            record = store.load(self._key)
        except StoreError:
            if self._generation is None:
                raise
            return store  # damaged under our feet: the session in memory lives on, and its next save repairs the record
        self._looked_at = self._world.now()
        if record is None:
            self._session = self._generation = None
        elif record.generation != self._generation:
            self._session, self._generation = load_session(record.secret), record.generation
        return store

    async def _renewed(self, refused: Refusal | None) -> Session:
        """A renewal that goes on when the request that wanted it is cancelled: half a rotation is a lost login."""
        renewal = asyncio.ensure_future(self._renew(refused))
        self._renewals.add(renewal)
        renewal.add_done_callback(self._renewals.discard)
        return await asyncio.shield(renewal)

    async def _renew(self, refused: Refusal | None) -> Session:
        async with self._world.lock():
            store = await self._look()
            if (session := self._usable(refused)) is not None:
                return session
            session = self._refreshable(refused)
            try:
                self._session = await self._refreshed(session)
            except GrantEnded as ended:
                self._session = msgspec.structs.replace(session, refresh=None, ended=ended.error)
            except BridgeError as failure:
                return self._despite(failure, refused)
            # Written before it is used: the old refresh token is spent, or known to be dead.
            self._save(store)
            return self._usable(refused) or self._refreshable(refused)

    def _despite(self, failure: BridgeError, refused: Refusal | None) -> Session:
        """The session if it is due, but good for a little longer: the authorization server may come back."""
        session = self._session
        if session is None or session.expired(self._world.now()) or is_refused(session, refused):
            raise failure
        return session

    async def _refreshed(self, session: Session) -> Session:
        # Imported here because most starts need no refresh (docs/architecture.md, "Cold start").
        from mcp_auth_bridge.oauth.grants import refresh

        try:
            return await self._world.drive(refresh(session))
        except GrantEnded:
            raise
        except BridgeError as error:
            self._failure, self._failures = error, self._failures + 1
            raise

    def _refreshable(self, refused: Refusal | None) -> Session:
        session = self._session
        if session is None:
            raise self._login_required("nobody is logged in")
        if session.ended:
            raise self._login_required(f"the authorization server ended it ({known_error(session.ended)})")
        if session.refresh is None:
            reason = "the server refused the access token" if is_refused(session, refused) else "the login has expired"
            raise self._login_required(f"{reason}, and there is no refresh token")
        return session

    def _save(self, store: Store) -> None:
        """Store the session at hand. A full disk must not cost the login: it stays in memory and is saved later."""
        assert self._session is not None, "there is a session to save"  # noqa: S101 - a fact, not a check
        try:
            self._generation = store.save(self._key, dump(self._session), self._generation)
            self._unsaved = False
        except Stale:
            # Somebody logged in or out in the meantime and knows better.
            self._unsaved = False
            self._adopt(store)
        except StoreError as error:
            if not self._unsaved:
                self._world.warn(error)
            self._unsaved = True

    def _adopt(self, store: Store) -> None:
        record = store.load(self._key)
        if record is None:
            self._session = self._generation = None
            raise self._login_required("somebody logged out")
        self._session, self._generation = load_session(record.secret), record.generation

    async def _step_up(self, refused: Refusal) -> BridgeError:
        """Note the scopes that are missing, so that the next login asks for them beside those it had (SEP-835)."""
        wanted = " ".join(refused.challenge.scopes) if refused.challenge else ""
        async with self._world.lock():
            store = await self._look()
            session = self._session
            if session is None or not wanted or set(wanted.split()) <= set(session.scope.split()):
                return AccessDenied(
                    f"{self._name} refuses this although the login has the scopes that it names",
                    "the account may lack the permission; another login will not change that",
                )
            if not set(wanted.split()) <= set(session.wanted.split()):
                union = dict.fromkeys([*session.wanted.split(), *wanted.split()])
                self._session = msgspec.structs.replace(session, wanted=" ".join(union))
                self._save(store)
        return StepUpRequired(
            f"the login to {self._name} lacks a permission: {quoted(wanted)}",
            f"run: {self._login_command}, which asks for it",
        )

    def _login_required(self, reason: str) -> LoginRequired:
        return LoginRequired(f"a login to {self._name} is needed: {reason}", f"run: {self._login_command}")
