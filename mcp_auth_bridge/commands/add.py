"""`mcp-auth-bridge add`: write a server into the configuration file, which keeps its comments and its form."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.commands.config_change import change_config, read_config
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.config.config_file import Config, parse_auth_argument
from mcp_auth_bridge.config.config_text import server_block, with_server
from mcp_auth_bridge.config.login import LoginSettings
from mcp_auth_bridge.config.new_server import NewServer, check_no_secret, name_for, with_authorization
from mcp_auth_bridge.config.profile import Profile, parse_server_url
from mcp_auth_bridge.errors import BridgeError, ConfigError, quoted, shell_quoted
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.urls import Purpose, Url, with_scheme


class Input(msgspec.Struct, frozen=True):
    """The server to add, as the command line describes it."""

    # The words of the command line: a name and a URL, or one of them.
    words: tuple[str, ...] = ()
    # Headers for every request.
    headers: Mapping[str, str] = {}
    # The content of an `auth` table, None if it is not given.
    auth: str | None = None
    # The keys of a browser login that have options of their own.
    login: Mapping[str, Any] = {}  # Any: TOML
    # Whether the URL may use plain http.
    allow_http: bool = False
    # Whether IPv6 addresses are left out.
    ipv4: bool = False


async def run(given: Input, context: Context) -> int:
    server = with_authorization(_described(given, context))
    check_no_secret(server)
    _check_settings(server, context)
    try:
        config = change_config(context, server.name, lambda text, config: _added(text, config, server))
    except _NameTaken:
        raise
    except BridgeError:
        _show_block(server, context)
        raise
    _tell(config.profiles[server.name], replace(context, config=config))
    return 0


class _NameTaken(ConfigError):
    """The file has a server of that name, with other settings."""


def _described(given: Input, context: Context) -> NewServer:
    """The server that the command line describes. Raises `ConfigError`."""
    name, text = _name_and_url(given.words)
    url = parse_server_url(text, "the URL", Purpose.PLAIN_SERVER if given.allow_http else Purpose.SERVER)
    if given.auth is not None and given.login:
        raise ConfigError("--auth replaces the options for a login in the browser", "write their keys into --auth")
    auth = dict(given.login) if given.auth is None else parse_auth_argument(given.auth)
    name = name or _unused_name(url, context)
    text = text.partition("#")[0]
    return NewServer(name, text, given.headers, auth, allow_http=given.allow_http, ipv4_only=given.ipv4)


def _name_and_url(words: tuple[str, ...]) -> tuple[str, str]:
    """The name, "" if none is given, and the URL. Raises `ConfigError`."""
    match words:
        case (url,) if "://" in url:
            return "", url
        case (word,):
            hint = f"did you mean {meant}?" if (meant := with_scheme(word)) else "the URL starts with https://"
            raise ConfigError(f"{quoted(word)} is not a URL", hint)
        case (name, url) if "://" in name and "://" not in url:
            raise ConfigError("the name comes before the URL", f"write: add {shell_quoted(url)} {shell_quoted(name)}")
        case (name, url):
            return _checked_name(name), url
    raise ConfigError("there is no server to add", "name it and give its URL: add acme https://mcp.acme.example/mcp")


def _checked_name(name: str) -> str:
    if not config_file.NAME.fullmatch(name):
        raise ConfigError(f"{quoted(name)} is not a server name", "use letters, digits, '.', '_' and '-', no blanks")
    return name


def _unused_name(url: Url, context: Context) -> str:
    """The name for a server whose command line gives none: its present one, or a new one. Raises `ConfigError`."""
    try:
        config = read_config(context)[1]
    except ConfigError:
        return name_for(url, ())
    same = [name for name, profile in config.profiles.items() if profile.url == url]
    return same[0] if same else name_for(url, {*config.profiles, *config.broken})


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


def _tell(profile: Profile, context: Context) -> None:
    """Say what is there now and what to do next."""
    terminal.say(f"{profile.name} is in {context.config.path}: {profile.url}")
    others = (other for other in context.config.profiles.values() if other.url == profile.url)
    if same := [other.name for other in others if other.name != profile.name]:
        terminal.say(f"its URL is that of {', '.join(same)} too: from now on, name the one that you mean")
    bridge = Bridge(profile, context)
    if isinstance(profile.auth, LoginSettings):
        terminal.say(f"next, run: {bridge.login_command}")
    else:
        terminal.say(f"it needs no login; to try it, run: {bridge.command('tools')}")
