"""The settings of one MCP server, and how a command line names the server."""

from collections.abc import Mapping
from typing import Literal as OneOf

import msgspec

from mcp_auth_bridge.config import toml
from mcp_auth_bridge.config.auth import Auth, HeaderSettings
from mcp_auth_bridge.config.login import BrowserSettings
from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.config.store import KeyringStoreSettings, StoreSettings
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.secret import SecretRef
from mcp_auth_bridge.urls import Purpose, Url

_NOT_ENCRYPTED = (
    "write it as https://…, or if you trust every network on the way, add --allow-http to the command, or"
    " allow_http = true to the server's table"
)

OpensBrowser = OneOf["auto", "never"]
"""Whether a tool call that lacks a login may open a browser."""


class ServerChoice(msgspec.Struct, frozen=True):
    """The server that a command line names, and the settings that the command line changes."""

    # The server's name or URL.
    target: str
    # Added to the configured ones.
    headers: Mapping[str, str] = {}
    # The inside of an `auth` table in TOML, None for the configured one.
    auth: str | None = None
    # Whether IPv6 addresses are left out.
    ipv4: bool = False
    # Whether a URL may use plain http.
    allow_http: bool = False


class Profile(msgspec.Struct, frozen=True):
    """The settings of one MCP server."""

    # Its name in the configuration, or a URL that the configuration does not know.
    name: str
    # The URL of the MCP endpoint.
    url: Url
    # How the bridge gets credentials.
    auth: Auth = BrowserSettings()
    # The value of `--auth`, which replaces the configured `auth`; "" if it is not given.
    auth_argument: str = ""
    # The digest of `auth`, if it is not the configured one; else "". It is part of `key`.
    variant: str = ""
    # Sent besides the credentials.
    headers: Mapping[str, SecretRef] = {}
    # Where logins are kept; the same for all servers of a configuration.
    store: StoreSettings = KeyringStoreSettings()
    # An argument vector, () for the desktop's own browser.
    browser_command: tuple[str, ...] = ()
    # Names of environment variables for commands that print secrets; each command gets the harmless ones anyway.
    pass_environment: tuple[str, ...] = ()
    # Whether a tool call may open the browser.
    login: OpensBrowser = "auto"
    # How the MCP server is reached.
    network: NetworkSettings = NetworkSettings()
    # How messages are relayed.
    relay: RelaySettings = RelaySettings()

    @property
    def label(self) -> str:
        """The name of the server in a log: of a bare URL its origin only, because the rest may be private."""
        return self.url.origin if self.is_bare else self.name

    @property
    def is_bare(self) -> bool:
        """Whether the name is a URL that the configuration does not know."""
        return "://" in self.name

    @property
    def key(self) -> str:
        """The name of the record in the store. With `--auth` it is a login of its own."""
        return f"{self.name}~{self.variant}" if self.variant else self.name


def with_headers(profile: Profile, headers: Mapping[str, SecretRef], where: str) -> Profile:
    """`profile` with `headers`. Raises `ConfigError` if its credentials are in a header of the same name."""
    credentials = profile.auth.headers if isinstance(profile.auth, HeaderSettings) else {}
    if clash := {name.lower() for name in credentials} & {name.lower() for name in headers}:
        raise ConfigError(f"{where}: {', '.join(sorted(clash))} is among auth.headers too", "write it in one place")
    return msgspec.structs.replace(profile, headers=headers)


def parse_server_url(text: str, where: str, purpose: Purpose = Purpose.SERVER) -> Url:
    """Parse the URL of an MCP server, which was written `where`. Raises `ConfigError`."""
    text = text.partition("#")[0]
    toml.parse_url(text, Purpose.PLAIN_SERVER, where, "a server's URL looks like https://mcp.example.com/mcp")
    return toml.parse_url(text, purpose, where, _NOT_ENCRYPTED)
