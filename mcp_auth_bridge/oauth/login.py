"""The login of a user: discover → listen → register → grant → account."""

import msgspec

from mcp_auth_bridge.effects import Flow, Tell, ask
from mcp_auth_bridge.errors import AccessDenied, BridgeError, OAuthRefused, ProtocolError, TheirProtocolError, quoted
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.claims import is_account
from mcp_auth_bridge.oauth.client import obtain_client, replace_client
from mcp_auth_bridge.oauth.discovery import discover
from mcp_auth_bridge.oauth.error_meaning import scopes_refused
from mcp_auth_bridge.oauth.grants import authorization_code
from mcp_auth_bridge.oauth.metadata import ServerMetadata, gate_endpoints
from mcp_auth_bridge.oauth.plan import LoginPlan
from mcp_auth_bridge.oauth.providers import adapted_to_provider, resource_identifier
from mcp_auth_bridge.oauth.revocation import revoke
from mcp_auth_bridge.oauth.scopes import OFFLINE_ACCESS, limit_scopes, select_scopes
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.oauth.trust import Trust, confine


def login(plan: LoginPlan) -> Flow[Session]:
    """Log in to `plan.url` and return the session. Stores nothing. Raises any `BridgeError`."""
    trust = trust_of(plan)
    return confine(_log_in(plan, trust), trust)


def find_server(plan: LoginPlan) -> Flow[AuthorizationServer]:
    """The authorization server at which `login` would log in. Raises what `login` raises until it has found it."""
    trust = trust_of(plan)
    return confine(_find_server(plan, trust), trust)


def trust_of(plan: LoginPlan) -> Trust:
    """Which servers are trusted with the login of `plan`."""
    return Trust(
        server=plan.url,
        resource_metadata=plan.resource_metadata,
        trusted_issuer=plan.trusted_issuer,
        issuer=plan.issuer,
        endpoints=_origins(plan.server_metadata),
        agreed=(*plan.agreed, *_origins(plan.server_metadata)),
        last=plan.last,
    )


def _find_server(plan: LoginPlan, trust: Trust) -> Flow[AuthorizationServer]:
    discovered = yield from discover(trust, plan.challenge, resource_identifier(plan.resource), plan.server_metadata)
    server = adapted_to_provider(discovered, plan.resource, plan.ways)
    _check_grant(plan, server)
    return server


def _log_in(plan: LoginPlan, trust: Trust) -> Flow[Session]:
    server = yield from _find_server(plan, trust)
    session = yield from _obtain_session(plan, server, choose_scopes(plan, server))
    return (yield from _check_account(plan.ways.account, session))


def _origins(metadata: ServerMetadata | None) -> tuple[str, ...]:
    """The origins to which the configuration itself sends the login."""
    return tuple(url.origin for url in gate_endpoints(metadata).values()) if metadata else ()


def _check_grant(plan: LoginPlan, server: AuthorizationServer) -> None:
    """Raise `TheirProtocolError` if `plan` is a login in a browser, and `server` does not offer one."""
    if plan.grant is not authorization_code:
        return
    if server.authorization_endpoint is None:
        raise TheirProtocolError(
            f"the authorization server {quoted(server.issuer)} offers a login on another device only",
            'add --device, or set kind = "device" under auth for this server',
        )
    if not server.takes_s256:
        raise TheirProtocolError(
            f"the authorization server {quoted(server.issuer)} does not say that it supports PKCE with S256",
            'if its documentation does, set pkce = "S256" under auth for this server; its operator has to add'
            " code_challenge_methods_supported: [“S256”] to its metadata (MCP requires it)",
        )


def choose_scopes(plan: LoginPlan, server: AuthorizationServer) -> tuple[str, ...]:
    """The scopes that the login of `plan` asks for at `server`."""
    challenged = plan.challenge.scopes if plan.challenge is not None else ()
    scopes = select_scopes(
        plan.scopes, challenged, server.scopes_supported, offline_access=server.offers_offline_access
    )
    scopes = _add_step_up(plan, scopes) if plan.step_up else scopes
    return scopes if plan.offline else _without_offline_access(plan, scopes)


def _add_step_up(plan: LoginPlan, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Put the scopes of `plan.step_up` before `scopes`: as many as a URL can carry, and every configured one."""
    union = dict.fromkeys((*plan.step_up, *scopes))
    kept = {*plan.scopes, *limit_scopes(union)}
    return tuple(scope for scope in union if scope in kept)


def _without_offline_access(plan: LoginPlan, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """`scopes` without offline_access, unless the user configured it."""
    return tuple(scope for scope in scopes if scope != OFFLINE_ACCESS or scope in plan.scopes)


def _obtain_session(plan: LoginPlan, server: AuthorizationServer, scopes: tuple[str, ...]) -> Flow[Session]:
    """A session with `scopes`. If offline_access is refused, a session without it, which remembers the refusal.

    NyxID (#1217) and Blazity's ai-workflow (#298) list that scope and refuse it, at the authorization or before.
    """
    fewer = _without_offline_access(plan, scopes)
    client = None
    if fewer == scopes or not _remembers_refusal(plan, server, fewer):
        try:
            client = yield from obtain_client(plan, server, scopes)  # listens, and registers if need be
            return (yield from _grant(plan, server, client, scopes))
        except OAuthRefused as refused:
            if fewer == scopes or not scopes_refused(refused):
                raise
        yield from ask(Tell(f"{quoted(server.issuer)} refused these scopes; trying once more without offline_access"))
    client = client or (yield from obtain_client(plan, server, fewer))
    session = yield from _grant(plan, server, client, fewer)
    return msgspec.structs.replace(session, denied=OFFLINE_ACCESS)


def _remembers_refusal(plan: LoginPlan, server: AuthorizationServer, scopes: tuple[str, ...]) -> bool:
    """Whether the last login was refused offline_access, and this one with `scopes` will use the same client."""
    last, known = plan.last, plan.clients.get(server.issuer)
    if plan.fresh or last is None or last.issuer != server.issuer or OFFLINE_ACCESS not in last.denied.split():
        return False
    return not last.client.registered or (known is not None and known.id == last.client.id and known.allows(scopes))


def _grant(plan: LoginPlan, server: AuthorizationServer, client: Client, scopes: tuple[str, ...]) -> Flow[Session]:
    """Run the grant, and once more with a new registration if the server turns out to have forgotten `client`."""
    try:
        return (yield from plan.grant(server, client, scopes))
    except ProtocolError as refused:
        client = yield from replace_client(refused, client, plan, server, scopes)
    return (yield from plan.grant(server, client, scopes))


def _check_account(expected: str, session: Session) -> Flow[Session]:
    """Return `session` if it may be the login of the account `expected`, "" for any account.

    Raises `AccessDenied` if its tokens name another account. The tokens are then revoked if possible: the
    user did not want them, and they are not stored.
    """
    if not expected or is_account(expected, session.names) is not False:
        return session
    try:
        yield from revoke(session)
        rest = "nothing was kept"
    except BridgeError as error:
        rest = f"nothing was kept, but the new tokens could not be revoked ({error.message})"
    raise AccessDenied(
        f"{quoted(session.account)} signed in, but this server is to be used as {quoted(expected)}; {rest}",
        "sign out of that account in the browser and log in again, or change account under auth for this server",
    )
