"""Runs a command in this process against a `Far` server, with a `Context` from one line of configuration."""

import json

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.shell.files.paths import paths_below

KEY = "bWNwLWF1dGgtYnJpZGdlLWVuZC10by1lbmQtdGVzdHM=\n"


def context_of(folder, url, auth='{ kind = "none" }', environ=None, more=""):
    """The context of a command with the server `acme` at `url`; logins are sealed below `folder`."""
    key = folder / "sealing.key"
    key.touch(0o600)
    key.write_text(KEY)
    paths = paths_below(folder)
    store = f"[store]\nkind = 'key_file'\npath = {json.dumps(str(key))}\n"
    text = f"{store}[servers.acme]\nurl = {json.dumps(url)}\nauth = {auth}\n{more}"
    return Context(paths, config_file.parse(text, paths.config), environ or {})


def store_of(context):
    return StoreAccess(context.config.store, context.paths).store
