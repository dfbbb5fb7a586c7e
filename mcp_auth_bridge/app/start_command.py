"""The command that an entry has, with the variables that its server needs."""

from collections.abc import Iterator
from typing import Any

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.ide_entry import ide_entry
from mcp_auth_bridge.clients.entry_form import StartCommand
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import parse_reference, variables_in


def start_command(bridge: Bridge) -> StartCommand:
    """The command with which a client starts `bridge`. No secret is in it."""
    entry = ide_entry(bridge)
    return StartCommand((entry.command, *entry.args), entry.env, tuple(dict.fromkeys(_needs(bridge))))


def _needs(bridge: Bridge) -> Iterator[str]:
    """The names of the environment variables that the settings of the server refer to."""
    profile = bridge.profile
    for reference in profile.headers.values():
        yield from (variable.name for variable in variables_in(reference))
    for text in _texts(msgspec.to_builtins(profile.auth, enc_hook=str)):
        try:
            yield from (variable.name for variable in variables_in(parse_reference(text, "the configuration")))
        except ConfigError:
            continue  # it is not a reference
    yield from profile.pass_environment


def _texts(value: Any) -> Iterator[str]:
    """All texts in `value`. Any: JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
