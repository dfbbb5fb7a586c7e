"""The session in memory, a copy of a record in the store."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from mcp_auth_bridge.credentials.services import Services
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.oauth.session import Session, dump, load_session
from mcp_auth_bridge.stores.base import Record, Stale, Store, is_older

_GLANCE = 1.0
"""Seconds for which the store is not read again: a login or logout elsewhere is seen after that."""


def any_account(_: Session) -> None:
    """Admits the login of every account."""


class StoredSession:
    """The login stored under `key`. The user is warned once each time that it cannot be saved.

    `admit` raises an error for a login that must not be used, because it belongs to another account.
    """

    def __init__(self, key: str, services: Services, admit: Callable[[Session], None] = any_account) -> None:
        # The session in memory, None if there is no login.
        self.session: Session | None = None
        # The key of the record.
        self._key = key
        # The shell's services.
        self._services = services
        # Raises for a login that must not be used.
        self._admit = admit
        # Looks and saves go one by one: a look that began before a save must not adopt what the save replaced.
        self._one_by_one = asyncio.Lock()
        # The generation of the record that `session` is a copy of, None if there is none.
        self._generation: int | None = None
        # When the store was last read, by `services.ticks`.
        self._looked_at = float("-inf")
        # Whether memory holds a session that the store could not take.
        self._unsaved = False

    @property
    def generation(self) -> int | None:
        """The generation of the record that `session` is a copy of, or will replace; None while there is none."""
        return self._generation

    @property
    def is_saved(self) -> bool:
        """Whether the store has the session in memory."""
        return not self._unsaved

    def is_fresh(self) -> bool:
        """Whether the store was read a moment ago."""
        return self._services.ticks() - self._looked_at < _GLANCE

    async def look(self) -> Store:
        """Read the store. Adopts a login or logout found there; puts back a record that was undone there."""
        store = await self._services.open_store()
        async with self._one_by_one:
            if self._unsaved and self.session is not None:
                await self._try_save(store, self.session)
            try:
                await self._adopt(store)
            except StoreError:
                if self._generation is None:
                    raise
                await self._put_back(store)
            else:
                self._looked_at = self._services.ticks()
        return store

    async def settle(self) -> None:
        """Save a session that could not be saved before, if the store takes it now: only this process has it."""
        if self._unsaved:
            with suppress(StoreError):  # `warn` has said so
                await self.look()

    def take_over(self, session: Session, generation: int | None) -> None:
        """Hold `session`, which another process of this bridge has saved as `generation`, or will save over it."""
        self.session, self._generation = session, generation

    def save_later(self) -> None:
        """The store does not have `session` yet: each look tries to save it."""
        self._unsaved = True

    async def save_or_keep(self, store: Store, session: Session) -> bool:
        """Make `session` the login. Returns False if another process logged in or out meanwhile: its record counts.

        Neither a full disk nor an unreachable store must cost the login: it stays in memory and is saved later.
        """
        async with self._one_by_one:
            return await self._try_save(store, session)

    async def save_or_raise(self, store: Store, session: Session) -> bool:
        """As `save_or_keep`, before a step that other processes must know of, with space reserved for its outcome.

        Raises `StoreError`; the caller must not take the step then.
        """
        async with self._one_by_one:
            await self._services.beside(lambda: store.reserve(self._key))
            saved = await self._write(store, session)
            await self._services.beside(lambda: store.reserve(self._key))  # this record may have used up the space
            return saved

    async def _try_save(self, store: Store, session: Session) -> bool:
        try:
            return await self._write(store, session)
        except StoreError as error:
            if not self._unsaved:
                self._services.warn(error)
            self.session, self._unsaved = session, True
            return True

    async def _write(self, store: Store, session: Session) -> bool:
        before, self.session = self.session, session
        try:
            self._generation = await self._services.beside(
                lambda: store.save(self._key, dump(session), self._generation)
            )
        except Stale:
            return await self._replaced_meanwhile(store, before)
        except StoreError:
            self.session = before
            raise
        self._unsaved = False
        return True

    async def _replaced_meanwhile(self, store: Store, before: Session | None) -> bool:
        """Adopt the record that another process has stored meanwhile, unless it is an older one."""
        record = await self._services.beside(lambda: store.load(self._key))
        if record is not None and self._generation is not None and is_older(record.generation, self._generation):
            await self._put_back(store)
            self._unsaved = True
            return True
        self.session, self._unsaved = before, False
        await self._adopt(store)
        return False

    async def _adopt(self, store: Store) -> None:
        record = await self._services.beside(lambda: store.load(self._key))
        if record is None:
            self.session = self._generation = None
        elif self._generation is not None and is_older(record.generation, self._generation):
            await self._put_back(store)  # its refresh token is spent: presenting it would end the login
        elif record.generation != self._generation:
            session = load_session(record.secret)
            self.session = self._generation = None  # each look reads, and refuses, another account's login again
            self._admit(session)
            self.session, self._generation = session, record.generation

    async def _put_back(self, store: Store) -> None:
        """Replace a damaged or older record. If that fails, the session in memory stays in use all the same."""
        if self.session is not None and self._generation is not None:
            record = Record(self._generation, dump(self.session))
            with suppress(StoreError, Stale):  # the next look tries again, or adopts what another process has put back
                await self._services.beside(lambda: store.put_back(self._key, record))
