"""argv → the `Input` of the commands that write into the files of clients."""

import argparse
from typing import TYPE_CHECKING

from mcp_auth_bridge.errors import ConfigError

if TYPE_CHECKING:
    from mcp_auth_bridge.cli.main import Story
    from mcp_auth_bridge.config.profile import ServerChoice


def story(arguments: argparse.Namespace, server: "ServerChoice | None") -> "Story":
    """The story of the command in `arguments`, which names the `server`."""
    return _install(arguments, server) if arguments.command == "install" else _uninstall(arguments)


def _install(arguments: argparse.Namespace, server: "ServerChoice | None") -> "Story":
    from mcp_auth_bridge.app.client_entries import Clash
    from mcp_auth_bridge.clients.entry_form import Scope
    from mcp_auth_bridge.commands import install
    from mcp_auth_bridge.config.profile import ServerChoice

    if arguments.migrate:
        return _migrate(arguments)
    if arguments.json and not (arguments.dry_run or (not arguments.all and arguments.client is None)):
        raise ConfigError("--json goes with --dry-run, --migrate, or the list of clients", "leave it out")
    _check_client(arguments)
    if arguments.client is None and not arguments.all:
        return lambda context: install.show_clients(install.ListInput(arguments.json), context)
    if arguments.all and arguments.client is not None:  # the only name on the line is that of the server
        server = ServerChoice(arguments.client, allow_http=arguments.allow_http)
    given = install.Input(
        None if arguments.all else arguments.client,
        server,
        Scope.WORKSPACE if arguments.workspace else Scope.USER,
        Clash.REPLACE if arguments.replace else Clash.REFUSE,
        dry_run=arguments.dry_run,
        without_login=arguments.no_login,
        as_json=arguments.json,
    )
    return lambda context: install.run(given, context)


def _migrate(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.clients.entry_form import Scope
    from mcp_auth_bridge.commands import migrate

    if arguments.server is not None:
        raise ConfigError("--migrate converts all entries of a client", "leave the server out")
    scope = Scope.WORKSPACE if arguments.workspace else Scope.USER
    given = migrate.Input(arguments.client, scope, dry_run=arguments.dry_run, as_json=arguments.json)
    return lambda context: migrate.run(given, context)


def _uninstall(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.clients.entry_form import Scope
    from mcp_auth_bridge.commands import uninstall

    if arguments.everything:
        return _uninstall_everything(arguments)
    _check_client(arguments)
    if arguments.client is None and not arguments.all:
        raise ConfigError("no client was named", "name it, or give --all")
    scope = Scope.WORKSPACE if arguments.workspace else Scope.USER
    client, server = (None, arguments.client) if arguments.all else (arguments.client, arguments.server)
    given = uninstall.Input(client, server or "", (scope,))
    return lambda context: uninstall.run(given, context)


def _uninstall_everything(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import uninstall_everything

    if arguments.client is not None or arguments.all or arguments.workspace:
        raise ConfigError("--everything leaves nothing to choose", "leave the rest out")
    given = uninstall_everything.Input(agreed=arguments.yes)
    return lambda context: uninstall_everything.run(given, context)


def _check_client(arguments: argparse.Namespace) -> None:
    """Raise `ConfigError` for a client beside `--all`. The only name on such a line is that of the server."""
    if arguments.all and arguments.server is not None:
        raise ConfigError(f"--all means every client, but {arguments.client} is named", "leave one of them out")
