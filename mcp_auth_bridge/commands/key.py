"""`mcp-auth-bridge key`: the key pair of this machine. A login exported to it opens on this machine alone.

The private key never leaves the machine.
"""

import base64
import binascii
import json
import os

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.stores.base import Stale, Store
from mcp_auth_bridge.stores.login_export import KEY_BYTES, recipient_line

_RECORD = "key of this machine"


class Input(msgspec.Struct, frozen=True):
    as_json: bool = False


class KeyDocument(msgspec.Struct, frozen=True):
    """The public key, as `--json` prints it."""

    # The word for `--recipient`.
    recipient: str


async def run(given: Input, context: Context) -> int:
    """Print the public key. The first call makes the key pair."""
    store_access = context.store_access()
    store_access.check_keeps("a key")
    store = await store_access.open_to_write()
    private = load_machine_key(store) or _make_key(store)
    line = recipient_line(private)
    if given.as_json:
        terminal.print_result(json.dumps(msgspec.to_builtins(KeyDocument(line)), indent=2))
        return 0
    terminal.print_result(line)
    terminal.say(f"on the machine that has the login: mcp-auth-bridge login NAME --export FILE --recipient {line}")
    return 0


def load_machine_key(store: Store) -> bytes | None:
    """The private key, None if there is none yet. Raises `StoreError`."""
    record = store.load(_RECORD)
    if record is None:
        return None
    try:
        return base64.b64decode(record.secret, validate=True)
    except binascii.Error:
        raise StoreError("the key of this machine is stored in an unknown format", "upgrade mcp-auth-bridge") from None


def _make_key(store: Store) -> bytes:
    private = os.urandom(KEY_BYTES)
    try:
        store.save(_RECORD, base64.b64encode(private).decode(), None)
    except Stale:  # another process has just made one
        return load_machine_key(store) or _make_key(store)
    return private
