"""The names of the secrets that the bridge has put into the OS keyring: not every keyring can list its entries.

Losing the file costs little: `uninstall --everything` then leaves those secrets that no configuration names.
"""

import contextlib
import os

import msgspec

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.files.lock import Locks
from mcp_auth_bridge.shell.files.paths import Paths
from mcp_auth_bridge.stores.folder import Folder

_NAME = "kept-secrets.json"


class KeptSecrets:
    """The names that the bridge at `paths` has used."""

    def __init__(self, paths: Paths) -> None:
        self._folder, self._locks = Folder(paths.memory), Locks(paths.locks)

    def names(self) -> frozenset[str]:
        """All names; none if the file is missing or cannot be read."""
        try:
            return frozenset(msgspec.json.decode(self._folder.read(_NAME) or b"[]", type=list[str]))
        except (StoreError, msgspec.DecodeError):
            return frozenset()

    def add(self, name: str) -> None:
        """Add `name`, if the folder can be written."""
        # The secret is in the keyring, and that is what matters.
        with contextlib.suppress(StoreError), self._locks.mutex("the names of the secrets"):
            data = msgspec.json.encode(sorted({*self.names(), name}))
            self._folder.write(_NAME, data, f"{_NAME}.{os.urandom(6).hex()}")
