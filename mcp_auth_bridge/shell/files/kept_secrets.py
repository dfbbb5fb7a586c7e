"""The names of the secrets that the bridge has put into the OS keyring: not every keyring can list its entries.

Losing the file costs little: `uninstall --everything` then leaves those secrets that no configuration names.
"""

import contextlib
import os
from pathlib import Path

import msgspec

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.folder import Folder

_NAME = "kept-secrets.json"


class KeptSecrets:
    """The names in the folder `memory`."""

    def __init__(self, memory: Path) -> None:
        self._folder = Folder(memory)

    def names(self) -> frozenset[str]:
        """All names; none if the file is missing or cannot be read."""
        try:
            return frozenset(msgspec.json.decode(self._folder.read(_NAME) or b"[]", type=list[str]))
        except (StoreError, msgspec.DecodeError):
            return frozenset()

    def add(self, name: str) -> None:
        """Add `name`, if the folder can be written."""
        known = self.names()
        if name in known:
            return
        with contextlib.suppress(StoreError):  # the secret is in the keyring, and that is what matters
            self._folder.create()
            data = msgspec.json.encode(sorted({*known, name}))
            self._folder.write(_NAME, data, f"{_NAME}.{os.urandom(6).hex()}")
