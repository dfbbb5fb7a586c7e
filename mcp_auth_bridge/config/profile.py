"""One server as the user wants it, and the words by which a command line chooses it."""

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

SignsIn = OneOf["auto", "never"]
"""Whether a tool call that lacks a login may open a browser."""


class ServerChoice(msgspec.Struct, frozen=True):
    """Which server, as a command line says it: by its name or its URL, and what is different this time.

    `headers` are added; `auth` is the inside of a table, None for the server's own. `allow_http`: a URL may be of plain
    http.
    """

    target: str
    headers: Mapping[str, str] = {}
    auth: str | None = None
    ipv4: bool = False
    allow_http: bool = False


class Profile(msgspec.Struct, frozen=True):
    """One remote server as the user wants it. `browser_command` is an argument vector, () for the desktop's own;
    `pass_environment` are the variables that commands which print secrets get besides harmless ones; `spoken` is what
    the command line says in place of the configured `auth`, `variant` what tells logins by that apart; "" for nothing.
    """

    name: str
    url: Url
    auth: Auth = BrowserSettings()
    auth_argument: str = ""
    variant: str = ""
    headers: Mapping[str, SecretRef] = {}
    store: StoreSettings = KeyringStoreSettings()
    browser_command: tuple[str, ...] = ()
    pass_environment: tuple[str, ...] = ()
    login: SignsIn = "auto"
    network: NetworkSettings = NetworkSettings()
    relay: RelaySettings = RelaySettings()

    @property
    def label(self) -> str:
        """What a log calls the server: its name, or the origin of a bare URL, whose rest may be nobody's business."""
        return self.url.origin if self.is_bare else self.name

    @property
    def is_bare(self) -> bool:
        """Whether it is a URL, of which the configuration knows nothing."""
        return "://" in self.name

    @property
    def key(self) -> str:
        """What the store calls it: a login by other settings than the configured ones is another login."""
        return f"{self.name}~{self.variant}" if self.variant else self.name


def with_headers(profile: Profile, headers: Mapping[str, SecretRef], where: str) -> Profile:
    """`profile` with `headers` of its own. Raises `ConfigError` where its credentials are in a header of that name."""
    credentials = profile.auth.headers if isinstance(profile.auth, HeaderSettings) else {}
    if clash := {name.lower() for name in credentials} & {name.lower() for name in headers}:
        raise ConfigError(f"{where}: {', '.join(sorted(clash))} is among auth.headers too", "write it in one place")
    return msgspec.structs.replace(profile, headers=headers)


def server_url(text: str, where: str, purpose: Purpose = Purpose.SERVER) -> Url:
    """The gate for an MCP server's URL, with `where` it was written. Raises `ConfigError`."""
    text = text.partition("#")[0]
    toml.parse_url(text, Purpose.PLAIN_SERVER, where, "a server's URL looks like https://mcp.example.com/mcp")
    return toml.parse_url(text, purpose, where, _NOT_ENCRYPTED)
