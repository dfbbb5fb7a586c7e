"""An authorization server as the rest of a login uses it: the result of `oauth/discovery.py`."""

from collections.abc import Mapping

import msgspec

from mcp_auth_bridge.oauth.dpop import Binding
from mcp_auth_bridge.urls import Url


class AuthorizationServer(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization server for one protected resource, validated.

    `oauth/providers.py` adjusts it to the operator's ways and to the configuration.
    """

    # The issuer identifier (RFC 8414 section 2).
    issuer: str
    # The resource identifier (RFC 8707), spelled exactly as in the resource's metadata; "" to send none.
    resource: str
    # Where tokens are requested.
    token_endpoint: Url
    # Where the user's browser is sent. None if only machines or other devices can log in.
    authorization_endpoint: Url | None = None
    # Where clients register (RFC 7591), None if they cannot.
    registration_endpoint: Url | None = None
    # Where tokens are revoked (RFC 7009), None if that is not offered.
    revocation_endpoint: Url | None = None
    # The scopes that the resource lists, None if it gives no list.
    scopes_supported: tuple[str, ...] | None = None
    # Whether a login may ask for offline_access although the MCP server does not.
    offers_offline_access: bool = False
    # `token_endpoint_auth_methods_supported`, () if the metadata do not say.
    auth_methods: tuple[str, ...] = ()
    # The algorithms of `private_key_jwt`, () if the metadata do not say.
    signing_algorithms: tuple[str, ...] = ()
    # Whether every authorization response holds `iss` (RFC 9207).
    sends_issuer: bool = False
    # Whether a client ID may be the URL of a client ID metadata document.
    takes_metadata_documents: bool = False
    # Whether PKCE with S256 is known to work (RFC 7636).
    takes_s256: bool = True
    # Where a login on another device begins (RFC 8628), None if that is not offered.
    device_endpoint: Url | None = None
    # Parameters of the authorization request beyond the specifications.
    authorize_params: Mapping[str, str] = {}
    # Whether a refresh has to name the scopes again.
    repeats_scope: bool = False
    # The token to send to the MCP server: "access" or "id".
    token: str = "access"
    # Whether the tokens for this resource are to be bound to a key (`oauth/dpop.py`).
    binding: Binding = Binding.NONE
    # The origins of endpoints away from the issuer's host.
    agreed: tuple[str, ...] = ()
