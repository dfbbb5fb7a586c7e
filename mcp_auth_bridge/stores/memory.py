"""The store in memory: a dict that ends with the process."""

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.base import Record, Stale


class MemoryStore:
    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._last: dict[str, int] = {}  # outlives a delete: a generation is never used twice

    def load(self, key: str) -> Record | None:
        return self._records.get(key)

    def save(self, key: str, secret: str, expected: int | None) -> int:
        if self._generation(key) != expected:
            raise Stale
        generation = self._last[key] = self._last.get(key, 0) + 1
        self._records[key] = Record(generation, secret)
        return generation

    def reserve(self, key: str) -> None:
        """Does nothing: a reservation would not help if memory were full."""

    def put_back(self, key: str, record: Record) -> None:  # noqa: ARG002 - memory is not restored from a backup
        raise Stale

    def delete(self, key: str, expected: int) -> bool:
        if self._generation(key) != expected:
            return False
        del self._records[key]
        return True

    def discard(self, key: str) -> bool:  # noqa: ARG002 - nothing in memory is ever damaged
        return False

    def keys(self) -> list[str]:
        return sorted(self._records)

    def unreadable(self) -> list[StoreError]:
        return []

    def _generation(self, key: str) -> int | None:
        record = self._records.get(key)
        return record.generation if record else None
