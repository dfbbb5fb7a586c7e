"""`mcp-auth-bridge uninstall --everything`: nothing of the bridge stays on this machine, apart from the program.

The order matters: what needs a login or the sealing key comes before they are deleted.
"""

import shutil
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
from mcp_auth_bridge.commands.registrations import end_unused_registrations, load_registrations
from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.store import KeyringStoreSettings
from mcp_auth_bridge.errors import BridgeError, ConfigError, os_error_text
from mcp_auth_bridge.secret import KeyringEntry
from mcp_auth_bridge.shell.browser.login_window import read_typed_line
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.files.paths import Paths
from mcp_auth_bridge.shell.files.secret_backends import forget_in_keyring
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp
from mcp_auth_bridge.shell.process.invocation import removal_command


class Input(msgspec.Struct, frozen=True):
    # Whether the user has agreed already.
    agreed: bool = False


async def run(given: Input, context: Context) -> int:
    """Returns the exit code of the first failure, 0 if there was none. A failure does not stop the rest."""
    if not (given.agreed or await _agrees(context)):
        terminal.say("nothing has changed")
        return 0
    whole = uninstall.Input(None, scopes=tuple(Scope))
    _, errors = uninstall.remove_entries(whole, [*TARGETS.values()], context)
    codes = [error.exit_code for error in errors]
    if context.store_access().is_shared:
        terminal.say("the logins stay: other machines share their store")
    elif not context.store_access().forgets:
        codes.append(await _end_logins(context))
    codes.append(await _empty_keyring(context))
    codes.append(_delete_files(context))
    terminal.say(f"all that is left is the program: {removal_command()}")
    return next((code for code in codes if code), 0)


async def _agrees(context: Context) -> bool:
    if not (terminal.is_interactive() and terminal.stderr_is_terminal()):
        raise ConfigError("this deletes every login, and there is no terminal to ask whether you mean it", "add --yes")
    terminal.say("this removes the bridge from all clients, ends and deletes all logins, and deletes:")
    for path in _deleted(context.paths, context.config.path):
        if path.exists():
            terminal.say(f"  {shown(path)}")
    terminal.say("type yes to go on")
    return (await read_typed_line()).strip().lower() == "yes"


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
    """Delete the secrets that the configuration names, and the sealing key. Returns an exit code."""
    values = [value for profile in context.config.profiles.values() for value in references_of(profile)]
    names = {value.name for value in values if isinstance(value, KeyringEntry)}
    has_key = isinstance(context.config.store, KeyringStoreSettings) and context.paths.records.exists()
    if not (names or has_key):
        return 0
    try:
        await forget_in_keyring(sorted(names), sealing_key=has_key)
    except BridgeError as error:
        terminal.report_error(error)
        return error.exit_code
    return 0


def _deleted(paths: Paths, config: Path) -> list[Path]:
    return [paths.records, paths.locks, paths.memory, paths.log, config, config.with_name(SCHEMA_FILE)]


def _delete_files(context: Context) -> int:
    """Delete the folders and the configuration, and the folders around them if nothing else is there."""
    code = 0
    for path in _deleted(context.paths, context.config.path):
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
        with suppress(OSError):  # something else is in it
            if path.parent != Path.home():
                path.parent.rmdir()
    return code
