"""The authorization server that a machine's configuration names, as its token requests need it.

A secret goes only to the issuer that the configuration names, whatever the MCP server's metadata say. The bridge takes
only the resource identifier, the scopes and the demand for proofs from those metadata.
"""

import msgspec

from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.errors import ConfigError, quoted
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
from mcp_auth_bridge.oauth.providers import resource_identifier
from mcp_auth_bridge.oauth.scopes import limit_scopes
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.oauth.trust import Trust, check_configured, confine
from mcp_auth_bridge.oauth.well_known import Trail
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, Url, gate


class ConfiguredClient(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization server, and the bridge's client there. `issuer` or `token_endpoint` is given."""

    issuer: str = ""
    # "" if it is to be looked up in the issuer's metadata.
    token_endpoint: str = ""
    # Its `auth_method` is "" for one that its secret and the server allow.
    client: Client
    # Where the client's secret or key comes from, in words; "" if it has none.
    place: str = ""


class SubjectToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token that names the subject of a grant: an assertion, or a subject or actor token."""

    value: Secret
    # The token in words: "the assertion".
    what: str
    # Where it comes from, in words.
    place: str
    # A token type identifier (RFC 8693 section 3), "" for an assertion.
    type: str = ""


def server_at_endpoint(
    registration: ConfiguredClient, url: Url, challenge: Challenge | None, resource: str
) -> AuthorizationServer:
    """The server with a configured token endpoint: nothing is looked up. `url` is the MCP server's."""
    return AuthorizationServer(
        issuer=registration.issuer or registration.token_endpoint,
        resource=resource_identifier(resource) or url.resource,
        token_endpoint=gate(registration.token_endpoint, Purpose.TOKEN),
        binding=choose_dpop_binding(
            challenge, ResourceMetadata(), ServerMetadata(registration.issuer, registration.token_endpoint)
        ),
    )


def server_at_issuer(
    registration: ConfiguredClient, url: Url, challenge: Challenge | None, resource: str
) -> Flow[AuthorizationServer]:
    """The server as its own metadata and the MCP server's describe it.

    Raises `ConfigError` if the MCP server names another issuer, or this one publishes no metadata; else as `discover`.
    """
    trust, trail = Trust(server=url, issuer=registration.issuer), Trail()
    own = yield from confine(fetch_resource_metadata(trust, challenge, resource_identifier(resource), trail), trust)
    own = own or ResourceMetadata()
    check_configured(own.authorization_servers or [], trust)
    metadata = yield from metadata_of(registration, trail)
    named = gate_endpoints(metadata)
    return AuthorizationServer(
        issuer=metadata.issuer,
        resource=resource_identifier(resource) or own.resource or url.resource,
        token_endpoint=named[Purpose.TOKEN],
        revocation_endpoint=named.get(Purpose.REVOCATION),
        scopes_supported=None if own.scopes_supported is None else limit_scopes(own.scopes_supported),
        auth_methods=tuple(metadata.token_endpoint_auth_methods_supported or ()),
        signing_algorithms=tuple(metadata.token_endpoint_auth_signing_alg_values_supported or ()),
        binding=choose_dpop_binding(challenge, own, metadata),
    )


def metadata_of(registration: ConfiguredClient, trail: Trail) -> Flow[ServerMetadata]:
    """The issuer's metadata. Raises `ConfigError` if it publishes none."""
    metadata = yield from fetch_server_metadata(
        gate(registration.issuer, Purpose.ISSUER), (registration.issuer, ""), trail
    )
    if metadata is None:
        raise ConfigError(
            f"the issuer {quoted(registration.issuer)} publishes no metadata that can be used",
            f"correct issuer, or set token_endpoint beside it; tried: {trail}",
        )
    return metadata
