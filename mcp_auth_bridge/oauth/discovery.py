"""An MCP server's URL → its authorization server (RFC 9728, RFC 8414, OpenID Connect Discovery, MCP 2025-03-26)."""

from collections.abc import Iterator, Mapping

import msgspec

from mcp_auth_bridge.effects import Fetch, Flow, Response, ask
from mcp_auth_bridge.errors import TheirProtocolError, UpstreamFailed, quoted
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.dpop import Binding, Terms, binding
from mcp_auth_bridge.urls import Purpose, Url, gate

_RESOURCE_WELL_KNOWN = "/.well-known/oauth-protected-resource"
_OAUTH_WELL_KNOWN = "/.well-known/oauth-authorization-server"
_OIDC_WELL_KNOWN = "/.well-known/openid-configuration"
# MCP 2025-03-26 asks for this header on the metadata request; later revisions do not mind it.
_HEADERS: Mapping[str, str] = {"accept": "application/json", "mcp-protocol-version": "2025-11-25"}


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization server, validated, as one protected resource names it.

    `resource` is spelled exactly as the metadata spell it. `scopes_supported` is the resource's list, None if it gives
    none. `auth_methods` are `token_endpoint_auth_methods_supported`, () where the metadata do not say. `resource` is ""
    and `authorize_params` are not empty where this server has its own ways (`oauth/providers.py`). `binding` is whether
    its tokens for this resource are to be bound to a key (`oauth/dpop.py`).
    """

    issuer: str
    resource: str
    authorization_endpoint: Url
    token_endpoint: Url
    registration_endpoint: Url | None = None
    revocation_endpoint: Url | None = None
    scopes_supported: tuple[str, ...] | None = None
    offers_offline_access: bool = False
    auth_methods: tuple[str, ...] = ()
    sends_issuer: bool = False
    takes_metadata_documents: bool = False
    device_endpoint: Url | None = None
    authorize_params: Mapping[str, str] = {}
    repeats_scope: bool = False
    token: str = "access"
    binding: Binding = Binding.NONE


class _ResourceMetadata(msgspec.Struct):
    """RFC 9728 section 2, as far as a client needs it."""

    resource: str = ""
    authorization_servers: list[str] | None = None
    scopes_supported: list[str] | None = None
    dpop_signing_alg_values_supported: list[str] | None = None
    dpop_bound_access_tokens_required: bool | None = None


class _ServerMetadata(msgspec.Struct):
    """RFC 8414 section 2 and RFC 9207 section 3, as far as a client needs them."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str | None = None
    revocation_endpoint: str | None = None
    scopes_supported: list[str] | None = None
    code_challenge_methods_supported: list[str] | None = None
    token_endpoint_auth_methods_supported: list[str] | None = None
    authorization_response_iss_parameter_supported: bool | None = None
    client_id_metadata_document_supported: bool | None = None
    device_authorization_endpoint: str | None = None
    dpop_signing_alg_values_supported: list[str] | None = None


class Trail:
    """The URLs that were tried, each with what came of it: the first thing that anybody needs when discovery fails."""

    def __init__(self) -> None:
        self._steps: list[str] = []

    def note(self, url: Url, outcome: str) -> None:
        self._steps.append(f"{url.origin}{url.path}: {outcome}")

    def __str__(self) -> str:
        return "; ".join(self._steps)


def discover(url: Url, challenge: Challenge | None, resource: str = "", trusted_issuer: str = "") -> Flow[Server]:
    """Who protects `url`. `resource` overrides the identifier that its metadata must name (for a URN, say).

    `trusted_issuer` is the one issuer that metadata may name although another was asked for: monday.com and Atlassian
    publish theirs so.

    Raises `TheirProtocolError` naming every URL tried, and `Unreachable` or `UpstreamFailed` as soon as an answer is
    missing: a server that is down for a moment must not send the login down another path.
    """
    trail = Trail()
    metadata = yield from _resource_metadata(url, challenge, resource, trail)
    if metadata is None:
        return (yield from _without_resource_metadata(url, resource, trusted_issuer, trail))
    issuers = metadata.authorization_servers or []
    if not issuers:
        raise TheirProtocolError(
            f"the protected-resource metadata of {url.origin} name no authorization server", f"tried: {trail}"
        )
    server = yield from _server_metadata(gate(issuers[0], Purpose.ISSUER), (issuers[0], trusted_issuer), trail)
    if server is None:
        raise TheirProtocolError(
            f"the authorization server {quoted(issuers[0])} publishes no metadata that can be used", f"tried: {trail}"
        )
    scopes = None if metadata.scopes_supported is None else tuple(metadata.scopes_supported)
    found = _server(server, resource or metadata.resource or url.resource, scopes)
    return msgspec.structs.replace(found, binding=_binding(challenge, metadata, server))


def _resource_metadata(
    url: Url, challenge: Challenge | None, resource: str, trail: Trail
) -> Flow[_ResourceMetadata | None]:
    """The metadata that the challenge names, else those at the well-known places, path first (RFC 9728 section 3).

    None only where all of them certainly do not exist: then the server may be one of MCP 2025-03-26.
    """
    for place in _resource_places(url, challenge):
        response = yield from _get(place, trail)
        if response is None:
            continue
        metadata = documents.read(response, _ResourceMetadata, place, "the protected-resource metadata")
        _check_resource(url, metadata.resource, resource, place)
        return metadata
    return None


def _resource_places(url: Url, challenge: Challenge | None) -> Iterator[Url]:
    if challenge is not None and challenge.resource_metadata:
        yield gate(challenge.resource_metadata, Purpose.RESOURCE_METADATA)
    if url.path != "/":
        yield url.with_path(_RESOURCE_WELL_KNOWN + url.path)
    yield url.with_path(_RESOURCE_WELL_KNOWN)


def _check_resource(url: Url, named: str, expected: str, place: Url) -> None:
    """RFC 9728 section 3.3: metadata of another resource must not be used.

    A parent on the same origin is accepted: servers that grew their metadata late publish one document for the whole
    origin (scenario S5; the SDKs accept it too).
    """
    if not named or named == expected:
        return
    if not expected and _covers(gate(named, Purpose.SERVER), url):
        return
    raise TheirProtocolError(
        f"the metadata at {place.origin}{place.path} are for {quoted(named)}, not for {expected or url.resource}",
        'if that identifier is right, set auth = { kind = "browser", resource = "…" } for this server',
    )


def _covers(parent: Url, url: Url) -> bool:
    prefix = parent.path.rstrip("/")
    inside = url.path == parent.path or url.path.rstrip("/") == prefix or url.path.startswith(prefix + "/")
    return parent.origin == url.origin and inside and parent.query in ("", url.query)


def _server_metadata(issuer: Url, accepted: tuple[str, str], trail: Trail) -> Flow[_ServerMetadata | None]:
    """RFC 8414 section 3 and OpenID Connect Discovery, in the order that MCP 2025-11-25 prescribes.

    `accepted` are the identifier that was asked for and the trusted one, which may be "".
    """
    for place in _server_places(issuer):
        response = yield from _get(place, trail)
        if response is None:
            continue
        metadata = documents.read(response, _ServerMetadata, place, "the authorization-server metadata")
        if not any(_same_issuer(metadata.issuer, issuer) for issuer in accepted if issuer):
            trail.note(place, f"is of the issuer {quoted(metadata.issuer)}")
            raise TheirProtocolError(
                f"the metadata at {place.origin}{place.path} are of the issuer {quoted(metadata.issuer)}, "
                f"but {quoted(accepted[0])} was asked for",
                "the server's operator has to make the two equal (RFC 8414 section 3.3); if you know that the former is"
                ' right, set auth = { kind = "browser", trusted_issuer = "…" } for this server',
            )
        return metadata
    return None


def _server_places(issuer: Url) -> Iterator[Url]:
    path = issuer.path.rstrip("/")
    yield issuer.with_path(_OAUTH_WELL_KNOWN + path)
    yield issuer.with_path(_OIDC_WELL_KNOWN + path)
    if path:
        yield issuer.with_path(path + _OIDC_WELL_KNOWN)


def _same_issuer(found: str, expected: str) -> bool:
    """String equality (RFC 8414 section 3.3). Only the root's slash may differ: Google and FastMCP disagree on it."""
    root = found.removesuffix("/")
    return found == expected or (root == expected.removesuffix("/") and root.count("/") == 2)


def _without_resource_metadata(url: Url, resource: str, trusted_issuer: str, trail: Trail) -> Flow[Server]:
    """MCP 2025-03-26: the authorization server is the MCP server's own origin, with default paths as a last resort."""
    base = url.with_path("/")
    metadata = yield from _server_metadata(base, (base.origin, trusted_issuer), trail)
    if metadata is not None:
        return _server(metadata, resource or url.resource, None)
    if not (yield from _offers_default_endpoints(base, trail)):
        raise TheirProtocolError(
            f"{url.origin} publishes no OAuth metadata: it may want a static token or key instead of a login",
            f'if so: auth = {{ kind = "bearer", token = "env:NAME" }}. Tried: {trail}',
        )
    return Server(
        issuer=base.origin,
        resource=resource or url.resource,
        authorization_endpoint=url.with_path("/authorize"),
        token_endpoint=url.with_path("/token"),
        registration_endpoint=url.with_path("/register"),
    )


def _offers_default_endpoints(base: Url, trail: Trail) -> Flow[bool]:
    """Whether `/register` exists: a GET there is 404 where it does not, and harmless where it does."""
    place = base.with_path("/register")
    response = yield from _ask(place, trail)
    return response.status in (400, 405, 415) or (response.status == 200 and not _is_page(response))


def _server(metadata: _ServerMetadata, resource: str, scopes: tuple[str, ...] | None) -> Server:
    if "S256" not in (metadata.code_challenge_methods_supported or ()):
        raise TheirProtocolError(
            f"the authorization server {quoted(metadata.issuer)} does not say that it supports PKCE with S256",
            "its operator has to add code_challenge_methods_supported: [“S256”] to its metadata (MCP requires it)",
        )
    return Server(
        issuer=metadata.issuer,
        resource=resource,
        authorization_endpoint=gate(metadata.authorization_endpoint, Purpose.AUTHORIZATION),
        token_endpoint=gate(metadata.token_endpoint, Purpose.TOKEN),
        registration_endpoint=_optional(metadata.registration_endpoint, Purpose.REGISTRATION),
        revocation_endpoint=_optional(metadata.revocation_endpoint, Purpose.REVOCATION),
        scopes_supported=scopes,
        offers_offline_access="offline_access" in (metadata.scopes_supported or ()),
        auth_methods=tuple(metadata.token_endpoint_auth_methods_supported or ()),
        sends_issuer=bool(metadata.authorization_response_iss_parameter_supported),
        device_endpoint=_optional(metadata.device_authorization_endpoint, Purpose.DEVICE),
        takes_metadata_documents=bool(metadata.client_id_metadata_document_supported),
    )


def _binding(challenge: Challenge | None, resource: _ResourceMetadata, server: _ServerMetadata) -> Binding:
    terms = Terms(
        challenge=challenge,
        demanded=bool(resource.dpop_bound_access_tokens_required),
        resource_algorithms=resource.dpop_signing_alg_values_supported,
        server_algorithms=server.dpop_signing_alg_values_supported,
    )
    return binding(terms)


def _optional(text: str | None, purpose: Purpose) -> Url | None:
    return gate(text, purpose) if text else None


def _get(place: Url, trail: Trail) -> Flow[Response | None]:
    """The document at `place`, or None where there certainly is none."""
    response = yield from _ask(place, trail)
    return response if response.status == 200 and not _is_page(response) else None


def _ask(place: Url, trail: Trail) -> Flow[Response]:
    """Any answer that says something about `place`. Raises `UpstreamFailed` on 5xx and 429, which do not."""
    response = yield from ask(Fetch(place, _HEADERS))
    outcome = f"HTTP {response.status}{', a web page' if _is_page(response) else ''}"
    trail.note(place, outcome)
    if response.status >= 500 or response.status == 429:
        raise UpstreamFailed(
            f"{place.origin} answered the discovery with {outcome}",
            f"try again later; tried: {trail}",
            status=response.status,
        )
    return response


def _is_page(response: Response) -> bool:
    """A web page with status 200 is how single-page applications say "not found" for a well-known URL."""
    return documents.essence(response) == "text/html"
