"""`mcp-auth-bridge uninstall`: the bridge's entries taken out of clients, and nothing else."""

from pathlib import Path

import msgspec

from mcp_auth_bridge.app.client_changes import changing, persisting, take_out
from mcp_auth_bridge.app.client_entries import Found, TargetFile, find_entries
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.this_system import this_system
from mcp_auth_bridge.clients.client import ConfigFile, System, locate
from mcp_auth_bridge.clients.entry_form import Scope, Target
from mcp_auth_bridge.clients.targets import TARGETS
from mcp_auth_bridge.commands.client_choice import shown, target_named
from mcp_auth_bridge.errors import BridgeError, ConfigError, printable
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.client_files import read_file
from mcp_auth_bridge.shell.files.receipts import Receipts
from mcp_auth_bridge.shell.files.user_file import UserFile


class Input(msgspec.Struct, frozen=True):
    # The name of the client, None for every client.
    client: str | None
    # The name or the URL of the server, "" for every server.
    server: str = ""
    # Whose files are looked at.
    scopes: tuple[Scope, ...] = (Scope.USER,)


async def run(given: Input, context: Context) -> int:
    """Returns the exit code of the first failure, 0 if there was none."""
    targets = [target_named(given.client)] if given.client is not None else [*TARGETS.values()]
    count, errors = remove_entries(given, targets, context)
    if not (count or errors):
        terminal.say("there is no entry of the bridge to remove")
    return errors[0].exit_code if errors else 0


def remove_entries(given: Input, targets: list[Target], context: Context) -> tuple[int, list[BridgeError]]:
    """Remove the entries from the files of `targets`. Returns their number, and the errors that were reported."""
    receipts = Receipts(context.paths.memory)
    count = 0
    errors: list[BridgeError] = []
    seen: set[Path] = set()
    for target, file, path in files_of(targets, given.scopes, context):
        if path in seen or not path.exists():
            continue
        seen.add(path)
        try:
            if _next_entry(TargetFile(target, file, read_file(path)), given.server) is None:
                continue
            with changing(context.paths):
                count += _remove_from(target, file, path, given.server, receipts)
        except BridgeError as error:
            terminal.report_error(error)
            errors.append(error)
    return count, errors


def files_of(
    targets: list[Target], scopes: tuple[Scope, ...], context: Context
) -> list[tuple[Target, ConfigFile, Path]]:
    """The files of `targets` that may have an entry; those in other projects, too, if all `scopes` are meant."""
    system = this_system(context.environ)
    files = [(target, *place) for target in targets for place in _places(target, scopes, system)]
    return files + (_elsewhere(Receipts(context.paths.memory)) if len(scopes) > 1 else [])


def _elsewhere(receipts: Receipts) -> list[tuple[Target, ConfigFile, Path]]:
    """The files that have been written, those in other projects among them."""
    written = [(TARGETS[each.client], Path(each.path)) for each in receipts.load() if each.client in TARGETS]
    return [
        (target, file, path)
        for target, path in written
        for file in (*target.user, *target.workspace)
        if path.as_posix().endswith(file.path)
    ]


def _places(target: Target, scopes: tuple[Scope, ...], system: System) -> list[tuple[ConfigFile, Path]]:
    files = [file for scope in scopes for file in target.files(scope)]
    return [(file, Path(path)) for file in files for path in locate(file, system)]


def _remove_from(target: Target, file: ConfigFile, path: Path, server: str, receipts: Receipts) -> int:
    """Remove the entries for `server` from the file at `path`. Returns their number."""
    count = 0
    while persisting(lambda: _remove_one(target, file, path, server, receipts)):
        count += 1
        if not path.exists():
            break
    return count


def _remove_one(target: Target, file: ConfigFile, path: Path, server: str, receipts: Receipts) -> bool:
    """Remove the first entry for `server` from the file at `path`. Returns whether there was one."""
    at = TargetFile(target, file, read_file(path))
    if (found := _next_entry(at, server)) is None:
        return False
    take_out(found, at, receipts)
    terminal.say(f"{target.client.name}: removed {printable(found.place[-1])} from {shown(path)}")
    terminal.say(f"  next: {target.client.reload}")
    return True


def _next_entry(at: TargetFile, server: str) -> Found | None:
    if not _names_bridge(at.content):
        return None
    try:
        found = find_entries(at)
    except ConfigError as error:
        raise ConfigError(
            f"{at.content.path}: {error.message}", "correct that, or remove the entry of the bridge by hand"
        ) from None
    return next((each for each in found if server in ("", each.start.target, each.place[-1])), None)


def _names_bridge(content: UserFile) -> bool:
    return any(name in (content.data or b"") for name in (b"mcp-auth-bridge", b"mcp_auth_bridge"))
