"""The closed list of symptoms: each has a name, and the facts that the rules of the verdict may quote.

A check states a symptom only if it is sure of it. A rule (`rules.py`) draws the cause from one symptom or from several.
"""

import enum
from typing import Self


class Symptom(enum.Enum):
    """A symptom: its name in JSON, then the names of its facts."""

    # Here

    CONFIG_UNREADABLE = "config_unreadable", "error", "hint"
    """The configuration file cannot be read, or it is not valid."""

    # The way

    NAME_UNKNOWN = "name_unknown", "host"
    """No name server knows the host."""

    # The server

    NOT_MCP = "not_mcp", "status"
    """There is no MCP endpoint at this URL: 404, 405, or a page for people."""

    WANTS_CREDENTIALS = "wants_credentials", "status"
    """The server refuses a request without credentials."""

    SERVES_STRANGERS = ("serves_strangers",)
    """The server serves a request without credentials."""

    # Its OAuth

    METADATA_WALLED = "metadata_walled", "place", "host"
    """A firewall answers each well-known address with a page, HTTP 403."""

    NO_METADATA = "no_metadata", "place"
    """The server refuses a client without credentials, and publishes nothing about a login."""

    METADATA_ELSEWHERE = "metadata_elsewhere", "named", "place"
    """The challenge names metadata at another origin, and there are none at the server's own."""

    RESOURCE_FOREIGN = "resource_foreign", "resource", "named", "place"
    """The protected-resource metadata are of another resource."""

    NO_AUTHORIZATION_SERVER = "no_authorization_server", "place"
    """The protected-resource metadata name no authorization server."""

    ISSUER_DIFFERS = "issuer_differs", "configured", "named"
    """The configured issuer is not among those that the server names."""

    ISSUER_REFUSED = "issuer_refused", "error", "hint"
    """The server names an authorization server at an address that it may not lead to."""

    AUTHORIZATION_SERVER_DOWN = "authorization_server_down", "issuer", "error"
    """The MCP server answers, but its authorization server cannot be reached, or fails."""

    ISSUER_TEMPLATE = "issuer_template", "issuer", "named"
    """The metadata are those of Entra ID for all tenants."""

    WRONG_ISSUER = "wrong_issuer", "issuer", "exact", "named", "place"
    """The metadata name another issuer than the one that was asked for."""

    NO_SERVER_METADATA = "no_server_metadata", "issuer", "exact", "place"
    """The authorization server answers, but publishes no metadata."""

    ENDPOINT_UNNAMED = "endpoint_unnamed", "issuer", "place", "member"
    """The authorization server's metadata lack an endpoint that every login needs."""

    NO_S256 = "no_s256", "issuer", "place"
    """The authorization server does not say that it supports PKCE with S256."""

    ENDPOINT_REFUSED = "endpoint_refused", "error", "hint"
    """The metadata name an endpoint at an address that may not be used."""

    CLIENT_DIFFERS = "client_differs", "configured", "named"
    """The configured client belongs to another issuer than the one that the server names."""

    NO_REGISTRATION = "no_registration", "issuer", "advice", "callback", "settings"
    """The authorization server registers no clients, and none is configured."""

    REGISTRATION_REFUSED = "registration_refused", "error", "hint"
    """The authorization server refused to register the bridge (`--register`)."""

    TOKEN_NOT_ISSUED = "token_not_issued", "error", "hint"
    """The authorization server issued no token to a machine (`--register`)."""

    ENDPOINT_MISSING = "endpoint_missing", "what", "place", "answer"
    """There is nothing at an endpoint that the metadata name."""

    ENDPOINT_WALLED = "endpoint_walled", "what", "place", "host"
    """A firewall answers in an endpoint's place, with a page, HTTP 403."""

    ENDPOINT_MOVED = "endpoint_moved", "what", "place", "location"
    """An endpoint redirects, where no client may follow."""

    ENDPOINT_DOWN = "endpoint_down", "what", "place", "answer"
    """An endpoint cannot be reached, or its server fails."""

    ISSUER_CHANGED = "issuer_changed", "issuer", "last", "options"
    """The server names another authorization server than at the last login, which cannot be used any more."""

    # The credential

    NO_LOGIN = ("no_login",)
    """A login is configured, and there is none in the store."""

    # Any

    BRIDGE_FAULT = "bridge_fault", "error"
    """A check met a bug of the bridge."""

    facts: tuple[str, ...]
    """The names of the facts that belong to it."""

    def __new__(cls, name: str, *facts: str) -> Self:
        member = object.__new__(cls)
        member._value_ = name
        member.facts = facts
        return member
