"""`mcp-auth-bridge remove`: take a server out of the configuration file, and name the things that stay elsewhere."""

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.this_system import this_system
from mcp_auth_bridge.clients.entry_programs import NAME, BridgeStart, started
from mcp_auth_bridge.commands.config_change import change_config, read_config
from mcp_auth_bridge.config.auth import references
from mcp_auth_bridge.config.config_file import Config
from mcp_auth_bridge.config.config_text import without_server
from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.doctor.client.files import read_client_files
from mcp_auth_bridge.errors import ConfigError, quoted
from mcp_auth_bridge.secret import KeyringEntry
from mcp_auth_bridge.shell.console import terminal


class Input(msgspec.Struct, frozen=True):
    name: str


async def run(given: Input, context: Context) -> int:
    config = read_config(context)[1]
    if given.name not in {*config.profiles, *config.broken}:
        config.profile(given.name)  # raises the error for an unknown name
        raise ConfigError(f"{quoted(given.name)} is not the name of a server in {config.path}", _by_name(config))
    change_config(context, given.name, lambda text, _: without_server(text, given.name))
    terminal.say(f"{given.name} is no longer in {config.path}")
    if (profile := config.profiles.get(given.name)) is not None:
        for line in [*_staying(profile, context), *await _starting_entries(profile, context)]:
            terminal.say(line)
    return 0


def _by_name(config: Config) -> str:
    return f"name one of: {', '.join(sorted({*config.profiles, *config.broken}))}"


def _staying(profile: Profile, context: Context) -> list[str]:
    """The things outside the file that belonged to `profile`, each with the command that removes it."""
    lines = []
    if isinstance(profile.auth, LoginSettings):
        command = Bridge(profile, context).command("logout")
        lines.append(f"a login to it, if there is one, stays in the store; to end it, run: {command}")
    used = {
        entry for other in context.config.profiles.values() if other.name != profile.name for entry in _entries(other)
    }
    unused = sorted(_entries(profile) - used)
    lines += [f"the secret {quoted(entry)} stays in the OS keyring (service mcp-auth-bridge)" for entry in unused]
    return lines


async def _starting_entries(profile: Profile, context: Context) -> list[str]:
    """The entries of clients that start the bridge for `profile`, and the command that removes them."""
    files = await read_client_files(this_system(context.environ), (NAME,))
    entries = [
        entry
        for entry in files.entries
        if isinstance(start := started(entry.argv), BridgeStart) and start.target == profile.name
    ]
    lines = [f"the entry {quoted(entry.name)} of {entry.client.name} starts it: {entry.path}" for entry in entries]
    command = Bridge(profile, context).command("uninstall --all")
    return [*lines, f"to remove such entries, which fail now, run: {command}"] if lines else []


def _entries(profile: Profile) -> set[str]:
    """The names of the keyring's entries that `profile` refers to."""
    named = {**profile.headers, **references(profile.auth)}
    return {value.name for value in named.values() if isinstance(value, KeyringEntry)}
