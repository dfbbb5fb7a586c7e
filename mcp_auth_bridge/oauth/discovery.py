"""An MCP server's URL → its authorization server (RFC 9728, RFC 8414, OpenID Connect Discovery, MCP 2025-03-26)."""

import msgspec

from mcp_auth_bridge.effects import Fetch, Flow, ask
from mcp_auth_bridge.errors import NoLoginOffered, TheirProtocolError, quoted, unclear
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.metadata import (
    ResourceMetadata,
    ServerMetadata,
    choose_dpop_binding,
    fetch_resource_metadata,
    fetch_server_metadata,
    gate_endpoints,
)
from mcp_auth_bridge.oauth.scopes import OFFLINE_ACCESS, limit_scopes
from mcp_auth_bridge.oauth.trust import (
    Trust,
    check_configured,
    check_endpoints,
    check_issuer,
    choose_issuer,
    same_issuer,
)
from mcp_auth_bridge.oauth.well_known import DISCOVERY_HEADERS, Trail, fetch_response
from mcp_auth_bridge.urls import Purpose, Url, gate

_ENDPOINTS_HINT = (
    "if its endpoints are documented for people, set issuer, authorization_endpoint and token_endpoint under auth for"
    " this server"
)
_STATIC = "it may want a static token or key instead of a login"
_STATIC_HINT = (
    'for a token: auth = { kind = "bearer", token = "env:NAME" }; for a key: auth = { kind = "headers", headers ='
    ' { X-API-Key = "env:NAME" } }. If it wants a login, set issuer under auth for this server'
    " to its authorization server; its operator can make that unnecessary with a document at"
    " /.well-known/oauth-protected-resource that names it (RFC 9728) and with the header WWW-Authenticate: Bearer"
    ' resource_metadata="…" that leads there'
)


def discover(
    trust: Trust, challenge: Challenge | None, resource: str = "", given: ServerMetadata | None = None
) -> Flow[AuthorizationServer]:
    """Find the authorization server that protects `trust.server`.

    `resource` overrides the identifier that the resource's metadata must name (for a URN, say). `given` is the
    authorization server's metadata if the configuration holds them: then no server is asked for them.

    Raises `TheirProtocolError` naming every URL tried, and `Unreachable` or `UpstreamFailed` as soon as a response is
    missing: a server that is down for a moment must not send the login down another path. Raises `ConfigError` if
    the server contradicts the configured issuer, and `LoginRequired` if the user has to agree, but does not.
    """
    url, trail = trust.server, Trail()
    needed = given is None or not resource  # else the configuration decides everything
    found = (yield from fetch_resource_metadata(trust, challenge, resource, trail)) if needed else None
    own = found or ResourceMetadata()
    if not given and own.resource and not (own.authorization_servers or trust.issuer or trust.trusted_issuer):
        raise TheirProtocolError(
            f"the protected-resource metadata of {url.origin} name no authorization server",
            f"if you know it, set issuer under auth for this server. Tried: {trail}",
        )
    identifier = resource or own.resource or url.resource
    metadata = given or (yield from _find_metadata(own, trust, trail))
    if metadata is None:
        return (yield from _use_default_endpoints(trust, identifier, trail))
    server = yield from _build_server(metadata, identifier, own, trust)
    return msgspec.structs.replace(server, binding=choose_dpop_binding(challenge, own, metadata))


def _find_metadata(own: ResourceMetadata, trust: Trust, trail: Trail) -> Flow[ServerMetadata | None]:
    """The metadata of the configured issuer, else of the one that the MCP server names, else those at its own origin.

    None if it names none and its origin publishes none, as MCP 2025-03-26 allows.
    """
    named = [issuer for issuer in own.authorization_servers or () if issuer]
    if not trust.trusted_issuer:
        check_configured(named, trust)
    if named or trust.issuer:
        issuer = choose_issuer(named, trust) if named else trust.issuer
        metadata = yield from _require_metadata(issuer, trust, trail)
        if not same_issuer(metadata.issuer, trust.trusted_issuer):
            check_configured([metadata.issuer], trust)
        return metadata
    base = trust.server.with_path("/")
    published = yield from _fetch_agreed_metadata(base, base.origin, trust, trail)
    if published is None and trust.trusted_issuer:
        return (yield from _require_metadata(trust.trusted_issuer, trust, trail))
    return published


def _require_metadata(issuer: str, trust: Trust, trail: Trail) -> Flow[ServerMetadata]:
    metadata = yield from _fetch_agreed_metadata(gate(issuer, Purpose.ISSUER), issuer, trust, trail)
    if metadata is None:
        nothing = TheirProtocolError(
            f"the authorization server {quoted(issuer)} publishes no metadata that can be used",
            f"{_firewall_hint(trail) or _ENDPOINTS_HINT}. Tried: {trail}",
        )
        raise unclear(nothing)
    return metadata


def _fetch_agreed_metadata(location: Url, issuer: str, trust: Trust, trail: Trail) -> Flow[ServerMetadata | None]:
    """The metadata of `issuer`. If the last login was elsewhere, the user has to agree to log in there first.

    Without that agreement no request is sent there. If the last login was at the trusted issuer, the metadata are
    fetched first: they may name that issuer, whatever their location is.
    """
    if not trust.was_at_trusted_issuer:
        yield from check_issuer(issuer, trust)
    metadata = yield from fetch_server_metadata(location, (issuer, trust.trusted_issuer), trail)
    if metadata is not None and trust.was_at_trusted_issuer:
        yield from check_issuer(metadata.issuer, trust)
    return metadata


def _firewall_hint(trail: Trail) -> str:
    """The hint if a firewall answers in place of the server, else ""."""
    if not trail.meets_a_firewall:
        return ""
    return (
        "a firewall seems to answer programs with a page for people (HTTP 403): ask the server's operator to let"
        " requests for /.well-known/ and for the OAuth endpoints pass it"
    )


def _build_server(
    metadata: ServerMetadata, resource: str, own: ResourceMetadata, trust: Trust
) -> Flow[AuthorizationServer]:
    if not (metadata.authorization_endpoint or metadata.device_authorization_endpoint):
        raise TheirProtocolError(
            f"the authorization server {quoted(metadata.issuer)} has no endpoint where a user could log in",
            "it seems to know machines only: see client_credentials in config.example.toml",
        )
    urls = gate_endpoints(metadata)
    away = yield from check_endpoints(metadata.issuer, urls, trust)
    challenge_methods = (metadata.code_challenge_methods_supported or own.code_challenge_methods_supported) or ()
    return AuthorizationServer(
        issuer=metadata.issuer,
        resource=resource,
        authorization_endpoint=urls.get(Purpose.AUTHORIZATION),
        token_endpoint=urls[Purpose.TOKEN],
        registration_endpoint=urls.get(Purpose.REGISTRATION),
        revocation_endpoint=urls.get(Purpose.REVOCATION),
        scopes_supported=None if own.scopes_supported is None else limit_scopes(own.scopes_supported),
        offers_offline_access=OFFLINE_ACCESS in (metadata.scopes_supported or ()),
        auth_methods=tuple(metadata.token_endpoint_auth_methods_supported or ()),
        sends_issuer=bool(metadata.authorization_response_iss_parameter_supported),
        device_endpoint=urls.get(Purpose.DEVICE),
        takes_metadata_documents=bool(metadata.client_id_metadata_document_supported),
        takes_s256="S256" in challenge_methods,
        agreed=away,
    )


def _use_default_endpoints(trust: Trust, resource: str, trail: Trail) -> Flow[AuthorizationServer]:
    """The MCP server's own origin with the default paths, as a last resort (MCP 2025-03-26)."""
    base = trust.server.with_path("/")
    if not (yield from _offers_default_endpoints(base, trail)):
        nothing = f"{base.origin} publishes no OAuth metadata"
        if firewall := _firewall_hint(trail):
            raise unclear(TheirProtocolError(nothing, f"{firewall}. Tried: {trail}"))
        raise NoLoginOffered(f"{nothing}: {_STATIC}", f"{_STATIC_HINT}. Tried: {trail}")
    return AuthorizationServer(
        issuer=base.origin,
        resource=resource,
        authorization_endpoint=base.with_path("/authorize"),
        token_endpoint=base.with_path("/token"),
        registration_endpoint=base.with_path("/register"),
    )


def _offers_default_endpoints(base: Url, trail: Trail) -> Flow[bool]:
    """Whether `/register` exists. A GET there is harmless.

    Express, for one, never answers 405: it answers 404 for a method without a handler, but OPTIONS (RFC 9110 section
    9.3.7) tells which methods have one.
    """
    url = base.with_path("/register")
    response = yield from fetch_response(url, trail)
    if response is None:
        return False
    if response.status == 404:
        options = yield from ask(Fetch(url, DISCOVERY_HEADERS, method="OPTIONS"))
        return "POST" in options.header("allow").replace(",", " ").split()
    return response.status in (400, 405, 415) or (response.status == 200 and not documents.is_page(response))
