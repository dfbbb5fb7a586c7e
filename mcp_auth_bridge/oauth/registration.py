"""Dynamic client registration (RFC 7591), for a login without a configured or known client."""

import msgspec

from mcp_auth_bridge.effects import Fetch, Flow, ask
from mcp_auth_bridge.errors import ConfigError, OAuthRefused, copyable_url, quoted
from mcp_auth_bridge.oauth import client_auth
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.client_metadata import ClientMetadata, client_metadata
from mcp_auth_bridge.oauth.registration_refusals import provider_hint, registration_error
from mcp_auth_bridge.oauth.registration_response import read_client
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.urls import Url

CLIENT_NAME = "mcp-auth-bridge"
_REFUSED = 400


class RegistrationSettings(msgspec.Struct, frozen=True):
    """The configured parts of a registration. `auth_method` is "" for the first one that the server accepts."""

    name: str = CLIENT_NAME
    auth_method: str = ""


_UNCONFIGURED = RegistrationSettings()


def register(
    server: AuthorizationServer,
    redirect_uri: str,
    scopes: tuple[str, ...],
    known: Client | None,
    configured: RegistrationSettings = _UNCONFIGURED,
) -> Flow[Client]:
    """Return the configured client, or the registered one if it fits `redirect_uri`, else make a new registration.

    Only `redirect_uri` is registered, although a server may prefer the other name of the loopback interface: some
    servers refuse a registration with `localhost` (RFC 8252 section 8.3), others refuse one with an address, and a URI
    at which the callback does not listen would be useless.

    Raises `ConfigError` if the server does not register clients, `ProtocolError` if it refuses this one or its
    response cannot be used.
    """
    if known is not None and not known.registered:
        return _complete(known, redirect_uri, server)
    if known is not None and known.redirect_uri == redirect_uri:
        return known
    if server.registration_endpoint is None:
        raise ConfigError(
            f"the authorization server {quoted(server.issuer)} does not register clients by itself",
            f"{provider_hint(server)}register one there by hand (a native app with the redirect URI"
            " http://127.0.0.1/callback) and set"
            f' auth = {{ kind = "browser", client_id = "…", issuer = "{copyable_url(server.issuer)}" }}'
            " for this server",
        )
    metadata = client_metadata(server, redirect_uri, scopes, configured.name)
    if method := configured.auth_method:
        metadata.token_endpoint_auth_method = client_auth.registered_as(method)
        made = yield from _send(server, server.registration_endpoint, metadata)
        # The configured method wins over the response, but a secret that was not issued cannot be sent.
        return msgspec.structs.replace(made, auth_method=method if made.secret else "none", other_methods=())
    return (yield from _register_by_any_method(server, server.registration_endpoint, metadata))


def _complete(client: Client, redirect_uri: str, server: AuthorizationServer) -> Client:
    """The configured `client` with its redirect URI, and with the methods that the server may accept if none is
    configured.
    """
    if client.auth_method:
        return msgspec.structs.replace(client, redirect_uri=redirect_uri)
    method = client_auth.choose_method(server.auth_methods, public=client.secret is None)
    completed = msgspec.structs.replace(client, redirect_uri=redirect_uri, auth_method=method)
    return client_auth.with_other_methods(completed, server.auth_methods)


def _register_by_any_method(server: AuthorizationServer, endpoint: Url, metadata: ClientMetadata) -> Flow[Client]:
    """Register with the first method that the server does not refuse; it has one error code for all metadata."""
    methods = client_auth.methods_to_request(server.auth_methods)
    for method in methods[:-1]:
        metadata.token_endpoint_auth_method = method
        try:
            return (yield from _send(server, endpoint, metadata))
        except OAuthRefused as refused:
            if refused.error != "invalid_client_metadata" or refused.status != _REFUSED:
                raise
    metadata.token_endpoint_auth_method = methods[-1]
    return (yield from _send(server, endpoint, metadata))


def _send(server: AuthorizationServer, endpoint: Url, metadata: ClientMetadata) -> Flow[Client]:
    response = yield from ask(Fetch(endpoint, document=msgspec.json.encode(metadata)))
    if response.status not in (200, 201):
        raise registration_error(response, metadata, server, endpoint)
    return read_client(response, metadata, server, endpoint)
