"""Caches an MCP server's results, so that the next process can reply to a client before the server does.

Names and descriptions of tools are not credentials, but they are private: only the user can read the files. They are
not sealed, because they are needed before the keyring may be asked. Losing a file costs nothing.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.folder import Folder, hashed_name


class ServerCache:
    """The cached results of the server under `key`: raw JSON by JSON-RPC method."""

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = Folder(folder)
        self._name = hashed_name(key, ".json")

    def load(self) -> Mapping[str, bytes]:
        """Return the cached results; empty if the file is missing or cannot be read."""
        try:
            document = json.loads(self._folder.read(self._name) or b"{}")
            return {method: text.encode() for method, text in document.items() if isinstance(text, str)}
        except (StoreError, ValueError, AttributeError):
            return {}

    def save(self, method: str, result: bytes) -> None:
        """Add the `result` of `method`, if the disk has room for it."""
        with contextlib.suppress(StoreError):  # a full disk must not stop the relay
            document = {**{name: raw.decode() for name, raw in self.load().items()}, method: result.decode()}
            self._folder.create()
            self._folder.write(self._name, json.dumps(document).encode(), f"{self._name}.{os.urandom(6).hex()}")

    def forget(self) -> None:
        """Delete the file."""
        with contextlib.suppress(StoreError):  # there was none
            self._folder.remove(self._name)
