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

    NAME_SERVER_SILENT = "name_server_silent", "host"
    """No name server answers."""

    NO_NETWORK = ("no_network",)
    """This machine has no route beyond itself."""

    NETWORK_SETTINGS_UNUSABLE = "network_settings_unusable", "error", "hint"
    """The proxy or a file of certificates that the settings name cannot be used."""

    PROXY_UNREACHABLE = "proxy_unreachable", "proxy", "error"
    """The proxy takes no connections."""

    PROXY_WANTS_LOGIN = "proxy_wants_login", "error", "host"
    """The proxy wants a user and a password, or refuses those that it got."""

    PROXY_REFUSES = "proxy_refuses", "error", "host"
    """The proxy opens no way to the host."""

    PROXY_FAILS = "proxy_fails", "error", "host"
    """The proxy could not reach the host, or ended the connection."""

    REFUSED = "refused", "place"
    """Another machine refuses connections: nothing listens at the port."""

    REFUSED_HERE = "refused_here", "place"
    """This machine refuses connections: nothing listens at the port."""

    SILENT = "silent", "place"
    """Connections are neither taken nor refused."""

    NO_ROUTE = "no_route", "place"
    """This machine has a network, but no route to the host."""

    TLS_INTERCEPTED = "tls_intercepted", "product", "host"
    """A product in the network puts a certificate of its own in place of the server's."""

    TLS_INTERCEPTED_HERE = "tls_intercepted_here", "product", "host"
    """The same, by a product on this machine."""

    CERTIFICATE_EXPIRED = "certificate_expired", "host", "ended"
    """By the clock of this machine, a certificate of the server has ended."""

    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid", "host", "begins"
    """By the clock of this machine, a certificate of the server has not begun."""

    CERTIFICATE_OTHER_HOST = "certificate_other_host", "host", "hosts"
    """The certificate is good, and for other hosts."""

    ADDRESS_IN_URL = "address_in_url", "host", "hosts"
    """The URL has an address, and the certificate is for names."""

    PRIVATE_ISSUER = "private_issuer", "host", "issuer"
    """A server in this machine's own network has a certificate that this machine does not know the issuer of."""

    SELF_SIGNED = "self_signed", "host"
    """A server in the open internet has a certificate of its own making."""

    UNKNOWN_ISSUER = "unknown_issuer", "host", "issuer"
    """A server in the open internet has a certificate that no public CA issued."""

    CHAIN_INCOMPLETE = "chain_incomplete", "host", "issuer"
    """The server sends the certificate that a public CA issued without those that belong to it."""

    PUBLIC_ISSUER_UNKNOWN = "public_issuer_unknown", "host", "issuer"
    """This machine does not know the public CA of a certificate."""

    TLS_TOO_OLD = "tls_too_old", "host"
    """The server offers TLS 1.1 or older."""

    NOT_TLS = "not_tls", "host"
    """The server answers a TLS handshake with something else."""

    CLIENT_CERTIFICATE_WANTED = "client_certificate_wanted", "host"
    """The server ended the connection for want of a client certificate."""

    HANDSHAKE_BROKEN_OFF = "handshake_broken_off", "host"
    """The server ended the handshake with an alert that has many causes."""

    HANDSHAKE_CUT_OFF = "handshake_cut_off", "host"
    """The connection was taken, and ended in the handshake."""

    HANDSHAKE_SILENT = "handshake_silent", "host"
    """The connection was taken, and the handshake gets no answer."""

    HTTP_2_ONLY = "http_2_only", "host"
    """The server speaks HTTP/2 only."""

    PLAIN_HTTP = "plain_http", "host"
    """Requests to another machine are not encrypted."""

    CERTIFICATE_ENDS_SOON = "certificate_ends_soon", "host", "ends"
    """The certificate of the server ends within two weeks."""

    # The server

    NOT_MCP = "not_mcp", "status"
    """There is no MCP endpoint at this URL: 404, 405, or a page for people."""

    WANTS_CREDENTIALS = "wants_credentials", "status"
    """The server refuses a request without credentials."""

    SERVES_STRANGERS = ("serves_strangers",)
    """The server serves a request without credentials."""

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
