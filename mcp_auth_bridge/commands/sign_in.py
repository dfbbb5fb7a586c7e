"""The story of one login, whoever asked for it: challenge → flow → store → proof → and only then a page that says so.

The login lock is held by the caller, who has looked at the store since.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from functools import partial

import msgspec

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.commands.endpoint_hint import naming_endpoints
from mcp_auth_bridge.commands.stored_logins import is_used, session_in, stored
from mcp_auth_bridge.config.auth import digest
from mcp_auth_bridge.config.login import ENDPOINTS, BrowserSettings, LoginSettings
from mcp_auth_bridge.errors import BridgeError, ConfigError, LoginRequired, NoLoginOffered, StepUpRequired
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.error_meaning import scopes_refused
from mcp_auth_bridge.oauth.grants import authorization_code
from mcp_auth_bridge.oauth.login import Grant, Plan, login
from mcp_auth_bridge.oauth.metadata import ServerMetadata
from mcp_auth_bridge.oauth.providers import Ways
from mcp_auth_bridge.oauth.registration import CLIENT_NAME, RegistrationRequest
from mcp_auth_bridge.oauth.registration_management import unregister
from mcp_auth_bridge.oauth.scopes import added, fitting
from mcp_auth_bridge.oauth.session import CLIENTS, Client, Session, dump, load_client
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.browser import pages
from mcp_auth_bridge.shell.browser.login_window import LoginWindow
from mcp_auth_bridge.shell.browser.loopback import Loopback
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp
from mcp_auth_bridge.shell.run_flow import Unattended, drive
from mcp_auth_bridge.shell.transports.probe import Stranger, challenge, prove
from mcp_auth_bridge.stores.base import Record, Stale, Store
from mcp_auth_bridge.stores.memory import MemoryStore


class LoginManner(msgspec.Struct, frozen=True):
    """How the person is met. `open_url` says whether it found a browser; `pasted` are lines that they type.

    `fresh`: register this bridge anew instead of using an earlier registration. `agreed` are the issuers and origins
    that they trust in advance (`oauth/trust.py`). `headers` are kept with the login, None for those of the last one.
    """

    open_url: Callable[[str], bool]
    pasted: AsyncIterator[str] | None = None
    grant: Grant = authorization_code
    fresh: bool = False
    agreed: tuple[str, ...] = ()
    headers: Mapping[str, Secret] | None = None


async def sign_in(bridge: Bridge, store: Store, record: Record | None, manner: LoginManner) -> Session:
    """The session that replaces the one in `record`, stored and proven. Raises any `BridgeError`."""
    loopback, http = Loopback(), OAuthHttp(bridge.network)
    person = LoginWindow(loopback, manner.open_url, manner.pasted, command=bridge.login_command)
    page = pages.failure("the login was interrupted", "run the command again")
    replaced: list[Client] = []
    try:
        clients = _clients(store, record)
        settings = digest(bridge.profile.auth)
        stranger, last = Stranger(), _last(record, settings)
        headers = _headers(last, manner)
        async with naming_endpoints(bridge.profile.url, bridge.network):
            asked = await challenge(bridge.remote_for(stranger, lambda: headers), stranger)
        plan = await _plan(bridge, clients, asked)
        plan = msgspec.structs.replace(
            plan, granted=_step_up(last), grant=manner.grant, last=last, fresh=manner.fresh, agreed=manner.agreed
        )
        session = msgspec.structs.replace(await drive(login(plan), http, person), headers=headers)
        renewable = session.refresh is not None
        debug_log.event("login.granted", issuer=session.issuer, scope=session.scope, renewable=renewable)
        session = msgspec.structs.replace(session, wanted=_obtained(last, session), settings=settings)
        session = await _kept(bridge, store, record, session)
        page = pages.success(bridge.profile.name, session.account)
        replaced = _replaced(session.client, clients.get(session.issuer), last.client if last is not None else None)
    except NoLoginOffered as nothing:
        raise _otherwise(nothing, bridge, stranger, headers) from None
    except BridgeError as error:
        if scopes_refused(error):
            await _without_step_up(bridge, store)
        page = pages.failure(error.message, error.hint)
        raise
    finally:
        await loopback.finish(page)  # nobody waits for what comes after it
        await _end_registrations(store, http, replaced)
        await http.aclose()
        await bridge.pool.aclose()
    return session


def _otherwise(
    nothing: NoLoginOffered, bridge: Bridge, stranger: Stranger, headers: Mapping[str, Secret]
) -> BridgeError:
    """The error where there is no login to be had: the server needs none, or says in words what it wants."""
    if stranger.is_served:
        again = f", each time with --header for {', '.join(headers)}" if headers else ""
        return ConfigError(
            f"{bridge.profile.name} needs no login: it has answered as it was asked",
            f"use it as it is{again}: {bridge.command('tools')}",
        )
    if stranger.refusal is not None:
        nothing.add(f" ({stranger.refusal})")
    return nothing


def _headers(last: Session | None, manner: LoginManner) -> dict[str, Secret]:
    if manner.headers is not None:
        return dict(manner.headers)
    return last.headers if last is not None else {}


async def _kept(bridge: Bridge, store: Store, before: Record | None, session: Session) -> Session:
    """Prove `session` and store it, unless the MCP server refuses it: the login before it may still be good then.

    Whatever else goes wrong with the proof, a person has signed in, and that is kept.
    """
    trial = MemoryStore()
    trial.save(bridge.record, dump(session), None)
    refused = False
    credentials = bridge.oauth_from(partial(_opened, trial))
    try:
        async with naming_endpoints(bridge.profile.url, bridge.network):
            shown = await prove(bridge.remote_for(credentials, lambda: session.headers))
    except LoginRequired as error:
        refused = not isinstance(error, StepUpRequired)  # which is good, if not for everything
        raise
    finally:
        session = session_in(trial.load(bridge.record)) or session  # the proof may have renewed it
        _save_client(store, session)
        if not refused:
            _put(store, bridge.record, dump(session), before)
    last = session_in(before)
    if last is not None and last.headers != session.headers:
        bridge.server_cache.forget()  # another organisation may have other tools
    for method, result in shown.items():
        bridge.server_cache.save(method, result)
    return session


async def _opened(store: Store) -> Store:
    return store


def _replaced(by: Client, *earlier: Client | None) -> list[Client]:
    """Those of the `earlier` registrations that the registration `by` replaces.

    Only where both have the same callback: whoever is logging in with the former at this moment holds its port.
    """
    clients = {client.id: client for client in earlier if client is not None and by.registered and client.registered}
    place = by.issuer, by.redirect_uri
    return [
        client for client in clients.values() if client.id != by.id and (client.issuer, client.redirect_uri) == place
    ]


async def _end_registrations(store: Store, http: OAuthHttp, clients: list[Client]) -> None:
    """End those that no login needs any more (RFC 7592), where that is offered; it is no reason to fail."""
    for client in clients:
        if not is_used(store, client):
            with suppress(BridgeError):
                await drive(unregister(client), http, Unattended())


async def _without_step_up(bridge: Bridge, store: Store) -> None:
    """Let the next login go without the scopes that this one was to add: the authorization server has none such."""
    async with bridge.lock():
        record = stored(store, bridge.record)
        session = session_in(record)
        if record is not None and session is not None and session.wanted:
            settings = digest(bridge.profile.auth)
            denied = added(_pending(session), session.denied if session.settings == settings else "")
            session = msgspec.structs.replace(session, wanted="", denied=denied, settings=settings)
            store.save(bridge.record, dump(session), record.generation)


def grant(*, device: bool) -> Grant:
    """How the authorization server is asked for a token: by the browser's way back, or on another device."""
    if not device:
        return authorization_code
    from mcp_auth_bridge.oauth.device import device_code

    return device_code


async def _plan(bridge: Bridge, clients: Mapping[str, Client], asked: Challenge | None) -> Plan:
    auth = bridge.profile.auth
    assert isinstance(auth, LoginSettings), "run looked"  # noqa: S101 - a fact, not a check
    browser = auth if isinstance(auth, BrowserSettings) else BrowserSettings()
    return Plan(
        url=bridge.profile.url,
        challenge=asked,
        resource=auth.resource,
        scopes=auth.scopes,
        configured=await _configured(auth, bridge),
        clients=clients,
        introduction=RegistrationRequest(auth.client_name or CLIENT_NAME, auth.auth_method),
        offline=auth.offline_access == "auto",
        port=browser.callback_port,
        host=browser.callback_host,
        path=browser.callback_path,
        issuer=auth.issuer,
        given=_given(auth),
        trusted_issuer=auth.trusted_issuer,
        resource_metadata=auth.resource_metadata,
        metadata_url=auth.client_metadata_url,
        ways=Ways(
            audience=auth.audience,
            token=auth.token,
            account=auth.account,
            pkce=auth.pkce,
            parameters=browser.authorize_params,
        ),
    )


def _given(auth: LoginSettings) -> ServerMetadata | None:
    """The authorization server's metadata in the words of the configuration, which needs no word for PKCE's method."""
    if not auth.token_endpoint:
        return None
    named = {key: text for key in ENDPOINTS if (text := getattr(auth, key))}
    return ServerMetadata(issuer=auth.issuer, code_challenge_methods_supported=["S256"], **named)


def _last(record: Record | None, settings: str) -> Session | None:
    """The login before this one. Made under other `settings`, it was denied nothing that counts, and given nothing."""
    last = session_in(record)
    if last is None or last.settings == settings:
        return last
    return msgspec.structs.replace(last, wanted=" ".join(_pending(last)), denied="")


def _pending(session: Session) -> list[str]:
    """What the MCP server has asked for and `session` lacks."""
    had = session.scope.split()
    return [scope for scope in session.wanted.split() if scope not in had]


def _obtained(last: Session | None, session: Session) -> str:
    """What `session` has because the MCP server asked for it: a login after it must not lose that again."""
    wanted = last.wanted.split() if last is not None else []
    return " ".join(scope for scope in wanted if scope in session.scope.split())


def _step_up(last: Session | None) -> tuple[str, ...]:
    """What a login asks for that follows on one which lacked scopes, once: those it had and those it lacked."""
    if last is None or not last.wanted:
        return ()
    kept = fitting((*last.wanted.split(), *last.scope.split()))  # what is lacking comes first
    return tuple(scope for scope in dict.fromkeys((*last.scope.split(), *last.wanted.split())) if scope in kept)


async def _configured(auth: LoginSettings, bridge: Bridge) -> Client | None:
    if not auth.client_id:
        return None
    secret = await bridge.secrets.read(auth.client_secret, "the client_secret") if auth.client_secret else None
    method = auth.auth_method
    return Client(issuer=auth.issuer, id=auth.client_id, secret=secret, auth_method=method, registered=False)


def _clients(store: Store, last: Record | None) -> Mapping[str, Client]:
    """The registrations that earlier logins made, by issuer, without one that the `last` session found forgotten."""
    keys = store.keys()
    records = [stored(store, key) for key in keys if key.startswith(CLIENTS)]
    clients = [load_client(record.secret) for record in records if record is not None]
    session = session_in(last)
    forgotten = session.client.id if session is not None and session.client_forgotten else ""
    return {client.issuer: client for client in clients if client.id != forgotten}


def _save_client(store: Store, session: Session) -> None:
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
