"""The next step after a login: the entry for the MCP configuration of an IDE."""

import itertools
import json
import re
from collections.abc import Container, Sequence

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.config.short_name import short_name
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.paths import HOME_VARIABLE
from mcp_auth_bridge.shell.process.invocation import invocation

_LEAD = "\nNext, add this to your IDE's MCP configuration:\n"


class IdeEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One server in the `mcpServers` object of a client's configuration."""

    command: str
    args: tuple[str, ...]
    env: dict[str, str] = {}


def show_ide_entries(bridges: Sequence[Bridge], *options: str) -> None:
    """Print the entries for `bridges` as JSON, with these `options` of `run`. On a terminal a sentence comes first."""
    entries: dict[str, IdeEntry] = {}
    for bridge in bridges:
        entries[_unused_key(_key(bridge), entries)] = ide_entry(bridge, *options)
    text = json.dumps(msgspec.to_builtins({"mcpServers": entries}), indent=2, ensure_ascii=False)
    terminal.print_result(f"{_LEAD}\n{text}" if terminal.stdout_is_terminal() else text)


def ide_entry(bridge: Bridge, *options: str) -> IdeEntry:
    """The command with which an IDE starts `bridge`, with these `options` of `run`."""
    command, *words = invocation()
    home = bridge.environ.get(HOME_VARIABLE)
    return IdeEntry(command, (*words, "run", *bridge.arguments, *options), {HOME_VARIABLE: home} if home else {})


def _unused_key(key: str, taken: Container[str]) -> str:
    """`key`, with a number if it is among `taken`: two servers must not have the same."""
    numbered = (key if number == 1 else f"{key}-{number}" for number in itertools.count(1))
    return next(name for name in numbered if name not in taken)


def _key(bridge: Bridge) -> str:
    """The server's name in characters that every client accepts."""
    profile = bridge.profile
    name = short_name(profile.url) if "://" in profile.name else profile.name
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)
