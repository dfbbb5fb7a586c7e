"""The story of one login, whoever asked for it: challenge → flow → store → proof → and only then a page that says so.

The login lock is held by the caller, who has looked at the store since.
"""

from collections.abc import AsyncIterator, Callable, Mapping

import msgspec

from mcp_auth_bridge.config import Browser, Profile
from mcp_auth_bridge.errors import BridgeError, StoreError
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.grants import authorization_code
from mcp_auth_bridge.oauth.login import Grant, Plan, login
from mcp_auth_bridge.oauth.providers import Ways
from mcp_auth_bridge.oauth.registration import CLIENT_NAME
from mcp_auth_bridge.oauth.session import CLIENTS, Client, Session, dump, load_client, load_session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell import log, pages
from mcp_auth_bridge.shell.drive import drive
from mcp_auth_bridge.shell.http import Http
from mcp_auth_bridge.shell.loopback import Loopback
from mcp_auth_bridge.shell.person import BrowserPerson
from mcp_auth_bridge.shell.probe import Stranger, challenge, prove
from mcp_auth_bridge.stores.base import Record, Stale, Store
from mcp_auth_bridge.wiring import Bridge


class Manner(msgspec.Struct, frozen=True):
    """How the person is met. `open_url` says whether it found a browser; `pasted` are lines that they type.

    `fresh`: register this bridge anew instead of using an earlier registration.
    """

    open_url: Callable[[str], bool]
    pasted: AsyncIterator[str] | None = None
    grant: Grant = authorization_code
    fresh: bool = False


async def sign_in(bridge: Bridge, store: Store, record: Record | None, manner: Manner) -> Session:
    """The session that replaces the one in `record`, stored and proven. Raises any `BridgeError`."""
    loopback, http = Loopback(), Http(bridge.network)
    person = BrowserPerson(loopback, manner.open_url, manner.pasted)
    page = pages.failure("the login was interrupted", "run the command again")
    try:
        clients = {} if manner.fresh else _clients(store, record)
        stranger = Stranger()
        plan = _plan(bridge.profile, clients, await challenge(bridge.remote_for(stranger), stranger))
        plan = msgspec.structs.replace(plan, granted=_step_up(session_in(record)), grant=manner.grant)
        session = await drive(login(plan), http, person)
        renewable = session.refresh is not None
        log.event("login.granted", issuer=session.issuer, scope=session.scope, renewable=renewable)
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


def grant(*, device: bool) -> Grant:
    """How the authorization server is asked for a token: by the browser's way back, or on another device."""
    if not device:
        return authorization_code
    from mcp_auth_bridge.oauth.device import device_code

    return device_code


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
        client_name=auth.client_name or CLIENT_NAME,
        port=auth.callback_port,
        host=auth.callback_host,
        trusted_issuer=auth.trusted_issuer,
        metadata_url=auth.client_metadata_url,
        ways=Ways(audience=auth.audience, token=auth.token, account=auth.account, parameters=auth.authorize_params),
    )


def _step_up(last: Session | None) -> tuple[str, ...]:
    """What a login asks for that follows on one which lacked scopes: those it had and those it lacked."""
    return (*last.scope.split(), *last.wanted.split()) if last is not None and last.wanted else ()


def _configured(auth: Browser) -> Client | None:
    if not auth.client_id:
        return None
    secret = Secret(auth.client_secret) if auth.client_secret else None
    return Client(issuer=auth.issuer, id=auth.client_id, secret=secret, registered=False)


def stored(store: Store, key: str) -> Record | None:
    """The record under `key`; one that cannot be opened is as good as none, because the login replaces it."""
    try:
        return store.load(key)
    except StoreError:
        return None


def session_in(record: Record | None) -> Session | None:
    """As with `stored`: what cannot be read is replaced."""
    try:
        return load_session(record.secret) if record is not None else None
    except StoreError:
        return None


def _clients(store: Store, last: Record | None) -> Mapping[str, Client]:
    """The registrations that earlier logins made, by issuer, without one that the `last` session found forgotten."""
    keys = store.keys()
    records = [stored(store, key) for key in keys if key.startswith(CLIENTS)]
    clients = [load_client(record.secret) for record in records if record is not None]
    session = session_in(last)
    forgotten = session.client.id if session is not None and session.client_forgotten else ""
    return {client.issuer: client for client in clients if client.id != forgotten}


def _save(store: Store, key: str, before: Record | None, session: Session) -> None:
    _put(store, key, dump(session), before)
    if session.client.registered:
        client = f"{CLIENTS}{session.issuer}"
        _put(store, client, dump(session.client), stored(store, client))


def _put(store: Store, key: str, secret: str, before: Record | None) -> None:
    """A login that a person has just made wins over whatever a refresh wrote in the meantime."""
    try:
        store.save(key, secret, before.generation if before else None)
    except Stale:
        now = store.load(key)
        store.save(key, secret, now.generation if now else None)
