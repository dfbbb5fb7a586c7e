"""The first half of moving a login to another machine: from this store into a sealed file.

An export moves. A refresh token that rotates is good in one place only: the first refresh on one machine spends the
token of every other, and a machine that presents a spent one ends the login for all of them (OAuth 2.1 section 4.3.1).
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.commands import export_passphrase
from mcp_auth_bridge.commands.login import check_can_log_in
from mcp_auth_bridge.commands.registrations import (
    forget_registration,
    is_used,
    share_registration,
    without_management,
)
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import BridgeError, ConfigError, LoginRequired, StoreError, shell_quoted
from mcp_auth_bridge.oauth.session import Session, dump, load_session
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.stores import login_export
from mcp_auth_bridge.stores.base import Record, Store
from mcp_auth_bridge.stores.file_io import create_file
from mcp_auth_bridge.stores.login_export import ExportedLogin


class Input(msgspec.Struct, frozen=True):
    # The server, by its name or its URL.
    target: str
    # The path of the new file.
    file: str
    # The public key of the machine that the login is for, "" to seal it with a passphrase.
    recipient: str = ""
    # Where the passphrase comes from, "" to ask the user for it.
    passphrase: str = ""
    # Keep the login here, too.
    copy: bool = False


async def run(given: Input, context: Context) -> int:
    """Write the login into a new file, and forget it here."""
    bridge = await find_bridge(ServerChoice(given.target, allow_http=True), context)
    check_can_log_in(bridge)
    path = _new_file(given.file)
    _load(await bridge.store_access.open_to_read(bridge.record), bridge)  # before the user thinks of a passphrase
    seal = await _sealer(given, context)
    async with bridge.refresh_lock():  # a login that is exported in the middle of a refresh would be lost
        store = await bridge.store_access.open_to_read(bridge.record)
        record, session = _load(store, bridge)
        shared = given.copy or is_used(store, session.client, bridge.record)
        if shared:
            share_registration(store, session.client)
            session = msgspec.structs.replace(session, client=without_management(session.client))
        create_file(path, seal(ExportedLogin(bridge.profile.name, bridge.profile.url.resource, dump(session))))
        if not given.copy:
            _delete(bridge, store, record, path)
            if not shared:
                forget_registration(store, session.client)  # a logout on the other machine ends it
    _show_export(given, bridge)
    return 0


def _load(store: Store, bridge: Bridge) -> tuple[Record, Session]:
    """The login, if it is worth exporting. Raises `LoginRequired`."""
    record = store.load(bridge.record)
    if record is None:
        raise LoginRequired(f"there is no login to {bridge.profile.name} here", f"run {bridge.login_command}")
    session = load_session(record.secret)
    if session.ended:
        raise LoginRequired(f"the login to {bridge.profile.name} has ended", f"run {bridge.login_command}")
    if session.refresh is None and session.expired(time.time()):
        raise LoginRequired(
            f"the login to {bridge.profile.name} has expired, and has no refresh token", f"run {bridge.login_command}"
        )
    return record, session


def _new_file(name: str) -> Path:
    """The path `name`.

    Raises `ConfigError` if no file can be created there: otherwise the user would choose a passphrase in vain.
    """
    path = Path(name)
    if name == export_passphrase.STDIN:
        raise ConfigError("--export needs a file: a login on stdout may get lost on its way", "name a new one")
    if os.path.lexists(path):
        raise ConfigError(f"{path} exists already, and is not overwritten", "name a new file")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {path.absolute().parent}", "make it, or name a file elsewhere")
    return path


async def _sealer(given: Input, context: Context) -> Callable[[ExportedLogin], bytes]:
    if given.recipient:
        login_export.check_recipient(given.recipient)
        return lambda login: login_export.seal_for_recipient(login, given.recipient, os.urandom)
    chosen = await export_passphrase.choose_passphrase(given.passphrase, context.environ)
    return lambda login: login_export.seal_for_passphrase(login, chosen.reveal(), os.urandom)


def _delete(bridge: Bridge, store: Store, record: Record, path: Path) -> None:
    """Delete the login that `path` holds now. Raises `StoreError` if it is still here."""
    try:
        deleted = store.delete(bridge.record, record.generation)
    except BridgeError:
        terminal.say(f"{path} holds the login to {bridge.profile.name}, but the login is still here too")
        raise
    if not deleted:
        raise StoreError(
            f"another process has just logged in to {bridge.profile.name}: {path} holds the login from before",
            f"delete {path} and run it again",
        )
    bridge.tabs.forbid()  # a tool call must not open a browser for a login that the user has moved
    bridge.server_cache.forget()


def _show_export(given: Input, bridge: Bridge) -> None:
    name = bridge.profile.name
    lock = "the key of another machine" if given.recipient else "the passphrase"
    if given.copy:
        terminal.say(f"copied the login to {name} into {given.file}, sealed with {lock}")
        terminal.say(
            "if its refresh token rotates, only one of the two can be refreshed, and refreshing the other ends both"
        )
    else:
        gone = f"it is gone {bridge.store_access.reach}"
        terminal.say(f"moved the login to {name} into {given.file}, sealed with {lock}; {gone}")
    terminal.say(
        f"on the other machine: mcp-auth-bridge login {shell_quoted(name)} --import {shell_quoted(given.file)}"
    )
