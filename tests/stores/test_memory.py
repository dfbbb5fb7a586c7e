"""What every store promises, of the store that forgets."""

from store_contract import StoreContract

from mcp_auth_bridge.stores.memory import MemoryStore


class TestMemoryStore(StoreContract):
    def handles(self, folder):
        store = MemoryStore()
        return store, store
