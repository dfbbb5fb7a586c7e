"""The whole login on one page: discover, listen, register, grant."""

from collections.abc import Mapping

import msgspec

from mcp_auth_bridge.effects import Flow, Listen, ask
from mcp_auth_bridge.errors import ConfigError, quoted
from mcp_auth_bridge.oauth.challenge import Challenge, scopes_to_ask
from mcp_auth_bridge.oauth.discovery import Server, discover
from mcp_auth_bridge.oauth.grants import authorization_code
from mcp_auth_bridge.oauth.registration import register
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.urls import Purpose, Url, gate


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before the login. `challenge` is the MCP server's own, `clients` are ours by issuer.

    A `configured` client is used at its own issuer and nowhere else, whatever the server's metadata say. `port` is the
    callback's, where the configuration fixes it; 0 leaves the choice to the registration.
    """

    url: Url
    challenge: Challenge | None = None
    resource: str = ""
    scopes: tuple[str, ...] = ()
    configured: Client | None = None
    clients: Mapping[str, Client] = {}
    port: int = 0


def login(plan: Plan) -> Flow[Session]:
    """A session for `plan.url`. Raises any `BridgeError`; on every path nothing has been stored."""
    server = yield from discover(plan.url, plan.challenge, plan.resource)
    known = _known_client(plan, server)
    # Bound before registration: what is registered is a port that we hold.
    redirect_uri = yield from ask(Listen(plan.port or _port(known)))
    scopes = scopes_to_ask(
        plan.scopes, plan.challenge, server.scopes_supported, offline_access=server.offers_offline_access
    )
    client = yield from register(server, redirect_uri, scopes, known)
    return (yield from authorization_code(server, client, scopes))


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


def _port(client: Client | None) -> int:
    return gate(client.redirect_uri, Purpose.SERVER).port if client is not None and client.redirect_uri else 0
