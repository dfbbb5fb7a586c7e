"""Wrappers around credentials and stores that write their decisions to the debug log.

Both rooms lie below the shell and do not log themselves.
"""

from collections.abc import Mapping

from mcp_auth_bridge.credentials.base import Credentials, Refusal, Target, ready
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.stores.base import Record, Store


class LoggingCredentials:
    """Logs when the credentials differ from those before, and how a refusal ended."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._at_hand = ready(credentials)
        self._last: str | None = None
        # Headers at hand that do not differ from those before; None while none are known.
        self._same: Mapping[str, str] | None = None

    async def headers(self, target: Target, refused: Refusal | None = None) -> Mapping[str, str]:
        status = refused.status if refused else None
        try:
            headers = await self._credentials.headers(target, refused)
        except Exception as error:
            debug_log.event("credentials", outcome="given up", refused=status, **debug_log.failure(error))
            raise
        authorization = self._key(headers)
        if refused or authorization != self._last:
            debug_log.event("credentials", outcome=self._outcome(authorization), refused=status)
        self._last, self._same = authorization, None
        return headers

    def at_hand(self, target: Target) -> Mapping[str, str] | None:
        """Headers other than the last ones take the way through `headers`, which logs the change."""
        headers = self._at_hand(target)
        if headers is not None and headers is not self._same:
            if self._key(headers) != self._last:
                return None
            self._same = headers
        return headers

    @staticmethod
    def _key(headers: Mapping[str, str]) -> str:
        return headers.get("authorization") or "\n".join(headers.values())  # no two proofs are alike

    def _outcome(self, authorization: str) -> str:
        if not authorization:
            return "none"
        if self._last is None:
            return "cached"
        return "same" if authorization == self._last else "renewed"


class LoggingStore:
    """Logs which generation is read, when it differs from the one before, and everything that is written."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[str, int | None] = {}

    def load(self, key: str) -> Record | None:
        try:
            record = self._store.load(key)
        except Exception as error:
            debug_log.event("store.read", what=_kind(key), **debug_log.failure(error))
            raise
        generation = record.generation if record else None
        if self._read.get(key, -1) != generation:
            outcome = "found" if record else "none"
            debug_log.event("store.read", what=_kind(key), outcome=outcome, generation=generation)
        self._read[key] = generation
        return record

    def save(self, key: str, secret: str, expected: int | None) -> int:
        with debug_log.timed("store.saved", what=_kind(key)) as line:
            generation = self._store.save(key, secret, expected)
            line.add(generation=generation)
            return generation

    def reserve(self, key: str) -> None:
        self._store.reserve(key)

    def put_back(self, key: str, record: Record) -> None:
        with debug_log.timed("store.put_back", what=_kind(key), generation=record.generation):
            self._store.put_back(key, record)

    def delete(self, key: str, expected: int) -> bool:
        with debug_log.timed("store.deleted", what=_kind(key), generation=expected) as line:
            deleted = self._store.delete(key, expected)
            line.add(outcome="deleted" if deleted else "another generation")
            return deleted

    def discard(self, key: str) -> bool:
        with debug_log.timed("store.deleted", what=_kind(key)) as line:
            discarded = self._store.discard(key)
            line.add(outcome="damaged, deleted" if discarded else "whole")
            return discarded

    def keys(self) -> list[str]:
        return self._store.keys()

    def unreadable(self) -> list[StoreError]:
        return self._store.unreadable()


def _kind(key: str) -> str:
    """The kind of a record, which is the first word of its key."""
    return key.partition(" ")[0]
