"""What every store promises, of the store that forgets."""

import pytest
from store_contract import StoreContract

from mcp_auth_bridge.stores.base import Record, Stale
from mcp_auth_bridge.stores.memory import MemoryStore


class TestMemoryStore(StoreContract):
    def handles(self, folder):
        store = MemoryStore()
        return store, store


def test_memory_is_never_full_damaged_or_restored():
    store = MemoryStore()
    store.reserve("a")
    generation = store.save("a", "x", None)
    with pytest.raises(Stale):
        store.put_back("a", Record(generation, "older"))
    assert not store.discard("a")
    assert store.unreadable() == []
    assert store.load("a") == Record(generation, "x")
