"""Move one login to another machine: out of this store into a sealed file, and out of such a file into this store.

An export moves. A refresh token that rotates is good in one place only: the first refresh on one machine spends the
token of every other, and whoever presents a spent one loses the login for all of them (OAuth 2.1 section 4.3.1).
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
from mcp_auth_bridge.commands.key import machine_key
from mcp_auth_bridge.commands.login import keeping, tell
from mcp_auth_bridge.commands.stored_logins import (
    forget_client,
    is_used,
    session_in,
    share_client,
    stored,
    without_management,
)
from mcp_auth_bridge.config import headers
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import BridgeError, ConfigError, LoginRequired, StoreError, quoted, typed
from mcp_auth_bridge.oauth.session import CLIENTS, Session, dump, load_session
from mcp_auth_bridge.secret import Literal, describe
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.stores import login_export
from mcp_auth_bridge.stores.base import Record, Stale, Store
from mcp_auth_bridge.stores.folder import LIMIT, Missing, create_file, read_all, translated
from mcp_auth_bridge.stores.login_export import ExportedLogin, ForPassphrase, ForRecipient

_STDIN = export_passphrase.STDIN
_LOGIN_PATIENCE = 10.0  # seconds for somebody else's login to this server to end


class Export(msgspec.Struct, frozen=True):
    """`recipient` is the key of the machine that it is for, "" for a passphrase; `passphrase` is where that comes from,
    "" for a person. `copy`: the login stays here too.
    """

    target: str
    file: str
    recipient: str = ""
    passphrase: str = ""
    copy: bool = False


class Import(msgspec.Struct, frozen=True):
    """`file` may be "-" for stdin; `passphrase` as in `Export`. `replace`: a login that is here already makes way."""

    target: str
    file: str
    passphrase: str = ""
    replace: bool = False


async def export_login(given: Export, context: Context) -> int:
    """Write the login into a new file and forget it here."""
    bridge = keeping(await find_bridge(ServerChoice(given.target, allow_http=True), context))
    path = _new_file(given.file)
    _exportable(await bridge.store_access.open_to_read(bridge.record), bridge)  # before anybody thinks of a passphrase
    seal = await _sealer(given, context)
    async with bridge.lock():  # half a rotation would be a lost login
        store = await bridge.store_access.open_to_read(bridge.record)
        record, session = _exportable(store, bridge)
        stays = given.copy or is_used(store, session.client, bridge.record)
        if stays:
            share_client(store, session.client)
            session = msgspec.structs.replace(session, client=without_management(session.client))
        create_file(path, seal(ExportedLogin(bridge.profile.name, bridge.profile.url.resource, dump(session))))
        if not given.copy:
            _take_away(bridge, store, record, path)
            if not stays:
                forget_client(store, session.client)  # whoever logs out there ends it
    _tell_exported(given, bridge)
    return 0


async def import_login(given: Import, context: Context) -> int:
    """Open the file and keep its login here."""
    bridge = keeping(await find_bridge(ServerChoice(given.target, allow_http=True), context))
    if given.file == given.passphrase == _STDIN:
        raise ConfigError("stdin cannot hold both the login and its passphrase", "give one of them as a file")
    sealed = login_export.read(await _content(given.file))
    store = await bridge.store_access.open_to_write()
    _check_free(store, bridge, given)
    login = await _opened(sealed, given, store, context)
    session = load_session(login.session)
    if _is_over(session):
        raise LoginRequired("the exported login has expired, and has no refresh token", f"run {bridge.login_command}")
    _check_fits(login, session, bridge, context)
    session = _with_own_headers(session, bridge, context)
    async with bridge.login_lock(_LOGIN_PATIENCE), bridge.lock():
        record = _check_free(store, bridge, given)
        _keep(store, bridge, record, session)
    bridge.tabs.forget()
    tell(bridge, session)
    if given.file != _STDIN:
        terminal.say(f"delete {given.file}: what it holds is spent once this login has been renewed")
    return 0


def _exportable(store: Store, bridge: Bridge) -> tuple[Record, Session]:
    record = store.load(bridge.record)
    if record is None:
        raise LoginRequired(f"there is no login to {bridge.profile.name} here", f"run {bridge.login_command}")
    session = load_session(record.secret)
    if session.ended:
        raise LoginRequired(f"the login to {bridge.profile.name} has ended", f"run {bridge.login_command}")
    if _is_over(session):
        raise LoginRequired(
            f"the login to {bridge.profile.name} has expired, and has no refresh token", f"run {bridge.login_command}"
        )
    return record, session


def _is_over(session: Session) -> bool:
    return session.refresh is None and session.expired(time.time())


def _new_file(name: str) -> Path:
    """The path, if there is no such file: a person should not choose a passphrase in vain."""
    path = Path(name)
    if name == _STDIN:
        raise ConfigError("--export needs a file: what leaves through stdout may get lost on its way", "name a new one")
    if os.path.lexists(path):
        raise ConfigError(f"{path} exists already, and is not overwritten", "name a new file")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {path.absolute().parent}", "make it, or name a file elsewhere")
    return path


async def _sealer(given: Export, context: Context) -> Callable[[ExportedLogin], bytes]:
    if given.recipient:
        login_export.check_recipient(given.recipient)
        return lambda login: login_export.for_recipient(login, given.recipient, os.urandom)
    chosen = await export_passphrase.chosen(given.passphrase, context.environ)
    return lambda login: login_export.for_passphrase(login, chosen.reveal(), os.urandom)


def _take_away(bridge: Bridge, store: Store, record: Record, path: Path) -> None:
    try:
        taken = store.delete(bridge.record, record.generation)
    except BridgeError:
        terminal.say(f"{path} holds the login to {bridge.profile.name}, but it is still here too")
        raise
    if not taken:
        raise StoreError(
            f"somebody has just logged in to {bridge.profile.name}: {path} holds the login before that",
            f"delete {path} and run it again",
        )
    bridge.tabs.unwanted()  # a tool call must not open a browser for what a person has taken away
    bridge.server_cache.forget()


def _tell_exported(given: Export, bridge: Bridge) -> None:
    name = bridge.profile.name
    lock = "the key of another machine" if given.recipient else "the passphrase"
    if given.copy:
        terminal.say(f"copied the login to {name} into {given.file}, sealed with {lock}")
        terminal.say(
            "if its refresh token rotates, only one of the two can be renewed, and the other's attempt ends both"
        )
    else:
        gone = f"it is gone {bridge.store_access.reach}"
        terminal.say(f"moved the login to {name} into {given.file}, sealed with {lock}; {gone}")
    terminal.say(f"on the other machine: mcp-auth-bridge login {typed(name)} --import {typed(given.file)}")


async def _content(name: str) -> bytes:
    if name == _STDIN:
        return (await terminal.piped())[:LIMIT]
    path = Path(name)
    try:
        with translated(path):
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                return read_all(descriptor, LIMIT)
            finally:
                os.close(descriptor)
    except Missing:
        raise ConfigError(f"{path} does not exist", "give --import the file that login --export wrote") from None


def _check_free(store: Store, bridge: Bridge, given: Import) -> Record | None:
    """The record that the login will replace. One that is over, or that nobody can read, is no login."""
    record = stored(store, bridge.record)
    session = session_in(record)
    if session is not None and not (session.ended or _is_over(session) or given.replace):
        account = f" as {session.account}" if session.account else ""
        raise ConfigError(f"{bridge.profile.name} is signed in already{account}", "add --replace if that login may go")
    return record


async def _opened(sealed: ForPassphrase | ForRecipient, given: Import, store: Store, context: Context) -> ExportedLogin:
    if isinstance(sealed, ForPassphrase):
        return sealed.opened((await export_passphrase.remembered(given.passphrase, context.environ)).reveal())
    private = machine_key(store)
    if private is None:
        raise StoreError(
            "the exported login is sealed to the key of a machine, and this one has none",
            "run mcp-auth-bridge key here, and export with --recipient and the line that it prints",
        )
    return sealed.opened(private)


def _check_fits(login: ExportedLogin, session: Session, bridge: Bridge, context: Context) -> None:
    """That the login is for this server, under this name where it has one here, and of the account expected here."""
    profile = bridge.profile
    if login.url != profile.url.resource:
        raise ConfigError(
            f"the exported login is for {quoted(login.url)}, and {profile.name} is {profile.url.resource}",
            f"correct the url of {profile.name} in {context.config.path}, or name another server",
        )
    own = context.config.profiles.get(login.name)
    if own is not None and own.name != profile.name and own.url == profile.url:
        raise ConfigError(
            f"the exported login is that of {own.name}, not of {profile.name}",
            f"run: mcp-auth-bridge login {typed(own.name)} --import FILE",
        )
    if bridge.belongs_to_another(session):
        who = quoted(session.account) if session.account else "somebody else"
        raise ConfigError(
            f"the exported login is of {who}, and {profile.name} expects {quoted(bridge.account)}",
            f"export the login of that account, or correct account in {context.config.path}",
        )


def _with_own_headers(session: Session, bridge: Bridge, context: Context) -> Session:
    """`session` with those of its headers that hold their value and that the configuration does not have.

    Anybody may have made the file: it must not choose which programs run here, nor which variable or file is sent.
    Raises `ConfigError`.
    """
    own = {name.lower() for name in bridge.profile.headers}
    kept = {name: value for name, value in session.headers.items() if name.lower() not in own}
    named = headers.on_the_command_line({name: value.reveal() for name, value in kept.items()}, "the exported login")
    for name, value in named.items():
        if not isinstance(value, Literal):
            raise ConfigError(
                f"the exported login wants the header {name} from {describe(value)}, and a file does not decide what is"
                " read or run here",
                f"add that header to headers for {bridge.profile.name} in {context.config.path}, and import again",
            )
    return msgspec.structs.replace(session, headers=kept)


def _keep(store: Store, bridge: Bridge, record: Record | None, session: Session) -> None:
    try:
        store.save(bridge.record, dump(session), record.generation if record else None)
    except Stale:
        raise StoreError(
            f"another process has just changed the login to {bridge.profile.name}", "run it again"
        ) from None
    client = f"{CLIENTS}{session.issuer}"
    if session.client.registered and stored(store, client) is None:
        store.save(client, dump(session.client), None)
