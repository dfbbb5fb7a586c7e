"""A script that stores a login for the server `bench` in the configuration that the environment names.

The login has no refresh token and no expiry, so the bridge uses it unchanged.
"""

import asyncio
import time

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import load_context
from mcp_auth_bridge.config.store import KeyringStoreSettings
from mcp_auth_bridge.oauth.session import Client, Session, dump
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.files.paths import paths


async def _save() -> None:
    around = load_context(paths(), None, KeyringStoreSettings())
    bridge = Bridge(around.config.profile("bench"), around)
    store = await bridge.store_access.open_to_write()
    session = Session(
        resource=str(bridge.profile.url),
        issuer="https://login.example",
        token_endpoint="https://login.example/token",
        client=Client(issuer="https://login.example", id="bench"),
        access=Secret("x"),
        obtained_at=time.time(),
    )
    store.save(bridge.record, dump(session), None)


if __name__ == "__main__":
    asyncio.run(_save())
