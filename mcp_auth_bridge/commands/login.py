"""Log a person in: challenge → flow → store → proof → and only then a page that says so."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

import msgspec

from mcp_auth_bridge.config import Browser, Profile
from mcp_auth_bridge.errors import BridgeError, ConfigError, StoreError
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.grants import authorization_code
from mcp_auth_bridge.oauth.login import Grant, Plan, login
from mcp_auth_bridge.oauth.session import Client, Session, dump, load_client, load_session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell import pages, terminal
from mcp_auth_bridge.shell.browser import open_url
from mcp_auth_bridge.shell.drive import drive
from mcp_auth_bridge.shell.http import Http
from mcp_auth_bridge.shell.loopback import Loopback
from mcp_auth_bridge.shell.person import PATIENCE, BrowserPerson
from mcp_auth_bridge.shell.probe import Stranger, challenge, prove
from mcp_auth_bridge.stores.base import Record, Stale, Store
from mcp_auth_bridge.wiring import Bridge, World

_CLIENT = "client "


class Input(msgspec.Struct, frozen=True):
    """`browser` is the command that opens URLs, () for the desktop's own, None for no browser at all.

    `fresh`: register this bridge anew instead of using an earlier registration. `device`: the person signs in on
    another device. `paste`: the address that the browser ends at is carried over by hand.
    """

    target: str
    headers: Mapping[str, str] = {}
    browser: tuple[str, ...] | None = ()
    fresh: bool = False
    device: bool = False
    paste: bool = False
    ipv4: bool = False


async def run(given: Input, world: World) -> int:
    profile = world.config.profile(given.target, given.headers)
    if not isinstance(profile.auth, Browser):
        raise ConfigError(
            f"{profile.name} uses credentials from its configuration: there is nothing to log in to",
            'remove its auth, or set auth = { kind = "browser" }',
        )
    bridge = Bridge(profile.over_ipv4() if given.ipv4 else profile, world)
    if bridge.vault.forgets:
        raise ConfigError(
            'a login cannot be kept with [store] kind = "memory"', f"choose another kind in {world.config.path}"
        )
    store = await bridge.vault.unlock()
    before = _stored(store, bridge.record)
    async with bridge.vault.locks.hold(f"the login to {profile.name}", PATIENCE + 60):
        record = _stored(store, bridge.record)
        # Another process may have logged in while this one waited its turn.
        session = _session(record) if record != before else None
        session = session or await _log_in(bridge, store, record, given)
    _tell(bridge, session)
    return 0


async def _log_in(bridge: Bridge, store: Store, record: Record | None, given: Input) -> Session:
    loopback, http = Loopback(), Http(bridge.network)
    pasted = terminal.lines() if given.paste or terminal.browser_is_elsewhere() else None
    person = BrowserPerson(loopback, partial(_open, bridge.profile, given.browser), pasted)
    page = pages.failure("the login was interrupted", "run the command again")
    try:
        clients = {} if given.fresh else _clients(store, record)
        stranger = Stranger()
        plan = _plan(bridge.profile, clients, await challenge(bridge.remote_for(stranger), stranger))
        plan = msgspec.structs.replace(plan, granted=_step_up(_session(record)), grant=_grant(given))
        session = await drive(login(plan), http, person)
        _save(store, bridge.record, record, session)
        for method, result in (await prove(bridge.remote)).items():
            bridge.memory.save(method, result)
        page = pages.success(bridge.profile.name, session.account)
    except BridgeError as error:
        page = pages.failure(error.message, error.hint)
        raise
    finally:
        await loopback.finish(page)
        await http.aclose()
        await bridge.wire.aclose()
    return session


def _plan(profile: Profile, clients: Mapping[str, Client], asked: Challenge | None) -> Plan:
    auth = profile.auth
    assert isinstance(auth, Browser), "run looked"  # noqa: S101 - a fact, not a check
    return Plan(
        url=profile.url,
        challenge=asked,
        resource=auth.resource,
        scopes=auth.scopes,
        configured=_configured(auth),
        clients=clients,
        port=auth.callback_port,
        trusted_issuer=auth.trusted_issuer,
        metadata_url=auth.client_metadata_url,
        authorize_params=auth.authorize_params,
    )


def _grant(given: Input) -> Grant:
    if not given.device:
        return authorization_code
    from mcp_auth_bridge.oauth.device import device_code

    return device_code


def _step_up(last: Session | None) -> tuple[str, ...]:
    """What a login asks for that follows on one which lacked scopes: those it had and those it lacked."""
    return (*last.scope.split(), *last.wanted.split()) if last is not None and last.wanted else ()


def _configured(auth: Browser) -> Client | None:
    if not auth.client_id:
        return None
    secret = Secret(auth.client_secret) if auth.client_secret else None
    return Client(issuer=auth.issuer, id=auth.client_id, secret=secret, registered=False)


def _open(profile: Profile, browser: tuple[str, ...] | None, url: str) -> bool:
    return browser is not None and open_url(url, browser or profile.browser_command)


def _stored(store: Store, key: str) -> Record | None:
    """The record under `key`; one that cannot be opened is as good as none, because the login replaces it."""
    try:
        return store.load(key)
    except StoreError:
        return None


def _session(record: Record | None) -> Session | None:
    """As with `_stored`: what cannot be read is replaced."""
    try:
        return load_session(record.secret) if record is not None else None
    except StoreError:
        return None


def _clients(store: Store, last: Record | None) -> Mapping[str, Client]:
    """The registrations that earlier logins made, by issuer, without one that the `last` session found forgotten."""
    keys = store.keys()
    records = [_stored(store, key) for key in keys if key.startswith(_CLIENT)]
    clients = [load_client(record.secret) for record in records if record is not None]
    session = _session(last)
    forgotten = session.client.id if session is not None and session.client_forgotten else ""
    return {client.issuer: client for client in clients if client.id != forgotten}


def _save(store: Store, key: str, before: Record | None, session: Session) -> None:
    _put(store, key, dump(session), before)
    if session.client.registered:
        client = f"{_CLIENT}{session.issuer}"
        _put(store, client, dump(session.client), _stored(store, client))


def _put(store: Store, key: str, secret: str, before: Record | None) -> None:
    """A login that a person has just made wins over whatever a refresh wrote in the meantime."""
    try:
        store.save(key, secret, before.generation if before else None)
    except Stale:
        now = store.load(key)
        store.save(key, secret, now.generation if now else None)


def _tell(bridge: Bridge, session: Session) -> None:
    terminal.say(f"signed in to {bridge.profile.name}{f' as {session.account}' if session.account else ''}")
    terminal.say(validity(session))
    terminal.say(f"stored in {bridge.vault.describe()}")


def validity(session: Session) -> str:
    """How long the login lasts, in words and local time."""
    if session.expires_at is None:
        until = "valid until the server refuses it"
    else:
        until = f"valid until {datetime.fromtimestamp(session.expires_at).astimezone():%Y-%m-%d %H:%M}"
    if session.refresh is None:
        return f"{until}; the server gave no refresh token, so it ends then"
    return f"{until}, renewed by itself"
