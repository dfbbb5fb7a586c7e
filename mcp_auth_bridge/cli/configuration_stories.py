"""argv → the `Input` of the commands that change the configuration file."""

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcp_auth_bridge.errors import ConfigError

if TYPE_CHECKING:
    from mcp_auth_bridge.cli.main import Story
    from mcp_auth_bridge.commands.described_server import Wish

_LOGIN_KEYS = ("client_id", "client_secret", "issuer")


def story(arguments: argparse.Namespace, headers: Mapping[str, str]) -> "Story":
    """The story of the command in `arguments`. `headers` are those of the command line."""
    match arguments.command:
        case "add":
            return _add(arguments, headers)
        case "list":
            return _list(arguments)
        case "edit":
            return _edit(arguments)
    return _remove(arguments)


def _add(arguments: argparse.Namespace, headers: Mapping[str, str]) -> "Story":
    from mcp_auth_bridge.commands import add as command

    if arguments.search is not None:
        return lambda context: command.run(command.Input(None, arguments.search, arguments.json), context)
    if arguments.json:
        raise ConfigError("--json goes with --search", "leave it out")
    if not (arguments.words or arguments.preset or arguments.source):
        _check_nothing_else(arguments)
        return lambda context: command.run(command.Input(), context)
    return lambda context: command.run(command.Input(_wish(arguments, headers)), context)


def _wish(arguments: argparse.Namespace, headers: Mapping[str, str]) -> "Wish":
    from mcp_auth_bridge.commands.described_server import Wish
    from mcp_auth_bridge.config.config_file import parse_auth_argument

    login: dict[str, Any] = {key: value for key in _LOGIN_KEYS if (value := getattr(arguments, key)) is not None}
    if arguments.scope:
        login["scopes"] = [word for scope in arguments.scope for word in scope.split()]
    if arguments.auth is not None and login:
        raise ConfigError("--auth replaces the options for a login in the browser", "write their keys into --auth")
    auth = parse_auth_argument(arguments.auth) if arguments.auth is not None else login or None
    return Wish(
        tuple(arguments.words),
        arguments.preset or "",
        arguments.source or "",
        _values(arguments.set),
        headers,
        auth,
        allow_http=arguments.allow_http,
        ipv4=arguments.ipv4,
    )


def _check_nothing_else(arguments: argparse.Namespace) -> None:
    """Raise `ConfigError` for an option about a server where none is named."""
    options = ("header", "auth", "scope", *_LOGIN_KEYS, "set", "ipv4", "allow_http")
    given = [name for name in options if getattr(arguments, name)]
    if given:
        raise ConfigError(
            f"--{given[0].replace('_', '-')} is for one server, but none is named", "give its name and its URL"
        )


def _values(words: list[str]) -> dict[str, str]:
    """The values of `--set NAME=VALUE`. An error does not repeat a value, which may be secret."""
    values: dict[str, str] = {}
    for number, word in enumerate(words, 1):
        name, sign, value = word.partition("=")
        if not (sign and name):
            raise ConfigError(f"--set number {number} has no equals sign", "write it as --set NAME=VALUE")
        values[name] = value
    return values


def _list(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import list_servers as command

    given = command.Input(arguments.json)
    return lambda context: command.run(given, context)


def _remove(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import remove as command

    given = command.Input(arguments.name)
    return lambda context: command.run(given, context)


def _edit(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import edit as command

    given = command.Input(arguments.name)
    return lambda context: command.run(given, context)
