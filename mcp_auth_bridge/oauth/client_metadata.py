"""The bridge's client metadata (RFC 7591 section 2): how it describes itself to an authorization server."""

import msgspec

from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer

METADATA_DOCUMENT_PORTS = (33418, 33419, 33420)
"""The callback ports in the bridge's client ID metadata document (docs/client-metadata.json): a fixed few, because many
servers compare redirect URIs as strings."""

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
"""The grant type of RFC 8628 section 3.4."""


class ClientMetadata(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The body of a registration request. Fields that no server needs are left out: a server could refuse them."""

    # The name that a consent page shows.
    client_name: str
    # Without "native" OIDC servers assume "web" and refuse loopback redirects.
    application_type: str
    # The one redirect URI at which the callback listens.
    redirect_uris: list[str]
    # The grants that the bridge may use.
    grant_types: list[str]
    # "code" alone.
    response_types: list[str]
    # How the bridge asks to prove its identity at the token endpoint.
    token_endpoint_auth_method: str
    # The scopes of the login, separated by spaces.
    scope: str = ""


def client_metadata(
    server: AuthorizationServer, redirect_uri: str, scopes: tuple[str, ...], name: str
) -> ClientMetadata:
    """The metadata for `server`, still without a method of authentication."""
    # Some servers refuse a grant type that they do not offer.
    more_grants = (DEVICE_GRANT,) if server.device_endpoint is not None else ()
    return ClientMetadata(
        client_name=name,
        application_type="native",
        redirect_uris=[redirect_uri],
        grant_types=["authorization_code", "refresh_token", *more_grants],
        response_types=["code"],
        token_endpoint_auth_method="",
        scope=" ".join(scopes),
    )
