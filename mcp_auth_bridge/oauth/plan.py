"""The plan of a login, made before it starts, and the type of the grants that it may use."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from mcp_auth_bridge.effects import Flow
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.grants import authorization_code
from mcp_auth_bridge.oauth.metadata import ServerMetadata
from mcp_auth_bridge.oauth.providers import ProviderOverrides
from mcp_auth_bridge.oauth.registration import RegistrationSettings
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.urls import CALLBACK_PATH, Url

GrantFlow: TypeAlias = Callable[[AuthorizationServer, Client, tuple[str, ...]], Flow[Session]]
"""A grant, which asks the user for the given scopes: `grants.authorization_code` or `device.device_code`."""


class LoginPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One login as the configuration, the command line, the store and the MCP server's challenge describe it.

    The fields from `issuer` to `last` say which servers to trust (`oauth/trust.py`).
    """

    # The MCP server to log in to.
    url: Url
    # The challenge with which the MCP server refused a request without a token, None if it sent none.
    challenge: Challenge | None = None
    # The configured resource identifier (RFC 8707), `OMITTED` to send none, "" for the one that the metadata name.
    resource: str = ""
    # The configured scopes, () for those that the servers ask for.
    scopes: tuple[str, ...] = ()
    # For a login that adds scopes: those that the last login was granted, and those that it turned out to lack.
    step_up: tuple[str, ...] = ()
    # The configured client. It is used at its own issuer only, whatever the MCP server's metadata say.
    configured: Client | None = None
    # The client that an earlier login registered at each issuer.
    clients: Mapping[str, Client] = {}
    # How the bridge describes itself when it registers (RFC 7591).
    registration: RegistrationSettings = RegistrationSettings()
    # Whether to register anew even if an earlier registration could be used.
    fresh: bool = False
    # Whether offline_access may be added to the scopes.
    offline: bool = True
    # The configured port of the redirect URI. 0 for the port that was registered earlier, else for any free port.
    port: int = 0
    # The loopback interface as the redirect URI names it.
    host: str = "127.0.0.1"
    # The path of the redirect URI.
    path: str = CALLBACK_PATH
    # The grant by which the user logs in.
    grant: GrantFlow = authorization_code
    # The configured issuer, "" if discovery is to find it.
    issuer: str = ""
    # The authorization server's metadata as the configuration gives them, None to discover them.
    server_metadata: ServerMetadata | None = None
    # The one issuer that metadata found elsewhere may name.
    trusted_issuer: str = ""
    # Where the MCP server's protected-resource metadata are, "" for the well-known URLs.
    resource_metadata: str = ""
    # The issuers and the origins of endpoints that the user has agreed to in advance.
    agreed: tuple[str, ...] = ()
    # The login before this one, None for the first.
    last: Session | None = None
    # The client ID for authorization servers that accept client ID metadata documents, "" for none.
    metadata_url: str = ""
    # The configured deviations of this MCP server and its authorization server from the specifications.
    ways: ProviderOverrides = ProviderOverrides()
