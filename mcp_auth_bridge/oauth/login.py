"""The whole login on one page: discover, listen, register, grant."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from mcp_auth_bridge.effects import Flow, Listen, ask
from mcp_auth_bridge.errors import ConfigError, OAuthRefused, quoted
from mcp_auth_bridge.oauth.accounts import only_as
from mcp_auth_bridge.oauth.challenge import Challenge, scopes_to_ask
from mcp_auth_bridge.oauth.discovery import Server, discover
from mcp_auth_bridge.oauth.grants import authorization_code
from mcp_auth_bridge.oauth.providers import Ways, as_wanted, identifier
from mcp_auth_bridge.oauth.registration import METADATA_PORTS, register
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.urls import Purpose, Url, gate

Grant: TypeAlias = Callable[[Server, Client, tuple[str, ...]], Flow[Session]]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before the login. `challenge` is the MCP server's own, `clients` are ours by issuer.

    `granted` are the scopes of the login before this one and those that it turned out to lack, if that is what this one
    is for. A `configured` client is used at its own issuer and nowhere else, whatever the server's metadata say. `port`
    is the callback's, where the configuration fixes it; 0 leaves the choice to the registration. `metadata_url` is the
    client ID where the server takes metadata documents, `resource` and `ways` are what the profile says about this
    server. `grant` is how the person is asked.
    """

    url: Url
    challenge: Challenge | None = None
    resource: str = ""
    scopes: tuple[str, ...] = ()
    granted: tuple[str, ...] = ()
    configured: Client | None = None
    clients: Mapping[str, Client] = {}
    port: int = 0
    grant: Grant = authorization_code
    trusted_issuer: str = ""
    metadata_url: str = ""
    ways: Ways = Ways()


def login(plan: Plan) -> Flow[Session]:
    """A session for `plan.url`. Raises any `BridgeError`; on every path nothing has been stored."""
    server = yield from discover(plan.url, plan.challenge, identifier(plan.resource), plan.trusted_issuer)
    server = as_wanted(server, plan.resource, plan.ways)
    scopes = scopes_to_ask(
        plan.scopes, plan.challenge, server.scopes_supported, offline_access=server.offers_offline_access
    )
    scopes = tuple(dict.fromkeys((*plan.granted, *scopes))) if plan.granted else scopes
    client = yield from _client(plan, server, scopes)
    session = yield from plan.grant(server, client, scopes)
    return (yield from only_as(plan.ways.account, session))


def _client(plan: Plan, server: Server, scopes: tuple[str, ...]) -> Flow[Client]:
    """Who we are there. The callback is bound before registration: what is registered is a port that we hold."""
    known = _known_client(plan, server)
    if known is None and plan.metadata_url and server.takes_metadata_documents:
        for port in METADATA_PORTS:
            redirect_uri = yield from ask(Listen(port))
            if gate(redirect_uri, Purpose.SERVER).port == port:
                return Client(issuer=server.issuer, id=plan.metadata_url, redirect_uri=redirect_uri, registered=False)
    redirect_uri = yield from ask(_place(plan, known))
    try:
        return (yield from register(server, redirect_uri, scopes, known))
    except OAuthRefused as refused:
        if refused.error != "invalid_redirect_uri":
            raise
        # Salesforce takes localhost and no address.
        redirect_uri = yield from ask(Listen(plan.port, "localhost"))
        return (yield from register(server, redirect_uri, scopes, None))


def _known_client(plan: Plan, server: Server) -> Client | None:
    if plan.configured is None:
        return plan.clients.get(server.issuer)
    if plan.configured.issuer != server.issuer:
        raise ConfigError(
            f"the configured client belongs to {quoted(plan.configured.issuer)}, "
            f"but the server now names the authorization server {quoted(server.issuer)}",
            "if that is right, set the client_id and issuer of the new one under auth for this server",
        )
    return plan.configured


def _place(plan: Plan, known: Client | None) -> Listen:
    """Where the callback is to be: as configured, else as it was registered, else anywhere."""
    if known is None or not known.redirect_uri:
        return Listen(plan.port)
    registered = gate(known.redirect_uri, Purpose.SERVER)
    return Listen(plan.port or registered.port, registered.host)
