"""What an authorization server says about itself (RFC 8414, OpenID Connect Discovery), and where it says it."""

from collections.abc import Iterator, Mapping

import msgspec

from mcp_auth_bridge.effects import Flow, Response
from mcp_auth_bridge.errors import TheirProtocolError, quoted
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.dpop import Binding, Terms, binding
from mcp_auth_bridge.oauth.places import Trail, first_usable
from mcp_auth_bridge.oauth.resource import ResourceMetadata
from mcp_auth_bridge.oauth.trust import same_issuer
from mcp_auth_bridge.urls import Purpose, Url, gate

_OAUTH_WELL_KNOWN = "/.well-known/oauth-authorization-server"
_OIDC_WELL_KNOWN = "/.well-known/openid-configuration"


class ServerMetadata(msgspec.Struct):
    """RFC 8414 section 2 and RFC 9207 section 3, as far as a client needs them."""

    issuer: str
    token_endpoint: str
    authorization_endpoint: str | None = None
    registration_endpoint: str | None = None
    revocation_endpoint: str | None = None
    scopes_supported: list[str] | None = None
    code_challenge_methods_supported: list[str] | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None
    token_endpoint_auth_signing_alg_values_supported: list[str] | None = None
    authorization_response_iss_parameter_supported: bool | None = None
    client_id_metadata_document_supported: bool | None = None
    device_authorization_endpoint: str | None = None
    dpop_signing_alg_values_supported: list[str] | None = None


def server_metadata(issuer: Url, accepted: tuple[str, str], trail: Trail) -> Flow[ServerMetadata | None]:
    """RFC 8414 section 3 and OpenID Connect Discovery, in the order that MCP 2025-11-25 prescribes.

    `accepted` are the identifier that was asked for and the trusted one, which may be "".
    """

    def read(response: Response, place: Url) -> ServerMetadata:
        metadata = documents.read(response, ServerMetadata, place, "the authorization-server metadata")
        if not any(same_issuer(metadata.issuer, issuer) for issuer in accepted if issuer):
            raise TheirProtocolError(
                f"the metadata at {place.origin}{place.path} are of the issuer {quoted(metadata.issuer)}, "
                f"but {quoted(accepted[0])} was asked for",
                _of_a_tenant(metadata.issuer) if "{" in metadata.issuer else _ANOTHERS,
            )
        return metadata

    return (yield from first_usable(_server_places(issuer), read, trail))


_ANOTHERS = (
    "the server's operator has to make the two equal (RFC 8414 section 3.3); if you know that the former is right, set"
    ' auth = { kind = "browser", trusted_issuer = "…" } for this server, or where a machine authenticates, correct its'
    " issuer"
)


def _of_a_tenant(template: str) -> str:
    """Entra ID's metadata for all tenants hold a template, which no token and no answer ever names."""
    return (
        f"{quoted(template)} stands for the issuers of many tenants: set issuer under auth for this server to your"
        " own, with your tenant's ID in the place of the braces"
    )


def _server_places(issuer: Url) -> Iterator[Url]:
    path = issuer.path.rstrip("/")
    yield issuer.with_path(_OAUTH_WELL_KNOWN + path)
    yield issuer.with_path(_OIDC_WELL_KNOWN + path)
    if path:
        yield issuer.with_path(path + _OIDC_WELL_KNOWN)


def endpoints(metadata: ServerMetadata) -> Mapping[Purpose, Url]:
    """Those that there are, each through the gate. Raises `UrlRefused`."""
    named = {
        Purpose.AUTHORIZATION: metadata.authorization_endpoint or "",
        Purpose.TOKEN: metadata.token_endpoint,
        Purpose.REGISTRATION: metadata.registration_endpoint or "",
        Purpose.REVOCATION: metadata.revocation_endpoint or "",
        Purpose.DEVICE: metadata.device_authorization_endpoint or "",
    }
    return {purpose: gate(text, purpose) for purpose, text in named.items() if text or purpose is Purpose.TOKEN}


def dpop_binding(challenge: Challenge | None, resource: ResourceMetadata, server: ServerMetadata) -> Binding:
    """Whether tokens are to be bound to a key, by what both servers say (RFC 9449)."""
    terms = Terms(
        challenge=challenge,
        demanded=bool(resource.dpop_bound_access_tokens_required),
        resource_algorithms=resource.dpop_signing_alg_values_supported,
        server_algorithms=server.dpop_signing_alg_values_supported,
    )
    return binding(terms)
