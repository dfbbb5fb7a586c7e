"""The next step after a login: the entry for the MCP configuration of an IDE."""

import itertools
import json
from collections.abc import Container, Sequence

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.ide_entry import IdeEntry, entry_key, ide_entry
from mcp_auth_bridge.shell.console import terminal

_LEAD = "\nNext, add this to your IDE's MCP configuration, or let mcp-auth-bridge install do it:\n"


def show_ide_entries(bridges: Sequence[Bridge], *options: str) -> None:
    """Print the entries for `bridges` as JSON, with these `options` of `run`. On a terminal a sentence comes first."""
    entries: dict[str, IdeEntry] = {}
    for bridge in bridges:
        entries[_unused_key(entry_key(bridge), entries)] = ide_entry(bridge, *options)
    text = json.dumps(msgspec.to_builtins({"mcpServers": entries}), indent=2, ensure_ascii=False)
    terminal.print_result(f"{_LEAD}\n{text}" if terminal.stdout_is_terminal() else text)


def _unused_key(key: str, taken: Container[str]) -> str:
    """`key`, with a number if it is among `taken`: two servers must not have the same."""
    numbered = (key if number == 1 else f"{key}-{number}" for number in itertools.count(1))
    return next(name for name in numbered if name not in taken)
