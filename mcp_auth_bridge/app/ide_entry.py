"""The entry for the configuration of an IDE that starts the bridge."""

import json
import re

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.config.short_name import short_name
from mcp_auth_bridge.shell.files.paths import HOME_VARIABLE
from mcp_auth_bridge.shell.process.invocation import invocation


class IdeEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One server in the `mcpServers` object of a client's configuration."""

    command: str
    args: tuple[str, ...]
    env: dict[str, str] = {}


def ide_entry(bridge: Bridge, *options: str) -> IdeEntry:
    """The command with which an IDE starts `bridge`, with these `options` of `run`."""
    command, *words = invocation()
    home = bridge.environ.get(HOME_VARIABLE)
    return IdeEntry(command, (*words, "run", *bridge.arguments, *options), {HOME_VARIABLE: home} if home else {})


def entry_text(bridge: Bridge) -> str:
    """The entry for `bridge` as JSON on one line, with the headers of the command line."""
    return json.dumps(msgspec.to_builtins(ide_entry(bridge, *bridge.header_options)), ensure_ascii=False)


def entry_key(bridge: Bridge) -> str:
    """The server's name in characters that every client accepts."""
    profile = bridge.profile
    name = short_name(profile.url) if "://" in profile.name else profile.name
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)
