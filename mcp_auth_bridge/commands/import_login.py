"""The second half of moving a login to another machine: from a sealed file (`export_login`) into this store."""

import os
import time
from pathlib import Path

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.commands import export_passphrase
from mcp_auth_bridge.commands.key import load_machine_key
from mcp_auth_bridge.commands.login import check_can_log_in, show_login
from mcp_auth_bridge.commands.stored_logins import readable_record, session_in
from mcp_auth_bridge.config import headers
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import ConfigError, LoginRequired, StoreError, quoted, shell_quoted
from mcp_auth_bridge.oauth.session import CLIENTS, Session, dump, load_session
from mcp_auth_bridge.secret import Literal, describe
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.stores import login_export
from mcp_auth_bridge.stores.base import Record, Stale, Store
from mcp_auth_bridge.stores.file_io import Missing, read_all, translate_os_errors
from mcp_auth_bridge.stores.folder import LIMIT
from mcp_auth_bridge.stores.login_export import ExportedLogin, ForPassphrase, ForRecipient

_STDIN = export_passphrase.STDIN
_LOGIN_PATIENCE = 10.0  # seconds for another login to this server to end


class Input(msgspec.Struct, frozen=True):
    """`file` may be "-" for stdin. `passphrase` refers to the passphrase, "" to ask the user for it. With `replace` the
    login replaces one that is here already.
    """

    target: str
    file: str
    passphrase: str = ""
    replace: bool = False


async def run(given: Input, context: Context) -> int:
    """Open the file, and keep its login here."""
    bridge = await find_bridge(ServerChoice(given.target, allow_http=True), context)
    check_can_log_in(bridge)
    if given.file == given.passphrase == _STDIN:
        raise ConfigError("stdin cannot hold both the login and its passphrase", "give one of them as a file")
    sealed = login_export.parse_export(await _read(given.file))
    store = await bridge.store_access.open_to_write()
    _replaceable_record(store, bridge, given)
    login = await _open(sealed, given, store, context)
    session = load_session(login.session)
    if _is_over(session):
        raise LoginRequired("the exported login has expired, and has no refresh token", f"run {bridge.login_command}")
    _check_fits(login, session, bridge, context)
    session = _with_allowed_headers(session, bridge, context)
    async with bridge.login_lock(_LOGIN_PATIENCE), bridge.refresh_lock():
        record = _replaceable_record(store, bridge, given)
        _save(store, bridge, record, session)
    bridge.tabs.forget()
    show_login(bridge, session)
    if given.file != _STDIN:
        terminal.say(f"delete {given.file}: its tokens are spent once this login has been refreshed")
    return 0


async def _read(name: str) -> bytes:
    if name == _STDIN:
        return (await terminal.read_stdin())[:LIMIT]
    path = Path(name)
    try:
        with translate_os_errors(path):
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                return read_all(descriptor, LIMIT)
            finally:
                os.close(descriptor)
    except Missing:
        raise ConfigError(f"{path} does not exist", "give --import the file that login --export wrote") from None


def _replaceable_record(store: Store, bridge: Bridge, given: Input) -> Record | None:
    """The record that the login will replace. Raises `ConfigError` if that is a login which `given` must not replace.

    A session that is over, or a record that cannot be read, is not a login.
    """
    record = readable_record(store, bridge.record)
    session = session_in(record)
    if session is not None and not (session.ended or _is_over(session) or given.replace):
        account = f" as {session.account}" if session.account else ""
        raise ConfigError(f"{bridge.profile.name} is signed in already{account}", "add --replace to replace that login")
    return record


def _is_over(session: Session) -> bool:
    return session.refresh is None and session.expired(time.time())


async def _open(sealed: ForPassphrase | ForRecipient, given: Input, store: Store, context: Context) -> ExportedLogin:
    if isinstance(sealed, ForPassphrase):
        passphrase = await export_passphrase.read_passphrase(given.passphrase, context.environ)
        return sealed.opened(passphrase.reveal())
    private = load_machine_key(store)
    if private is None:
        raise StoreError(
            "the exported login is sealed to the key of a machine, and this machine has no key",
            "run mcp-auth-bridge key here, and export with --recipient and the line that it prints",
        )
    return sealed.opened(private)


def _check_fits(login: ExportedLogin, session: Session, bridge: Bridge, context: Context) -> None:
    """Raise `ConfigError` unless the login is for this server, under its name here, and of the expected account."""
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
            f"run: mcp-auth-bridge login {shell_quoted(own.name)} --import FILE",
        )
    if bridge.belongs_to_another(session):
        who = quoted(session.account) if session.account else "another account"
        raise ConfigError(
            f"the exported login is of {who}, and {profile.name} expects {quoted(bridge.account)}",
            f"export the login of that account, or correct account in {context.config.path}",
        )


def _with_allowed_headers(session: Session, bridge: Bridge, context: Context) -> Session:
    """`session` without the headers that the configuration has too. Raises `ConfigError` for a header that is not a
    literal value.

    The file may be written by an attacker: it must not choose which programs run here, nor which variable or file is
    sent.
    """
    own = {name.lower() for name in bridge.profile.headers}
    allowed = {name: value for name, value in session.headers.items() if name.lower() not in own}
    named = headers.parse_unexpanded({name: value.reveal() for name, value in allowed.items()}, "the exported login")
    for name, value in named.items():
        if not isinstance(value, Literal):
            raise ConfigError(
                f"the exported login wants the header {name} from {describe(value)}, and a file must not decide"
                " what is read or run here",
                f"add that header to headers for {bridge.profile.name} in {context.config.path}, and import again",
            )
    return msgspec.structs.replace(session, headers=allowed)


def _save(store: Store, bridge: Bridge, record: Record | None, session: Session) -> None:
    try:
        store.save(bridge.record, dump(session), record.generation if record else None)
    except Stale:
        raise StoreError(
            f"another process has just changed the login to {bridge.profile.name}", "run it again"
        ) from None
    client = f"{CLIENTS}{session.issuer}"
    if session.client.registered and readable_record(store, client) is None:
        store.save(client, dump(session.client), None)
