"""A command in this process, against a `Far` server: `World`s made of a line of configuration."""

import json

from mcp_auth_bridge import config
from mcp_auth_bridge.shell.paths import Paths
from mcp_auth_bridge.vault import Vault
from mcp_auth_bridge.world import World

KEY = "bWNwLWF1dGgtYnJpZGdlLWVuZC10by1lbmQtdGVzdHM=\n"


def world_of(folder, url, auth='{ kind = "none" }', environ=None, more=""):
    """The world in which `acme` is at `url`; logins are sealed below `folder`."""
    key = folder / "sealing.key"
    key.touch(0o600)
    key.write_text(KEY)
    paths = Paths(folder / "config.toml", folder / "records", folder / "locks", folder / "memory")
    store = f"[store]\nkind = 'key_file'\npath = {json.dumps(str(key))}\n"
    text = f"{store}[servers.acme]\nurl = {json.dumps(url)}\nauth = {auth}\n{more}"
    return World(paths, config.parse(text, paths.config), environ or {})


def store_of(world):
    return Vault(world.config.store, world.paths).store
