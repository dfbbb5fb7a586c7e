"""`mcp-auth-bridge uninstall --everything`: nothing of the bridge stays on this machine, apart from the program.

The order matters: what needs a login or the sealing key comes before they are deleted.
"""

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.references import references_of
from mcp_auth_bridge.app.this_system import this_system
from mcp_auth_bridge.clients.entry_form import Scope
from mcp_auth_bridge.clients.targets import TARGETS
from mcp_auth_bridge.commands import logout, uninstall
from mcp_auth_bridge.commands.client_choice import paths_of, shown
from mcp_auth_bridge.commands.config_change import SCHEMA_FILE
from mcp_auth_bridge.commands.registrations import end_unused_registrations, load_registrations
from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.store import KeyringStoreSettings
from mcp_auth_bridge.errors import BridgeError, ConfigError, os_error_text
from mcp_auth_bridge.secret import KeyringEntry
from mcp_auth_bridge.shell.browser.login_window import read_typed_line
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.client_files import backup_of, read_file
from mcp_auth_bridge.shell.files.kept_secrets import KeptSecrets
from mcp_auth_bridge.shell.files.paths import HOME_VARIABLE, Paths, usual_paths
from mcp_auth_bridge.shell.files.receipts import Receipts
from mcp_auth_bridge.shell.files.secret_backends import forget_in_keyring
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp
from mcp_auth_bridge.shell.process.invocation import removal_command
from mcp_auth_bridge.stores.folder import Folder
from mcp_auth_bridge.stores.sealed import record_names


class Input(msgspec.Struct, frozen=True):
    # Whether the user has agreed already.
    agreed: bool = False


async def run(given: Input, context: Context) -> int:
    """Returns the exit code of the first failure, 0 if there was none. A failure does not stop the rest.

    Raises `ConfigError` if the configuration cannot be read: it says where the logins are.
    """
    if context.error is not None:
        raise context.error
    copies = _copies(context)
    if not (given.agreed or await _agrees(context, copies)):
        terminal.say("nothing has changed")
        return 0
    whole = uninstall.Input(None, scopes=tuple(Scope))
    _, errors = uninstall.remove_entries(whole, [*TARGETS.values()], context)
    codes = [error.exit_code for error in errors]
    if not errors:  # else the user may want to look at how a file was
        codes.append(_delete(copies))
    if context.store_access().is_shared:
        terminal.say("the logins stay: other machines share their store")
    elif not context.store_access().forgets:
        codes.append(await _end_logins(context))
    codes.append(await _empty_keyring(context))
    codes.append(_delete_files(context))
    terminal.say(f"all that is left is the program: {removal_command()}")
    return next((code for code in codes if code), 0)


async def _agrees(context: Context, copies: Iterable[Path]) -> bool:
    if not (terminal.is_interactive() and terminal.stderr_is_terminal()):
        raise ConfigError("this deletes every login, and there is no terminal to ask whether you mean it", "add --yes")
    terminal.say("this removes the bridge from all clients, ends and deletes all logins, and deletes:")
    for path in (*copies, *_deleted(context.paths, context.config.path)):
        if path.exists():
            terminal.say(f"  {shown(path)}")
    terminal.say("type yes to go on")
    return (await read_typed_line()).strip().lower() == "yes"


def _copies(context: Context) -> list[Path]:
    """The first versions of clients' files that were kept beside them."""
    system = this_system(context.environ)
    places = [path for target in TARGETS.values() for scope in Scope for path in paths_of(target, scope, system)]
    places += [Path(receipt.path) for receipt in Receipts(context.paths.memory).load()]
    found = dict[Path, None]()
    for path in places:
        with suppress(ConfigError):  # it has been reported with its entry
            found[backup_of(read_file(path))] = None
    return [copy for copy in found if copy.exists()]


async def _end_logins(context: Context) -> int:
    """End the registrations that no login uses, then the logins with theirs. Returns an exit code."""
    try:
        store = await context.store_access().open_to_list()
        http = OAuthHttp(Network(NetworkSettings()))
        try:
            await end_unused_registrations(store, http, [*load_registrations(store, None).values()])
        finally:
            await http.aclose()
        return await logout.run(logout.Input(None), context)
    except BridgeError as error:
        terminal.report_error(error)
        return error.exit_code


async def _empty_keyring(context: Context) -> int:
    """Delete the secrets that the bridge has put there or the configuration names, and the sealing key.

    Returns an exit code.
    """
    values = [value for profile in context.config.profiles.values() for value in references_of(profile)]
    names = {value.name for value in values if isinstance(value, KeyringEntry)}
    names |= KeptSecrets(context.paths).names()
    has_key = isinstance(context.config.store, KeyringStoreSettings) and context.paths.records.exists()
    if has_key and _is_key_needed(context):
        terminal.say("the sealing key stays: the logins of another folder of yours need it")
        has_key = False
    if not (names or has_key):
        return 0
    try:
        await forget_in_keyring(sorted(names), sealing_key=has_key)
    except BridgeError as error:
        terminal.report_error(error)
        return error.exit_code
    return 0


def _is_key_needed(context: Context) -> bool:
    """Whether the folder is one that `MCP_AUTH_BRIDGE_HOME` names, and the usual one has logins, too."""
    with suppress(ConfigError):
        usual = usual_paths().records
        return usual != context.paths.records and bool(record_names(Folder(usual)))
    return False


def _deleted(paths: Paths, config: Path) -> list[Path]:
    return [paths.records, paths.locks, paths.memory, paths.log, config, config.with_name(SCHEMA_FILE)]


def _delete_files(context: Context) -> int:
    """Delete the folders and the configuration, and the folders around them if nothing else is there."""
    deleted = [path for path in _deleted(context.paths, context.config.path) if path.exists() or path.is_symlink()]
    code = _delete(deleted)
    for path in deleted:
        for folder in _around(path, context):
            with suppress(OSError):  # something else is in it
                folder.rmdir()
    return code


def _delete(paths: Iterable[Path]) -> int:
    """Delete the files and folders `paths`. Returns an exit code."""
    code = 0
    for path in paths:
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            terminal.report_error(
                ConfigError(f"{shown(path)} was not deleted: {os_error_text(error)}", "delete it by hand")
            )
            code = ConfigError.exit_code
    return code


def _around(path: Path, context: Context) -> list[Path]:
    """The folders around `path` that go if they are empty, innermost first: those between it and the home.

    Programs make ~/.config and its kind where they are missing (XDG Base Directory specification), so nothing misses
    an empty one. A folder that the user has named is the last one to go.
    """
    if HOME_VARIABLE in context.environ or path.parent not in _own_folders(context.paths):
        return [path.parent] if path.parent != Path.home() else []
    return [folder for folder in path.parents if Path.home() in folder.parents]


def _own_folders(paths: Paths) -> set[Path]:
    return {paths.config.parent, paths.records.parent, paths.log.parent}
