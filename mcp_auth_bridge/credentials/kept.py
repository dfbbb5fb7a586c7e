"""The session in memory, and the record in the store that it is a copy of."""

from collections.abc import Awaitable, Callable

from mcp_auth_bridge.errors import BridgeError, StoreError
from mcp_auth_bridge.oauth.session import Session, dump, load_session
from mcp_auth_bridge.stores.base import Stale, Store

_GLANCE = 1.0
"""Seconds for which the session in memory is taken for the stored one: by then a login or logout elsewhere shows."""


class Kept:
    """The login stored under `key`. `now` is Unix seconds; `warn` hears of what cannot be saved, once each time."""

    def __init__(
        self,
        key: str,
        open_store: Callable[[], Awaitable[Store]],
        now: Callable[[], float],
        warn: Callable[[BridgeError], None],
    ) -> None:
        self.session: Session | None = None
        self._key = key
        self._open_store = open_store
        self._now = now
        self._warn = warn
        self._generation: int | None = None
        self._looked_at = float("-inf")
        self._unsaved = False

    def is_fresh(self) -> bool:
        return 0 <= self._now() - self._looked_at < _GLANCE

    async def look(self) -> Store:
        """Read the store. A login that is gone there is gone here."""
        store = await self._open_store()
        if self._unsaved and self.session is not None:
            self.save(store, self.session)
        try:
            self._adopt(store)
        except StoreError:
            if self._generation is None:
                raise
            # Damaged under our feet: the session in memory lives on, and its next save repairs the record.
        else:
            self._looked_at = self._now()
        return store

    def save(self, store: Store, session: Session) -> bool:
        """Take `session` for the login from now on; False if somebody logged in or out meanwhile, who knows better.

        A full disk must not cost the login: it stays in memory and is saved later.
        """
        before, self.session = self.session, session
        try:
            self._generation = store.save(self._key, dump(session), self._generation)
            self._unsaved = False
        except Stale:
            self.session, self._unsaved = before, False
            self._adopt(store)
            return False
        except StoreError as error:
            if not self._unsaved:
                self._warn(error)
            self._unsaved = True
        return True

    def _adopt(self, store: Store) -> None:
        record = store.load(self._key)
        if record is None:
            self.session = self._generation = None
        elif record.generation != self._generation:
            self.session, self._generation = load_session(record.secret), record.generation
