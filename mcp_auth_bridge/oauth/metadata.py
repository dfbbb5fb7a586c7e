"""The two metadata documents of a login: the protected resource's (RFC 9728) and its authorization server's (RFC 8414,
OpenID Connect Discovery).
"""

from collections.abc import Iterator, Mapping

import msgspec

from mcp_auth_bridge.effects import Flow, Response
from mcp_auth_bridge.errors import TheirProtocolError, UrlRefused, copyable_url, quoted
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.dpop import Binding, Terms, binding
from mcp_auth_bridge.oauth.trust import Trust, same_issuer
from mcp_auth_bridge.oauth.well_known import Trail, fetch_first_usable
from mcp_auth_bridge.urls import Purpose, Url, gate

_RESOURCE = "/.well-known/oauth-protected-resource"
_OAUTH = "/.well-known/oauth-authorization-server"
_OIDC = "/.well-known/openid-configuration"

_ISSUER_HINT = (
    "the server's operator has to make the two equal (RFC 8414 section 3.3); if you know that the former is right, set"
    ' auth = { kind = "browser", trusted_issuer = "…" } for this server; for a machine, correct its issuer'
)


class ResourceMetadata(msgspec.Struct):
    """RFC 9728 section 2, as far as a client needs it."""

    # The resource identifier, "" if the document lacks it.
    resource: str = ""
    # The issuers of the authorization servers that protect the resource.
    authorization_servers: list[str] | None = None
    # The scopes to ask for.
    scopes_supported: list[str] | None = None
    # The algorithms for proofs of possession (RFC 9449).
    dpop_signing_alg_values_supported: list[str] | None = None
    # Whether the resource takes tokens only if they are bound to a key.
    dpop_bound_access_tokens_required: bool | None = None
    # The methods of PKCE (RFC 7636). They belong in the authorization server's metadata; a resource lists them if those
    # metadata cannot be changed (Dataverse-MCP #15).
    code_challenge_methods_supported: list[str] | None = None


class ServerMetadata(msgspec.Struct):
    """RFC 8414 section 2 and RFC 9207 section 3, as far as a client needs them."""

    # The issuer identifier.
    issuer: str
    # Where tokens are requested.
    token_endpoint: str
    # Where the user's browser is sent.
    authorization_endpoint: str | None = None
    # Where clients register (RFC 7591).
    registration_endpoint: str | None = None
    # Where tokens are revoked (RFC 7009).
    revocation_endpoint: str | None = None
    # The scopes that the server knows. Only offline_access matters: the others are the resource's to name.
    scopes_supported: list[str] | None = None
    # The methods of PKCE (RFC 7636).
    code_challenge_methods_supported: list[str] | None = None
    # How a client may prove its identity at the token endpoint.
    token_endpoint_auth_methods_supported: list[str] | None = None
    # The algorithms for `private_key_jwt`.
    token_endpoint_auth_signing_alg_values_supported: list[str] | None = None
    # Whether every authorization response holds `iss` (RFC 9207).
    authorization_response_iss_parameter_supported: bool | None = None
    # Whether a client ID may be the URL of a client ID metadata document.
    client_id_metadata_document_supported: bool | None = None
    # Where a login on another device begins (RFC 8628).
    device_authorization_endpoint: str | None = None
    # The algorithms for proofs of possession (RFC 9449 section 5.1).
    dpop_signing_alg_values_supported: list[str] | None = None


def fetch_resource_metadata(
    trust: Trust, challenge: Challenge | None, resource: str, trail: Trail
) -> Flow[ResourceMetadata | None]:
    """Return the metadata that the challenge names, else those at the well-known URLs, path first (RFC 9728 section 3).

    `resource` is the configured identifier, which the metadata must name; "" if none is configured. The result is None
    only if the server certainly has no metadata: it may be one of MCP 2025-03-26 then. A server that names metadata is
    not one of those, unless the configuration says which authorization server it has. Raises `TheirProtocolError` if
    the metadata that the server names are not found.
    """

    def read(response: Response, url: Url) -> ResourceMetadata | None:
        metadata = documents.read(response, ResourceMetadata, url, "the protected-resource metadata")
        if not metadata.resource and not metadata.authorization_servers:
            return None  # {"error": "not_found"} with 200
        _check_resource(trust.server, metadata.resource, resource, url)
        return metadata

    named = challenge.resource_metadata if challenge is not None else ""
    found = yield from fetch_first_usable(resource_metadata_urls(trust, named, trail), read, trail)
    if found is not None or trust.issuer or trust.trusted_issuer:
        return found
    if trust.resource_metadata or (named and same_origin_url(named, trust.server) is None):
        raise TheirProtocolError(
            f"the protected-resource metadata of {trust.server.origin} were not found; it says that they are at "
            f"{quoted(trust.resource_metadata or named)}",
            'if they are at an address of another origin, set auth = { kind = "browser", resource_metadata = "…" } for'
            f" this server; for a machine, set token_endpoint; tried: {trail}",
        )
    return None


def resource_metadata_urls(trust: Trust, named: str, trail: Trail) -> Iterator[Url]:
    """Where the metadata of `trust.server` are looked for: `named` is the URL in its challenge, "" for none."""
    if trust.resource_metadata:
        yield gate(trust.resource_metadata, Purpose.RESOURCE_METADATA)
        return
    if named and (url := same_origin_url(named, trust.server)):
        yield url
    elif named:
        trail.note(quoted(named), "is not followed, because it is not of the server's origin")
    yield from well_known_resource_urls(trust.server)


def well_known_resource_urls(resource: Url) -> Iterator[Url]:
    """Where a resource publishes its metadata (RFC 9728 section 3.1): at the URL for its path, or for its origin."""
    if resource.path != "/":
        yield resource.with_path(_RESOURCE + resource.path)
    yield resource.with_path(_RESOURCE)


def same_origin_url(named: str, server: Url) -> Url | None:
    """The URL that a challenge names, None if it is of another origin: servers behind a proxy name inner hosts."""
    try:
        url = gate(named, Purpose.RESOURCE_METADATA, server)
    except UrlRefused:
        return None
    return url if url.origin == server.origin else None


def _check_resource(server: Url, named: str, expected: str, source: Url) -> None:
    """Raise `TheirProtocolError` for the metadata of another resource (RFC 9728 section 3.3).

    A parent on the same origin is accepted: servers that added metadata late publish one document for the whole
    origin (scenario S5; the SDKs accept it too).
    """
    if not named or named == expected:
        return
    if not expected and covers(named, server):
        return
    raise TheirProtocolError(
        f"the metadata at {source.origin}{source.path} are for {quoted(named)}, not for {expected or server.resource}",
        f'if that identifier is right, add resource = "{copyable_url(named)}" under auth for this server',
    )


def covers(named: str, server: Url) -> bool:
    """Whether the resource identifier `named` is the URL of `server` or of a parent on the same origin."""
    try:
        parent = gate(named, Purpose.SERVER, server)
    except UrlRefused:
        return False  # a URN, Entra's api://, http behind a proxy: if it is right, the configuration has to say so
    prefix = parent.path.rstrip("/")
    inside = server.path == parent.path or server.path.rstrip("/") == prefix or server.path.startswith(prefix + "/")
    return parent.origin == server.origin and inside and parent.query in ("", server.query)


def fetch_server_metadata(issuer: Url, accepted: tuple[str, str], trail: Trail) -> Flow[ServerMetadata | None]:
    """Return the metadata of `issuer` (RFC 8414 section 3, OpenID Connect Discovery), None if it publishes none.

    The order of the URLs is that of MCP 2025-11-25. `accepted` are the identifier that was asked for and the trusted
    one, which may be "". Raises `TheirProtocolError` if only metadata of other issuers are found.
    """

    def read(response: Response, url: Url) -> ServerMetadata:
        metadata = documents.read(response, ServerMetadata, url, "the authorization-server metadata")
        if not any(same_issuer(metadata.issuer, issuer) for issuer in accepted if issuer):
            raise TheirProtocolError(
                f"the metadata at {url.origin}{url.path} are of the issuer {quoted(metadata.issuer)}, "
                f"but {quoted(accepted[0])} was asked for",
                _tenant_hint(metadata.issuer) if "{" in metadata.issuer else _ISSUER_HINT,
            )
        return metadata

    return (yield from fetch_first_usable(well_known_server_urls(issuer), read, trail))


def _tenant_hint(template: str) -> str:
    """The hint for Entra ID's metadata for all tenants: their issuer is a template, which no token ever names."""
    return (
        f"{quoted(template)} stands for the issuers of many tenants: set issuer under auth for this server to your"
        " own, with your tenant's ID in the place of the braces"
    )


def well_known_server_urls(issuer: Url) -> Iterator[Url]:
    """Where an authorization server publishes its metadata (RFC 8414 section 3.1, OpenID Connect Discovery section 4).

    The order is that of MCP 2025-11-25.
    """
    path = issuer.path.rstrip("/")
    yield issuer.with_path(_OAUTH + path)
    yield issuer.with_path(_OIDC + path)
    if path:
        yield issuer.with_path(path + _OIDC)


def gate_endpoints(metadata: ServerMetadata) -> Mapping[Purpose, Url]:
    """The endpoints that `metadata` name, checked by the gate. Raises `UrlRefused`, also without a token endpoint."""
    named = {
        Purpose.AUTHORIZATION: metadata.authorization_endpoint or "",
        Purpose.TOKEN: metadata.token_endpoint,
        Purpose.REGISTRATION: metadata.registration_endpoint or "",
        Purpose.REVOCATION: metadata.revocation_endpoint or "",
        Purpose.DEVICE: metadata.device_authorization_endpoint or "",
    }
    return {purpose: gate(text, purpose) for purpose, text in named.items() if text or purpose is Purpose.TOKEN}


def choose_dpop_binding(challenge: Challenge | None, resource: ResourceMetadata, server: ServerMetadata) -> Binding:
    """Whether tokens are to be bound to a key, from the terms of both servers (RFC 9449)."""
    terms = Terms(
        challenge=challenge,
        demanded=bool(resource.dpop_bound_access_tokens_required),
        resource_algorithms=resource.dpop_signing_alg_values_supported,
        server_algorithms=server.dpop_signing_alg_values_supported,
    )
    return binding(terms)
