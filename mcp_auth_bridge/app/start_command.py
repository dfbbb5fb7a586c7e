"""The command that an entry has, with the variables that its server needs."""

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.ide_entry import ide_entry
from mcp_auth_bridge.app.references import references_of
from mcp_auth_bridge.clients.entry_form import StartCommand
from mcp_auth_bridge.secret import variables_in


def start_command(bridge: Bridge) -> StartCommand:
    """The command with which a client starts `bridge`. No secret is in it."""
    entry = ide_entry(bridge)
    named = [variable.name for value in references_of(bridge.profile) for variable in variables_in(value)]
    needs = tuple(dict.fromkeys([*named, *bridge.profile.pass_environment]))
    return StartCommand((entry.command, *entry.args), entry.env, needs)
