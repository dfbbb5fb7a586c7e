"""`mcp-auth-bridge add`: write a server into the configuration file, which keeps its comments and its form."""

import json
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.server_lookup import login_urls
from mcp_auth_bridge.catalogue.presets import is_known_as_open, search_presets
from mcp_auth_bridge.commands.add_dialog import ask_for_server
from mcp_auth_bridge.commands.config_change import change_config
from mcp_auth_bridge.commands.described_server import Wish, described_server
from mcp_auth_bridge.commands.server_needs import Need
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.config.auth import describe_static
from mcp_auth_bridge.config.config_file import Config
from mcp_auth_bridge.config.config_text import server_block, with_server
from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.config.new_server import NewServer, check_no_secret
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.doctor.here.store_look import look_into
from mcp_auth_bridge.errors import BridgeError, ConfigError, StoreError, shell_quoted
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.stores.folder import Folder
from mcp_auth_bridge.stores.sealed import record_names


class Input(msgspec.Struct, frozen=True):
    """`wish` is None if the user is to be asked. With `search` the presets that have these words are listed."""

    wish: Wish | None = None
    search: str | None = None
    # Whether the presets are listed for a program.
    as_json: bool = False


async def run(given: Input, context: Context) -> int:
    if given.search is not None:
        return _list_presets(given.search, _as_json if given.as_json else _as_table)
    if given.wish is None:
        described = await ask_for_server(context)
        if described is None:
            return 0
        server, need = described
    else:
        server, need = await described_server(given.wish, context), Need.UNKNOWN
    check_no_secret(server)
    _check_settings(server, context)
    try:
        config = change_config(context, server.name, lambda text, config: _added(text, config, server))
    except _NameTaken:
        raise
    except BridgeError:
        _show_block(server, context)
        raise
    is_open = need is Need.NOTHING or is_known_as_open(server.url)
    after = replace(context, config=config)
    profile = config.profiles[server.name]
    _tell(profile, after, "it needs no login" if is_open else "")
    await _tell_of_login_by_url(profile, after)
    return 0


async def _tell_of_login_by_url(profile: Profile, context: Context) -> None:
    """Say that a login that was made by URL is not used under the name. The store must not ask the user for that."""
    try:
        records = record_names(Folder(context.paths.records))
    except StoreError:
        return  # `login` reports it
    keys = (await look_into(context.store_access())).keys if records else ()
    if str(profile.url) in login_urls(keys):
        terminal.say(
            f"there is a login by URL to it, which is not used under a name: log in to {profile.name} once more"
        )


class ListedPreset(msgspec.Struct, frozen=True):
    """One preset, as `--json` prints it."""

    # The name that `add` takes.
    name: str
    # The name for people.
    title: str
    # The URL, with the places of variables.
    url: str
    # "streamable-http" or "sse".
    transport: str
    # The credentials that the server wants, in words.
    wants: str
    # Where that is documented.
    source: str
    # The date of the source: YYYY-MM-DD.
    date: str


def _list_presets(words: str, form: Callable[[Sequence[ListedPreset]], str]) -> int:
    """List the presets that have these `words`, in this `form`."""
    found = [
        ListedPreset(p.name, p.remote.title, p.remote.url, p.remote.transport, p.access.value, p.source, p.date)
        for p in search_presets(words)
    ]
    if not found:
        raise ConfigError("no preset has these words", "any server can be added by its URL: add NAME https://…")
    terminal.print_result(form(found))
    return 0


def _as_json(presets: Sequence[ListedPreset]) -> str:
    return json.dumps([msgspec.to_builtins(each) for each in presets], indent=2)


def _as_table(presets: Sequence[ListedPreset]) -> str:
    names = max(len(each.name) for each in presets)
    titles = max(len(each.title) for each in presets)
    return "\n".join(f"{each.name:<{names}}  {each.title:<{titles}}  {each.wants}" for each in presets)


class _NameTaken(ConfigError):
    """The file has a server of that name, with other settings."""


def _check_settings(server: NewServer, context: Context) -> None:
    """Raise `ConfigError` if the settings of `server` contradict each other."""
    broken = _alone(server, context.config).broken
    if server.name in broken:
        error = broken[server.name].error
        raise ConfigError(error.message.partition(": ")[2], error.hint)


def _alone(server: NewServer, config: Config) -> Config:
    """A configuration with `server` alone."""
    return config_file.parse(server_block(server.name, server.table()), config.path, config.store)


def _added(text: str, config: Config, server: NewServer) -> str:
    """`text` with `server`; `text` itself if it has just this server. Raises `ConfigError`."""
    if server.name not in {*config.broken, *config.profiles}:
        return with_server(text, server.name, server.table())
    if config.profiles.get(server.name) == _alone(server, config).profiles[server.name]:
        return text
    name = shell_quoted(server.name)
    raise _NameTaken(
        f"{config.path} has a server named {server.name} already, with other settings",
        f"choose another name, or run: mcp-auth-bridge edit {name} (or: mcp-auth-bridge remove {name})",
    )


def _show_block(server: NewServer, context: Context) -> None:
    terminal.say(f"nothing was written; by hand, add these lines to {context.config.path}:")
    terminal.print_result(server_block(server.name, server.table()).removesuffix("\n"))


def _tell(profile: Profile, context: Context, known: str) -> None:
    """Tell the result and the next step. `known` is a sentence about the server's needs, "" for none."""
    terminal.say(f"{profile.name} is in {context.config.path}: {profile.url}")
    others = (other for other in context.config.profiles.values() if other.url == profile.url)
    if same := [other.name for other in others if other.name != profile.name]:
        terminal.say(f"its URL is that of {', '.join(same)} too: from now on, name the one that you mean")
    bridge = Bridge(profile, context)
    if not isinstance(profile.auth, LoginSettings):
        told = describe_static(profile.auth) or "tokens that it obtains by itself"
        terminal.say(f"it needs no login, and presents {told}; to try it, run: {bridge.command('tools')}")
    elif known:
        terminal.say(f"{known}; to try it, run: {bridge.command('tools')}")
    elif profile.headers:
        terminal.say(f"to try it, run: {bridge.command('tools')}; if it wants a login too: {bridge.login_command}")
    else:
        terminal.say(f"next, run: {bridge.login_command}")
    terminal.say(f"for your IDE or agent, run: {bridge.command('install CLIENT')}")
