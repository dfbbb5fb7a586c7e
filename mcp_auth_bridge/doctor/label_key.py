"""The key from which labels are made in reports for the public: random, once for this user on this machine."""

import os

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.files.paths import NOWHERE, Paths
from mcp_auth_bridge.stores.folder import Folder

NAME = "labels.key"
_LENGTH = 32  # bytes


def label_key(paths: Paths) -> tuple[bytes, bool]:
    """The key, and whether the next report will use the same one: a folder that cannot be written keeps no key."""
    if paths is NOWHERE:  # root could make that folder
        return os.urandom(_LENGTH), False
    folder = Folder(paths.memory)
    try:
        known = folder.read(NAME)
        if known is None or len(known) != _LENGTH:
            folder.write(NAME, os.urandom(_LENGTH), f"{NAME}.{os.urandom(6).hex()}")
            known = folder.read(NAME)
    except StoreError:
        known = None
    return (known, True) if known is not None else (os.urandom(_LENGTH), False)
