"""The session in memory, and the record in the store that it is a copy of."""

import asyncio
from collections.abc import Callable

from mcp_auth_bridge.credentials.world import World
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.oauth.session import Session, dump, load_session
from mcp_auth_bridge.stores.base import Stale, Store

_GLANCE = 1.0
"""Seconds for which the session in memory is taken for the stored one: by then a login or logout elsewhere shows."""


def anybody(_: Session) -> None:
    """Whose login it is does not matter."""


class Kept:
    """The login stored under `key`. The `world` is warned of what cannot be saved, once each time.

    `admit` raises the error for a login that is not to be used, because it is somebody else's than expected.
    """

    def __init__(self, key: str, world: World, admit: Callable[[Session], None] = anybody) -> None:
        self.session: Session | None = None
        self._key = key
        self._world = world
        self._admit = admit
        self._one_by_one = asyncio.Lock()  # a look that began before a save must not adopt what the save replaced
        self._generation: int | None = None
        self._looked_at = float("-inf")
        self._unsaved = False

    def is_fresh(self) -> bool:
        return 0 <= self._world.now() - self._looked_at < _GLANCE

    async def look(self) -> Store:
        """Read the store. A login that is gone there is gone here."""
        store = await self._world.open_store()
        async with self._one_by_one:
            if self._unsaved and self.session is not None:
                await self._save(store, self.session)
            try:
                await self._adopt(store)
            except StoreError:
                if self._generation is None:
                    raise
                # Damaged or out of reach: the session in memory lives on, and its next save repairs the record.
            else:
                self._looked_at = self._world.now()
        return store

    async def save(self, store: Store, session: Session) -> bool:
        """Take `session` for the login from now on; False if somebody logged in or out meanwhile, who knows better.

        Neither a full disk nor a lost server must cost the login: it stays in memory and is saved later.
        """
        async with self._one_by_one:
            return await self._save(store, session)

    async def store(self, store: Store, session: Session) -> bool:
        """As `save`, before a step that must not be taken unless everybody can see it. Raises `StoreError`."""
        async with self._one_by_one:
            return await self._store(store, session)

    async def _save(self, store: Store, session: Session) -> bool:
        try:
            return await self._store(store, session)
        except StoreError as error:
            if not self._unsaved:
                self._world.warn(error)
            self.session, self._unsaved = session, True
            return True

    async def _store(self, store: Store, session: Session) -> bool:
        before, self.session = self.session, session
        try:
            self._generation = await self._world.beside(lambda: store.save(self._key, dump(session), self._generation))
        except Stale:
            self.session, self._unsaved = before, False
            await self._adopt(store)
            return False
        except StoreError:
            self.session = before
            raise
        self._unsaved = False
        return True

    async def _adopt(self, store: Store) -> None:
        record = await self._world.beside(lambda: store.load(self._key))
        if record is None:
            self.session = self._generation = None
        elif record.generation != self._generation:
            session = load_session(record.secret)
            self.session = self._generation = None  # somebody else's is looked at again, and refused again
            self._admit(session)
            self.session, self._generation = session, record.generation
