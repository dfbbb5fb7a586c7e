"""The session in memory, and the record in the store that it is a copy of."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from mcp_auth_bridge.credentials.services import Services
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.oauth.session import Session, dump, load_session
from mcp_auth_bridge.stores.base import Record, Stale, Store, is_older

_GLANCE = 1.0
"""Seconds for which the session in memory is taken for the stored one: by then a login or logout elsewhere shows."""


def anybody(_: Session) -> None:
    """Whose login it is does not matter."""


class StoredSession:
    """The login stored under `key`. The `services` is warned of what cannot be saved, once each time.

    `admit` raises the error for a login that is not to be used, because it is somebody else's than expected.
    """

    def __init__(self, key: str, services: Services, admit: Callable[[Session], None] = anybody) -> None:
        self.session: Session | None = None
        self._key = key
        self._services = services
        self._admit = admit
        self._one_by_one = asyncio.Lock()  # a look that began before a save must not adopt what the save replaced
        self._generation: int | None = None
        self._looked_at = float("-inf")
        self._unsaved = False

    @property
    def generation(self) -> int | None:
        """That of the record which `session` is a copy of, or will replace; None while there is none."""
        return self._generation

    @property
    def is_saved(self) -> bool:
        """Whether the store has what memory has."""
        return not self._unsaved

    def is_fresh(self) -> bool:
        return self._services.ticks() - self._looked_at < _GLANCE

    async def look(self) -> Store:
        """Read the store. A login that is gone there is gone here; one that was undone there is put back."""
        store = await self._services.open_store()
        async with self._one_by_one:
            if self._unsaved and self.session is not None:
                await self._save(store, self.session)
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
        """Save what could not be saved, if that is possible now: nobody else holds it."""
        if self._unsaved:
            with suppress(StoreError):  # `warn` has said so
                await self.look()

    def take_over(self, session: Session, generation: int | None) -> None:
        """Hold `session`, which another process of ours holds as a copy of `generation`, or to be saved over it."""
        self.session, self._generation = session, generation

    def save_later(self) -> None:
        """The store does not have `session` yet: each look tries to save it."""
        self._unsaved = True

    async def save(self, store: Store, session: Session) -> bool:
        """Take `session` for the login from now on; False if somebody logged in or out meanwhile, who knows better.

        Neither a full disk nor a lost server must cost the login: it stays in memory and is saved later.
        """
        async with self._one_by_one:
            return await self._save(store, session)

    async def mark(self, store: Store, session: Session) -> bool:
        """As `save`, before a step that must not be taken unless everybody can see it and its outcome finds space.

        Raises `StoreError`.
        """
        async with self._one_by_one:
            await self._services.beside(lambda: store.reserve(self._key))
            marked = await self._store(store, session)
            await self._services.beside(lambda: store.reserve(self._key))  # the mark itself may have used it up
            return marked

    async def _save(self, store: Store, session: Session) -> bool:
        try:
            return await self._store(store, session)
        except StoreError as error:
            if not self._unsaved:
                self._services.warn(error)
            self.session, self._unsaved = session, True
            return True

    async def _store(self, store: Store, session: Session) -> bool:
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
        """Give up the session at hand for what another process has stored, but not for an older record come back."""
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
            self.session = self._generation = None  # somebody else's is looked at again, and refused again
            self._admit(session)
            self.session, self._generation = session, record.generation

    async def _put_back(self, store: Store) -> None:
        """Store again what is damaged or older there. Where that fails, the session in memory lives on all the same."""
        if self.session is None or self._generation is None:
            return
        record = Record(self._generation, dump(self.session))
        with suppress(StoreError, Stale):  # the next look tries again, or adopts what another process has put back
            await self._services.beside(lambda: store.put_back(self._key, record))
