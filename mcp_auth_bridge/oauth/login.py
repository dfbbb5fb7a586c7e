"""Whose login it is: a profile may say who is to be signed in, and then nobody else is."""

import msgspec

from mcp_auth_bridge.effects import Flow, Tell, ask
from mcp_auth_bridge.errors import AccessDenied, BridgeError, OAuthRefused, ProtocolError, TheirProtocolError, quoted
from mcp_auth_bridge.oauth.challenge import scopes_to_ask
from mcp_auth_bridge.oauth.claims import is_account
from mcp_auth_bridge.oauth.client import client_after, client_for
from mcp_auth_bridge.oauth.discovery import Server, discover
from mcp_auth_bridge.oauth.error_meaning import scopes_refused
from mcp_auth_bridge.oauth.grants import authorization_code, revoke
from mcp_auth_bridge.oauth.metadata import ServerMetadata, endpoints
from mcp_auth_bridge.oauth.plan import LoginPlan
from mcp_auth_bridge.oauth.providers import as_wanted, identifier
from mcp_auth_bridge.oauth.scopes import OFFLINE_ACCESS, fitting
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.oauth.trust import Trust, confined


def only_as(expected: str, session: Session) -> Flow[Session]:
    """`session`, if it may be the login of `expected`; "" is anybody.

    Raises `AccessDenied` if its tokens name somebody else. They are revoked before, if that can be done: nobody wanted
    them, and nothing will remember them.
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


def login(plan: LoginPlan) -> Flow[Session]:
    """A session for `plan.url`. Raises any `BridgeError`; on every path nothing has been stored."""
    trust = Trust(
        server=plan.url,
        resource_metadata=plan.resource_metadata,
        trusted_issuer=plan.trusted_issuer,
        issuer=plan.issuer,
        endpoints=_origins(plan.server_metadata),
        agreed=(*plan.agreed, *_origins(plan.server_metadata)),
        last=plan.last,
    )
    return confined(_login(plan, trust), trust)


def _origins(given: ServerMetadata | None) -> tuple[str, ...]:
    """Where the profile itself sends the login."""
    return tuple(url.origin for url in endpoints(given).values()) if given else ()


def _login(plan: LoginPlan, trust: Trust) -> Flow[Session]:
    server = yield from discover(trust, plan.challenge, identifier(plan.resource), plan.server_metadata)
    if server.authorization_endpoint is None and plan.grant is authorization_code:
        raise TheirProtocolError(
            f"the authorization server {quoted(server.issuer)} offers a login on another device only",
            'add --device, or set kind = "device" under auth for this server',
        )
    server = as_wanted(server, plan.resource, plan.ways)
    if plan.grant is authorization_code and not server.takes_s256:
        raise TheirProtocolError(
            f"the authorization server {quoted(server.issuer)} does not say that it supports PKCE with S256",
            'if its documentation does, set pkce = "S256" under auth for this server; its operator has to add'
            " code_challenge_methods_supported: [“S256”] to its metadata (MCP requires it)",
        )
    session = yield from _session(plan, server, _scopes(plan, server))
    session = msgspec.structs.replace(session, agreed=server.agreed)
    return (yield from only_as(plan.ways.account, session))


def _scopes(plan: LoginPlan, server: Server) -> tuple[str, ...]:
    scopes = scopes_to_ask(
        plan.scopes, plan.challenge, server.scopes_supported, offline_access=server.offers_offline_access
    )
    scopes = _all(plan, scopes) if plan.step_up else scopes
    return scopes if plan.offline else _without_offline_access(plan, scopes)


def _all(plan: LoginPlan, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """`scopes` and those of the login before this one: as many as a URL can carry, and the configured ones."""
    union = dict.fromkeys((*plan.step_up, *scopes))
    kept = {*plan.scopes, *fitting(union)}
    return tuple(scope for scope in union if scope in kept)


def _without_offline_access(plan: LoginPlan, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """`scopes` without the one that the bridge, or a server, has put among them."""
    return tuple(scope for scope in scopes if scope != OFFLINE_ACCESS or scope in plan.scopes)


def _session(plan: LoginPlan, server: Server, scopes: tuple[str, ...]) -> Flow[Session]:
    """A session with `scopes`, or without offline_access where that is refused, which the session remembers.

    NyxID (#1217) and Blazity's ai-workflow (#298) list that scope and refuse it, at the authorization or before.
    """
    fewer = _without_offline_access(plan, scopes)
    client = None
    if fewer == scopes or not _was_refused(plan, server, fewer):
        try:
            client = yield from client_for(plan, server, scopes)
            return (yield from _granted(plan, server, client, scopes))
        except OAuthRefused as refused:
            if fewer == scopes or not scopes_refused(refused):
                raise
        yield from ask(Tell(f"{quoted(server.issuer)} refused these scopes; trying once more without offline_access"))
    client = client or (yield from client_for(plan, server, fewer))
    session = yield from _granted(plan, server, client, fewer)
    return msgspec.structs.replace(session, denied=OFFLINE_ACCESS)


def _was_refused(plan: LoginPlan, server: Server, scopes: tuple[str, ...]) -> bool:
    """Whether the last login was refused offline_access, and this one with `scopes` will be by the same client."""
    last, known = plan.last, plan.clients.get(server.issuer)
    if plan.fresh or last is None or last.issuer != server.issuer or OFFLINE_ACCESS not in last.denied.split():
        return False
    return not last.client.registered or (known is not None and known.id == last.client.id and known.allows(scopes))


def _granted(plan: LoginPlan, server: Server, client: Client, scopes: tuple[str, ...]) -> Flow[Session]:
    try:
        return (yield from plan.grant(server, client, scopes))
    except ProtocolError as refused:
        client = yield from client_after(refused, client, plan, server, scopes)
    return (yield from plan.grant(server, client, scopes))
