"""What every store promises, of sealed files and two handles on them."""

import base64
import os

from store_contract import StoreContract

from mcp_auth_bridge.shell.files.lock import Locks
from mcp_auth_bridge.stores.keys import KeyFile, sealing_key
from mcp_auth_bridge.stores.sealed import SealedStore


class TestSealedStoreWithAKeyFile(StoreContract):
    def handles(self, folder):
        path = folder / "key"
        path.write_bytes(base64.b64encode(bytes(range(32))))
        path.chmod(0o600)
        locks, records = Locks(folder / "locks"), folder / "records"

        def key():
            return sealing_key(KeyFile(path), os.urandom, locks.mutex, records)

        return tuple(SealedStore(records, key, os.urandom, locks.mutex) for _ in range(2))
