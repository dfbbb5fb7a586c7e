"""What an MCP server says about itself as a protected resource (RFC 9728)."""

from collections.abc import Iterator, Mapping

import msgspec

from mcp_auth_bridge.effects import Flow, Response
from mcp_auth_bridge.errors import TheirProtocolError, UrlRefused, offered, quoted
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.dpop import Binding, Terms, binding
from mcp_auth_bridge.oauth.trust import Trust, same_issuer
from mcp_auth_bridge.oauth.well_known import Trail, first_usable
from mcp_auth_bridge.urls import Purpose, Url, gate

_WELL_KNOWN = "/.well-known/oauth-protected-resource"


class ResourceMetadata(msgspec.Struct):
    """RFC 9728 section 2, as far as a client needs it.

    `code_challenge_methods_supported` belongs to the authorization server; resources say it where that one's metadata
    cannot be changed (Dataverse-MCP #15).
    """

    resource: str = ""
    authorization_servers: list[str] | None = None
    scopes_supported: list[str] | None = None
    dpop_signing_alg_values_supported: list[str] | None = None
    dpop_bound_access_tokens_required: bool | None = None
    code_challenge_methods_supported: list[str] | None = None


def resource_metadata(
    trust: Trust, challenge: Challenge | None, resource: str, trail: Trail
) -> Flow[ResourceMetadata | None]:
    """The metadata that the challenge names, else those at the well-known places, path first (RFC 9728 section 3).

    None only where all of them certainly do not exist: then the server may be one of MCP 2025-03-26. One that names
    metadata is none of those, unless the configuration says who its authorization server is.
    """

    def read(response: Response, place: Url) -> ResourceMetadata | None:
        metadata = documents.read(response, ResourceMetadata, place, "the protected-resource metadata")
        if not metadata.resource and not metadata.authorization_servers:
            return None  # {"error": "not_found"} with 200
        _check_resource(trust.server, metadata.resource, resource, place)
        return metadata

    named = challenge.resource_metadata if challenge is not None else ""
    found = yield from first_usable(_places(trust, named, trail), read, trail)
    if found is not None or trust.issuer or trust.trusted_issuer:
        return found
    if trust.resource_metadata or (named and _followed(named, trust.server) is None):
        raise TheirProtocolError(
            f"the protected-resource metadata of {trust.server.origin} were not found; it says that they are at "
            f"{quoted(trust.resource_metadata or named)}",
            'if they are at an address of another origin, set auth = { kind = "browser", resource_metadata = "…" } for'
            f" this server, or where a machine authenticates, token_endpoint; tried: {trail}",
        )
    return None


def _places(trust: Trust, named: str, trail: Trail) -> Iterator[Url]:
    url = trust.server
    if trust.resource_metadata:
        yield gate(trust.resource_metadata, Purpose.RESOURCE_METADATA)
        return
    if named and (place := _followed(named, url)):
        yield place
    elif named:
        trail.note(quoted(named), "is not followed, because it is not of the server's origin")
    yield from well_known_places(url)


def well_known_places(url: Url) -> Iterator[Url]:
    """Where a resource publishes its metadata, its own place before that of its origin (RFC 9728 section 3.1)."""
    if url.path != "/":
        yield url.with_path(_WELL_KNOWN + url.path)
    yield url.with_path(_WELL_KNOWN)


def _followed(named: str, url: Url) -> Url | None:
    """The place that a challenge names, if it is of the server's own origin: those behind a proxy name inner hosts."""
    try:
        place = gate(named, Purpose.RESOURCE_METADATA, url)
    except UrlRefused:
        return None
    return place if place.origin == url.origin else None


def _check_resource(url: Url, named: str, expected: str, place: Url) -> None:
    """RFC 9728 section 3.3: metadata of another resource must not be used.

    A parent on the same origin is accepted: servers that grew their metadata late publish one document for the whole
    origin (scenario S5; the SDKs accept it too).
    """
    if not named or named == expected:
        return
    if not expected and _covers(named, url):
        return
    raise TheirProtocolError(
        f"the metadata at {place.origin}{place.path} are for {quoted(named)}, not for {expected or url.resource}",
        f'if that identifier is right, add resource = "{offered(named)}" under auth for this server',
    )


def _covers(named: str, url: Url) -> bool:
    try:
        parent = gate(named, Purpose.SERVER, url)
    except UrlRefused:
        return False  # a URN, Entra's api://, http behind a proxy: it may be meant, which the configuration has to say
    prefix = parent.path.rstrip("/")
    inside = url.path == parent.path or url.path.rstrip("/") == prefix or url.path.startswith(prefix + "/")
    return parent.origin == url.origin and inside and parent.query in ("", url.query)


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
