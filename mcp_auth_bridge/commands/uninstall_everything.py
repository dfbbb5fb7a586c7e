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
from mcp_auth_bridge.clients.entry_form import Scope
from mcp_auth_bridge.clients.targets import TARGETS
from mcp_auth_bridge.commands import logout, uninstall
from mcp_auth_bridge.commands.client_choice import shown
from mcp_auth_bridge.commands.config_change import SCHEMA_FILE
from mcp_auth_bridge.commands.kept_versions import KeptVersion, kept_versions
from mcp_auth_bridge.commands.registrations import end_unused_registrations, load_registrations
from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.store import KeyringStoreSettings
from mcp_auth_bridge.errors import BridgeError, ConfigError, StoreError, os_error_text, printable
from mcp_auth_bridge.secret import KeyringEntry
from mcp_auth_bridge.shell.browser.login_window import read_typed_line
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.kept_secrets import KeptSecrets
from mcp_auth_bridge.shell.files.paths import HOME_VARIABLE, Paths, usual_paths
from mcp_auth_bridge.shell.files.secret_backends import forget_in_keyring
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp
from mcp_auth_bridge.shell.process.invocation import removal_command
from mcp_auth_bridge.shell.process.running_bridges import running_bridges
from mcp_auth_bridge.stores.folder import Folder
from mcp_auth_bridge.stores.sealed import record_names


class Input(msgspec.Struct, frozen=True):
    # Whether the user has agreed already.
    agreed: bool = False


async def run(given: Input, context: Context) -> int:
    """Returns the exit code of the first failure, 0 if there was none. A failure does not stop the rest.

    Raises `ConfigError` if the configuration cannot be read: it says where the logins are. Raises `StoreError` if the
    keyring does not open: then the logins, and all that is needed to repeat the command, stay.
    """
    if context.error is not None:
        raise context.error
    copies = kept_versions(context)
    if not (given.agreed or await _agrees(context, copies)):
        terminal.say("nothing has changed")
        return 0
    whole = uninstall.Input(None, scopes=tuple(Scope))
    _, errors = uninstall.remove_entries(whole, [*TARGETS.values()], context)
    codes = [error.exit_code for error in errors]
    if not errors:  # else the user may want to look at how a file was
        codes.append(_delete_copies(copies))
    try:
        codes.append(await _end_logins(context))
        await _empty_keyring(context)
    except StoreError:
        terminal.say("this stays until the command is repeated, or until you delete it by hand:")
        _show(_deleted(context.paths, context.config.path))
        raise
    codes.append(_delete_files(context))
    _name_running(context)
    failed = next((code for code in codes if code), 0)
    terminal.say(f"{'apart from that, ' if failed else ''}all that is left is the program: {removal_command()}")
    return failed


async def _agrees(context: Context, copies: list[KeptVersion]) -> bool:
    if not (terminal.is_interactive() and terminal.stderr_is_terminal()):
        raise ConfigError("this deletes every login, and there is no terminal to ask whether you mean it", "add --yes")
    terminal.say("this removes the bridge from all clients, ends and deletes all logins, and deletes:")
    _show([*(each.copy for each in copies), *_deleted(context.paths, context.config.path)])
    terminal.say("type yes to go on")
    return (await read_typed_line()).strip().lower() == "yes"


def _show(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.exists():
            terminal.say(f"  {shown(path)}")


def _name_running(context: Context) -> None:
    """Name the bridges that still run, where the system shows them: they write their files anew."""
    for each in running_bridges(context.environ):
        if each.arguments[:1] == ("run",):
            client = printable(each.parent) or "a client"
            terminal.say(
                f"a bridge still runs for {client} (process {each.pid}), and writes its log and its locks anew:"
                " end that client, and repeat the command"
            )


def _delete_copies(copies: list[KeptVersion]) -> int:
    """Delete the first versions that hold nothing more than the files. Returns an exit code."""
    needed = [each.copy for each in copies if each.has_more()]
    if needed:
        terminal.say("these first versions of files stay, because they have servers that the files have no more:")
        _show(needed)
    return _delete(each.copy for each in copies if each.copy not in needed)


async def _end_logins(context: Context) -> int:
    """End the registrations that no login uses, then the logins with theirs. Returns an exit code.

    Raises `StoreError` if the store does not open.
    """
    access = context.store_access()
    if access.is_shared:
        terminal.say("the logins stay: other machines share their store")
        return 0
    if access.forgets:
        return 0
    store = await access.open_to_list()
    try:
        http = OAuthHttp(Network(NetworkSettings()))
        try:
            await end_unused_registrations(store, http, [*load_registrations(store, None).values()])
        finally:
            await http.aclose()
        return await logout.run(logout.Input(None), context)
    except BridgeError as error:
        terminal.report_error(error)
        return error.exit_code


async def _empty_keyring(context: Context) -> None:
    """Delete the secrets that the bridge has put there or the configuration names, and the sealing key.

    Raises `StoreError`.
    """
    values = [value for profile in context.config.profiles.values() for value in references_of(profile)]
    names = {value.name for value in values if isinstance(value, KeyringEntry)}
    names |= KeptSecrets(context.paths).names()
    has_key = isinstance(context.config.store, KeyringStoreSettings) and context.paths.records.exists()
    if has_key and _is_key_needed(context):
        terminal.say("the sealing key stays: the logins of another folder of yours need it")
        has_key = False
    await forget_in_keyring(sorted(names), sealing_key=has_key)


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
