"""argv → the `Input` of the commands that change the configuration file."""

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_auth_bridge.cli.main import Story

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

    login: dict[str, Any] = {key: value for key in _LOGIN_KEYS if (value := getattr(arguments, key)) is not None}
    if arguments.scope:
        login["scopes"] = [word for scope in arguments.scope for word in scope.split()]
    given = command.Input(
        tuple(arguments.words),
        headers,
        arguments.auth,
        login,
        allow_http=arguments.allow_http,
        ipv4=arguments.ipv4,
    )
    return lambda context: command.run(given, context)


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
