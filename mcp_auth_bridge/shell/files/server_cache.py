"""What a remote said last time, so that the next process can answer a client before the remote does.

Names and descriptions of tools are no credentials, but they are private: the files are the user's own. They are not
sealed, because they are needed before the keyring may be asked. Losing one costs nothing.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.folder import Folder, hashed_name


class ServerCache:
    """The memory of one server under `key`, as raw JSON by method."""

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = Folder(folder)
        self._name = hashed_name(key, ".json")

    def load(self) -> Mapping[str, bytes]:
        """Nothing, if there is nothing that can be read."""
        try:
            document = json.loads(self._folder.read(self._name) or b"{}")
            return {method: text.encode() for method, text in document.items() if isinstance(text, str)}
        except (StoreError, ValueError, AttributeError):
            return {}

    def save(self, method: str, result: bytes) -> None:
        with contextlib.suppress(StoreError):  # a full disk must not stop the relay for the sake of its memory
            document = {**{name: raw.decode() for name, raw in self.load().items()}, method: result.decode()}
            self._folder.create()
            self._folder.write(self._name, json.dumps(document).encode(), f"{self._name}.{os.urandom(6).hex()}")

    def forget(self) -> None:
        with contextlib.suppress(StoreError):  # there was nothing
            self._folder.remove(self._name)
