"""The authorization server that a machine's configuration names → what its token requests need to know.

A secret goes to the issuer that the configuration names and to no other, whatever the MCP server's metadata say; they
are asked for the identifier of the resource, its scopes and its wish for proofs.
"""

import msgspec

from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.errors import ConfigError, quoted
from mcp_auth_bridge.oauth.authorization_server import Server
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.metadata import (
    ResourceMetadata,
    ServerMetadata,
    dpop_binding,
    endpoints,
    resource_metadata,
    server_metadata,
)
from mcp_auth_bridge.oauth.providers import identifier
from mcp_auth_bridge.oauth.scopes import fitting
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.oauth.trust import Trust, check_configured, confined
from mcp_auth_bridge.oauth.well_known import Trail
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, Url, gate


class ConfiguredClient(msgspec.Struct, frozen=True, kw_only=True):
    """An authorization server, and the client that the bridge is there.

    Without a `token_endpoint` that is looked up in the metadata of the `issuer`; one of them is given. The client's
    `auth_method` is "" for what its secret and the server allow. `place` is where the secret or key comes from, in
    words, "" without one.
    """

    issuer: str = ""
    token_endpoint: str = ""
    client: Client
    place: str = ""


class SubjectToken(msgspec.Struct, frozen=True, kw_only=True):
    """What vouches for whom a token is wanted: its `value`, `what` it is and the `place` it comes from, in words.

    `type` is a token type identifier (RFC 8693 section 3).
    """

    value: Secret
    what: str
    place: str
    type: str = ""


def at_endpoint(party: ConfiguredClient, url: Url, challenge: Challenge | None, resource: str) -> Server:
    """The server whose token endpoint is known: nothing is asked. `url` is the MCP server's."""
    return Server(
        issuer=party.issuer or party.token_endpoint,
        resource=identifier(resource) or url.resource,
        token_endpoint=gate(party.token_endpoint, Purpose.TOKEN),
        binding=dpop_binding(challenge, ResourceMetadata(), ServerMetadata(party.issuer, party.token_endpoint)),
    )


def at_issuer(party: ConfiguredClient, url: Url, challenge: Challenge | None, resource: str) -> Flow[Server]:
    """The server as its own metadata and the MCP server's describe it.

    Raises `ConfigError` where the MCP server names another issuer, or this one publishes nothing; else as `discover`.
    """
    trust, trail = Trust(server=url, issuer=party.issuer), Trail()
    own = yield from confined(resource_metadata(trust, challenge, identifier(resource), trail), trust)
    own = own or ResourceMetadata()
    check_configured(own.authorization_servers or [], trust)
    metadata = yield from metadata_of(party, trail)
    named = endpoints(metadata)
    return Server(
        issuer=metadata.issuer,
        resource=identifier(resource) or own.resource or url.resource,
        token_endpoint=named[Purpose.TOKEN],
        revocation_endpoint=named.get(Purpose.REVOCATION),
        scopes_supported=None if own.scopes_supported is None else fitting(own.scopes_supported),
        auth_methods=tuple(metadata.token_endpoint_auth_methods_supported or ()),
        signing_algorithms=tuple(metadata.token_endpoint_auth_signing_alg_values_supported or ()),
        binding=dpop_binding(challenge, own, metadata),
    )


def metadata_of(party: ConfiguredClient, trail: Trail) -> Flow[ServerMetadata]:
    """What the issuer says about itself. Raises `ConfigError` where it says nothing."""
    metadata = yield from server_metadata(gate(party.issuer, Purpose.ISSUER), (party.issuer, ""), trail)
    if metadata is None:
        raise ConfigError(
            f"the issuer {quoted(party.issuer)} publishes no metadata that can be used",
            f"correct issuer, or set token_endpoint beside it; tried: {trail}",
        )
    return metadata
