"""`mcp-auth-bridge install`: one command from a server to a client that uses it.

It logs in first, so that the client's first session begins with tools. Then it writes the entry that the client reads.
"""

import difflib
import json

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.client_changes import carry_out, changing, persisting
from mcp_auth_bridge.app.client_entries import ByHand, Change, Clash, find_file, plan_entry
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.ide_entry import entry_key
from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.app.start_command import start_command
from mcp_auth_bridge.app.this_system import this_system
from mcp_auth_bridge.clients.client import System
from mcp_auth_bridge.clients.entry_form import Scope, StartCommand, Target, hidden_variables
from mcp_auth_bridge.commands import server_choice
from mcp_auth_bridge.commands.client_choice import found_targets, listed, show_targets, shown, target_named
from mcp_auth_bridge.commands.ready_server import make_ready
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import BridgeError, ConfigError, printable
from mcp_auth_bridge.shell.console import activity, terminal
from mcp_auth_bridge.shell.files.client_files import backup_of
from mcp_auth_bridge.shell.files.receipts import Receipts


class Input(msgspec.Struct, frozen=True):
    # The name of the client, None for all that are found.
    client: str | None
    # The server, None for the only one.
    server: ServerChoice | None
    # For whom the entry is.
    scope: Scope = Scope.USER
    # Whether another server of the same name is replaced.
    clash: Clash = Clash.REFUSE
    # Whether the changes are only shown.
    dry_run: bool = False
    # Whether the login is left to the first tool call.
    without_login: bool = False
    # With `dry_run`: whether the changes are shown as JSON.
    as_json: bool = False


class ListInput(msgspec.Struct, frozen=True):
    as_json: bool = False


class PlannedChange(msgspec.Struct, frozen=True):
    """One change that `--dry-run --json` prints."""

    # The client, as the command line names it.
    client: str
    # The file that it reads.
    file: str
    # Whether the file would change.
    changes: bool
    # The change as a unified diff without lines around it, "" for none.
    diff: str


async def show_clients(given: ListInput, context: Context) -> int:
    """Print the clients that are found, or all that are known if none is."""
    system = this_system(context.environ)
    found = found_targets(system)
    if given.as_json:
        terminal.print_result(json.dumps([msgspec.to_builtins(each) for each in listed(found, system)], indent=2))
        return 0
    terminal.say("these clients are on this machine; name one, or give --all:" if found else "no client was found")
    show_targets(found, system)
    return 0


async def run(given: Input, context: Context) -> int:
    """Returns the exit code of the first failure, 0 if there was none."""
    system = this_system(context.environ)
    targets = [target_named(given.client)] if given.client is not None else found_targets(system)
    if not targets:
        raise ConfigError("no client was found on this machine", "name one: mcp-auth-bridge install --help lists them")
    choice = given.server or await server_choice.choose_any_server(context)
    bridge = await find_bridge(choice, context)
    if not (given.dry_run or given.without_login):
        await make_ready(bridge, choice, context)
    errors, planned = list[BridgeError](), list[PlannedChange]()
    with activity.steps("clients", len(targets)) as advance:
        for target in targets:
            if (error := _install(given, target, bridge, system, context, planned)) is not None:
                errors.append(error)
            advance()
    if given.as_json:
        terminal.print_result(json.dumps([msgspec.to_builtins(each) for each in planned], indent=2))
    return errors[0].exit_code if errors else 0


def _install(  # noqa: PLR0913, PLR0917 - what the stories of all clients share
    given: Input, target: Target, bridge: Bridge, system: System, context: Context, planned: list[PlannedChange]
) -> BridgeError | None:
    """Put the entry for `bridge` into the file of `target`, or only append it to `planned`, for JSON.

    Returns the error that it has reported, if any.
    """
    start = start_command(bridge)

    def plan() -> Change:
        return plan_entry(find_file(target, given.scope, system), entry_key(bridge), start, given.clash)

    try:
        if given.as_json:
            planned.append(_planned(plan()))
        elif given.dry_run:
            _show_difference(plan())
        else:
            with changing(context.paths):
                change = persisting(lambda: _carry_out(plan(), given.scope, context))
            _warn_of_variables(change, start, system)
            _warn_of_spaces(change, start)
    except BridgeError as error:
        terminal.report_error(error)
        if isinstance(error, ByHand) and not given.as_json:
            terminal.print_result(error.snippet)
        return error
    return None


def _carry_out(change: Change, scope: Scope, context: Context) -> Change:
    """Write the change, say what has changed and what the client still wants, and return the change."""
    target, content = change.at.target, change.at.content
    name, path = target.client.name, content.path
    if not change.is_needed:
        terminal.say(f"{name}: already there, as {printable(change.place[-1])} in {shown(path)}")
        return change
    carry_out(change, scope, Receipts(context.paths.memory))
    terminal.say(f"{name}: wrote {printable(change.place[-1])} into {shown(path)}")
    if (backup := backup_of(content)).exists():
        terminal.say(f"  the file as it was: {shown(backup)}")
    terminal.say(f"  next: {target.next_step(scope)}")
    return change


def _show_difference(change: Change) -> None:
    """Print the change as a unified diff."""
    terminal.print_result(_difference(change) or f"already there: {shown(change.at.content.path)} would not change")


def _planned(change: Change) -> PlannedChange:
    difference = _difference(change)
    return PlannedChange(change.at.target.key, str(change.at.content.path), bool(difference), difference)


def _difference(change: Change) -> str:
    """The change as a unified diff. It has no lines around it: in another entry, there may be a secret."""
    before, after = (text.splitlines() for text in (change.at.content.text, change.edited.text))
    path = shown(change.at.content.path)
    lines = difflib.unified_diff(before, after, path, path, lineterm="", n=0)
    return "\n".join(map(printable, lines))


def _warn_of_variables(change: Change, start: StartCommand, system: System) -> None:
    """Say which variables the client does not pass on to the server."""
    client = change.at.target.client
    form = change.at.target.forms.get(change.place[:-1])
    for variable in hidden_variables(client, form, system, start.needs) if form else ():
        secret = variable.lower()
        terminal.say(
            f"  warning: {client.name} does not pass the variable {variable} of your shell on; keep its value in the"
            f" keyring (mcp-auth-bridge secret {secret}), and write keyring:{secret} in config.toml"
        )


def _warn_of_spaces(change: Change, start: StartCommand) -> None:
    """Say that an argument may be split: Cursor, Codex and Claude Desktop do that on Windows (mcp-remote, README)."""
    if spaced := [word for word in start.argv[1:] if " " in word]:
        terminal.say(
            f"  warning: {printable(spaced[0])} has a space, at which {change.at.target.client.name} may split it;"
            " use a path without one"
        )
