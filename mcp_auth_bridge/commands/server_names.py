"""The names by which a command takes a server, without a question to a keyring: a user who presses TAB waits for them.

Logins that the configuration does not name are in sealed records. They are opened only where their key is in a file.
"""

from collections.abc import Mapping

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.config.store import InsecureFileStoreSettings, KeyFileStoreSettings
from mcp_auth_bridge.errors import BridgeError


async def server_names(context: Context) -> Mapping[str, str]:
    """The URL of each server by the name that a command takes for it. Raises nothing."""
    config = context.config
    names = {name: str(profile.url) for name, profile in config.profiles.items()}
    names |= {name: broken.url for name, broken in config.broken.items()}
    if isinstance(config.store, KeyFileStoreSettings | InsecureFileStoreSettings):
        from mcp_auth_bridge.app.server_lookup import unique_short_name
        from mcp_auth_bridge.commands.stored_logins import profiles

        try:
            keys = (await context.store_access().open_to_list()).keys()
        except BridgeError:
            return names
        for profile in profiles(keys, context):
            if name := unique_short_name(profile, context, keys):
                names[name] = str(profile.url)
    return names
