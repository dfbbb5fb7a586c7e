"""An authorization server → the client that this bridge is there, in the order of MCP's "Client Registration":

configured, a client ID metadata document, known from an earlier login, registered now (RFC 7591), or an instruction.
"""

import msgspec

from mcp_auth_bridge.effects import Fetch, Flow, ask
from mcp_auth_bridge.errors import ConfigError, OAuthRefused, TheirProtocolError, quoted
from mcp_auth_bridge.oauth import client_auth, documents
from mcp_auth_bridge.oauth.discovery import Server
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Url

CLIENT_NAME = "mcp-auth-bridge"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


METADATA_PORTS = (33418, 33419, 33420)
"""The callback ports in the bridge's client ID metadata document (docs/client-metadata.json): a fixed few, because many
servers compare redirect URIs as strings."""


class _Registration(msgspec.Struct):
    """RFC 7591 section 3.2.1. Some servers send null where they mean "not given"."""

    client_id: str
    client_secret: str | None = None
    token_endpoint_auth_method: str | None = None
    redirect_uris: list[str] | None = None


def register(server: Server, redirect_uri: str, scopes: tuple[str, ...], known: Client | None) -> Flow[Client]:
    """The configured client, or the registered one if it fits `redirect_uri`, else a new registration.

    Raises `ConfigError` where none can be had.
    """
    if known is not None and not known.registered:
        method = client_auth.choose(server.auth_methods, public=known.secret is None)
        return msgspec.structs.replace(known, redirect_uri=redirect_uri, auth_method=method)
    if known is not None and known.redirect_uri == redirect_uri:
        return known
    if server.registration_endpoint is None:
        raise ConfigError(
            f"the authorization server {quoted(server.issuer)} does not register clients by itself",
            "register one there by hand (a native app with the redirect URI http://127.0.0.1/callback) and set"
            f' auth = {{ kind = "browser", client_id = "…", issuer = "{server.issuer}" }} for this server',
        )
    return (yield from _register(server, server.registration_endpoint, redirect_uri, scopes))


def _register(server: Server, endpoint: Url, redirect_uri: str, scopes: tuple[str, ...]) -> Flow[Client]:
    method = client_auth.choose(server.auth_methods, public=True)
    # Some servers refuse a grant type that they do not offer.
    more_grants = (DEVICE_GRANT,) if server.device_endpoint is not None else ()
    response = yield from ask(Fetch(endpoint, document=_request(redirect_uri, scopes, method, more_grants)))
    if response.status not in (200, 201):
        refused = documents.refusal(response, endpoint, "the registration of this bridge as a client")
        refused.hint = "ask its operator for a client_id and set it under auth for this server"
        raise refused
    registration = documents.read(response, _Registration, endpoint, "the registration")
    _check(registration, redirect_uri)
    return Client(
        issuer=server.issuer,
        id=registration.client_id,
        secret=Secret(registration.client_secret) if registration.client_secret else None,
        auth_method=_auth_method(registration, method),
        redirect_uri=redirect_uri,
    )


def _request(redirect_uri: str, scopes: tuple[str, ...], method: str, more_grants: tuple[str, ...]) -> bytes:
    metadata = {
        "client_name": CLIENT_NAME,
        "application_type": "native",  # without it OIDC servers assume "web" and refuse loopback redirects
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token", *more_grants],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
    }
    if scopes:
        metadata["scope"] = " ".join(scopes)
    return msgspec.json.encode(metadata)


def _check(registration: _Registration, redirect_uri: str) -> None:
    """What the server made of our request must still be usable: it may change anything (RFC 7591 section 3.2.1)."""
    if not registration.client_id or not registration.client_id.isprintable():
        raise TheirProtocolError("the authorization server registered this bridge without a usable client_id")
    if registration.redirect_uris and redirect_uri not in registration.redirect_uris:
        raise TheirProtocolError("the authorization server registered this bridge with another redirect URI")


def _auth_method(registration: _Registration, requested: str) -> str:
    """What the answer says, else what fits it: Figma returns a secret although `none` was asked for."""
    method = registration.token_endpoint_auth_method or requested
    if registration.client_secret and method == "none":
        return "client_secret_post"
    if method not in client_auth.SUPPORTED:
        raise OAuthRefused(
            "the authorization server insists on a way to prove a client's identity that this bridge does not know",
            error="invalid_client_metadata",
            status=201,
        )
    return method if registration.client_secret else "none"
