"""An MCP server's URL → its authorization server (RFC 9728, RFC 8414, OpenID Connect Discovery, MCP 2025-03-26)."""

from collections.abc import Mapping

import msgspec

from mcp_auth_bridge.effects import Fetch, Flow, ask
from mcp_auth_bridge.errors import TheirProtocolError, quoted
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.dpop import Binding
from mcp_auth_bridge.oauth.places import HEADERS, Trail, is_page, look
from mcp_auth_bridge.oauth.resource import ResourceMetadata, resource_metadata
from mcp_auth_bridge.oauth.scopes import fitting
from mcp_auth_bridge.oauth.server_metadata import ServerMetadata, dpop_binding, endpoints, server_metadata
from mcp_auth_bridge.oauth.trust import Trust, check_endpoints, check_issuer, chosen
from mcp_auth_bridge.urls import Purpose, Url, gate


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization server, validated, as one protected resource names it.

    `resource` is spelled exactly as the metadata spell it. `scopes_supported` is the resource's list, None if it gives
    none. `auth_methods` are `token_endpoint_auth_methods_supported`, () where the metadata do not say, and
    `signing_algorithms` those of `private_key_jwt`. A machine's has no `authorization_endpoint`, nor one for devices
    only. `resource` is "" and `authorize_params` are not empty where this server has its own ways
    (`oauth/providers.py`); `repeats_scope` and `token` are as in `Session`. `binding` is whether its tokens for this
    resource are to be bound to a key (`oauth/dpop.py`). `agreed` are the origins of endpoints away
    from the issuer's host.
    """

    issuer: str
    resource: str
    token_endpoint: Url
    authorization_endpoint: Url | None = None
    registration_endpoint: Url | None = None
    revocation_endpoint: Url | None = None
    scopes_supported: tuple[str, ...] | None = None
    offers_offline_access: bool = False
    auth_methods: tuple[str, ...] = ()
    signing_algorithms: tuple[str, ...] = ()
    sends_issuer: bool = False
    takes_metadata_documents: bool = False
    device_endpoint: Url | None = None
    authorize_params: Mapping[str, str] = {}
    repeats_scope: bool = False
    token: str = "access"
    binding: Binding = Binding.NONE
    agreed: tuple[str, ...] = ()


def discover(trust: Trust, challenge: Challenge | None, resource: str = "") -> Flow[Server]:
    """Who protects `trust.server`. `resource` overrides the identifier that its metadata must name (for a URN, say).

    Raises `TheirProtocolError` naming every URL tried, and `Unreachable` or `UpstreamFailed` as soon as an answer is
    missing: a server that is down for a moment must not send the login down another path. Raises `LoginRequired` where
    a person has to agree, and does not.
    """
    url, trail = trust.server, Trail()
    metadata = yield from resource_metadata(trust, challenge, resource, trail)
    if metadata is None:
        return (yield from _without_resource_metadata(trust, challenge, resource, trail))
    if not metadata.authorization_servers:
        raise TheirProtocolError(
            f"the protected-resource metadata of {url.origin} name no authorization server", f"tried: {trail}"
        )
    issuer = chosen(metadata.authorization_servers, trust)
    server = yield from _agreed_metadata(gate(issuer, Purpose.ISSUER), issuer, trust, trail)
    if server is None:
        raise TheirProtocolError(
            f"the authorization server {quoted(issuer)} publishes no metadata that can be used", f"tried: {trail}"
        )
    scopes = None if metadata.scopes_supported is None else fitting(metadata.scopes_supported)
    found = yield from _server(server, resource or metadata.resource or url.resource, scopes, trust)
    return msgspec.structs.replace(found, binding=dpop_binding(challenge, metadata, server))


def _agreed_metadata(place: Url, issuer: str, trust: Trust, trail: Trail) -> Flow[ServerMetadata | None]:
    """The metadata of `issuer`, if a login there is agreed to: nothing is sent to one that the last login did not know.

    Who was at the trusted issuer is known there, whatever the place where its metadata lie.
    """
    if not trust.was_at_trusted_issuer:
        yield from check_issuer(issuer, trust)
    metadata = yield from server_metadata(place, (issuer, trust.trusted_issuer), trail)
    if metadata is not None and trust.was_at_trusted_issuer:
        yield from check_issuer(metadata.issuer, trust)
    return metadata


def _without_resource_metadata(trust: Trust, challenge: Challenge | None, resource: str, trail: Trail) -> Flow[Server]:
    """MCP 2025-03-26: the authorization server is the MCP server's own origin, with default paths as a last resort."""
    url = trust.server
    base = url.with_path("/")
    metadata = yield from _agreed_metadata(base, base.origin, trust, trail)
    if metadata is not None:
        found = yield from _server(metadata, resource or url.resource, None, trust)
        return msgspec.structs.replace(found, binding=dpop_binding(challenge, ResourceMetadata(), metadata))
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
    """Whether `/register` exists: a GET there is harmless where it does.

    Express, for one, knows no 405: what has no handler for a method is not found, but OPTIONS (RFC 9110 section 9.3.7)
    tells which methods have one.
    """
    place = base.with_path("/register")
    response = yield from look(place, trail)
    if response.status == 404:
        options = yield from ask(Fetch(place, HEADERS, method="OPTIONS"))
        return "POST" in options.header("allow").replace(",", " ").split()
    return response.status in (400, 405, 415) or (response.status == 200 and not is_page(response))


def _server(metadata: ServerMetadata, resource: str, scopes: tuple[str, ...] | None, trust: Trust) -> Flow[Server]:
    if not (metadata.authorization_endpoint or metadata.device_authorization_endpoint):
        raise TheirProtocolError(
            f"the authorization server {quoted(metadata.issuer)} names no place where a person could log in",
            "it seems to know machines only: see client_credentials in config.example.toml",
        )
    if metadata.authorization_endpoint and "S256" not in (metadata.code_challenge_methods_supported or ()):
        raise TheirProtocolError(
            f"the authorization server {quoted(metadata.issuer)} does not say that it supports PKCE with S256",
            "its operator has to add code_challenge_methods_supported: [“S256”] to its metadata (MCP requires it)",
        )
    places = endpoints(metadata)
    away = yield from check_endpoints(metadata.issuer, places, trust)
    return Server(
        issuer=metadata.issuer,
        resource=resource,
        authorization_endpoint=places.get(Purpose.AUTHORIZATION),
        token_endpoint=places[Purpose.TOKEN],
        registration_endpoint=places.get(Purpose.REGISTRATION),
        revocation_endpoint=places.get(Purpose.REVOCATION),
        scopes_supported=scopes,
        offers_offline_access="offline_access" in (metadata.scopes_supported or ()),
        auth_methods=tuple(metadata.token_endpoint_auth_methods_supported or ()),
        sends_issuer=bool(metadata.authorization_response_iss_parameter_supported),
        device_endpoint=places.get(Purpose.DEVICE),
        takes_metadata_documents=bool(metadata.client_id_metadata_document_supported),
        agreed=away,
    )
