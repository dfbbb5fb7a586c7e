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

    SERVER_UNKNOWN = "server_unknown", "error", "hint"
    """The command line names a server that neither the configuration nor the store has."""

    CLOCK_WRONG = "clock_wrong", "skew"
    """The clock of this machine and those of the servers differ by minutes."""

    SERVER_CLOCK_WRONG = "server_clock_wrong", "host", "skew"
    """The clock of the MCP server is wrong: that of its authorization server agrees with this machine's."""

    ISSUER_CLOCK_WRONG = "issuer_clock_wrong", "host", "skew"
    """The clock of an authorization server is wrong: that of the MCP server agrees with this machine's."""

    SECRET_MISSING = "secret_missing", "error", "hint"
    """A header or a token that the configuration refers to cannot be read."""

    VARIABLE_UNSET = "variable_unset", "variable"
    """An environment variable is not set, so that the default in the configuration is sent."""

    DEFAULT_CREDENTIAL = "default_credential", "variable"
    """The same for a token, or another credential."""

    STORE_CLOSED = "store_closed", "error", "hint"
    """The store holds a login to the server, or may hold one, and cannot be opened."""

    LOGIN_DAMAGED = "login_damaged", "error", "hint"
    """The record of the login cannot be opened."""

    FOLDER_UNUSABLE = "folder_unusable", "error", "hint"
    """A folder in which logins are kept cannot be written: a full or read-only disk, or the folder of another user."""

    LOCK_HELD = "lock_held", "what", "pid"
    """A stopped process holds a lock of the login."""

    LOGIN_NOT_KEPT = "login_not_kept", "error", "hint"
    """A login could not be stored here."""

    # The way

    NAME_UNKNOWN = "name_unknown", "host"
    """No name server knows the host."""

    NAME_BLOCKED = "name_blocked", "host"
    """The name server answers with 0.0.0.0 or ::, which is the address of no host."""

    NAME_SERVER_SILENT = "name_server_silent", "host"
    """No name server answers."""

    NO_NETWORK = ("no_network",)
    """This machine has no route beyond itself."""

    TOO_MANY_FILES = ("too_many_files",)
    """This process may not open another socket."""

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

    CONNECTION_SILENT = "connection_silent", "place"
    """Connections are neither taken nor refused."""

    CONNECTION_FORBIDDEN = "connection_forbidden", "place"
    """This machine does not allow the connection."""

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

    CERTIFICATE_MISSING = "certificate_missing", "host", "maker"
    """A reverse proxy has no certificate for the host, and shows one that it made itself."""

    CAPTIVE_PORTAL = "captive_portal", "host", "portal"
    """Another server answers in place of the host, and leads to a page where people sign in to the network."""

    CERTIFICATE_FOREIGN = "certificate_foreign", "host", "hosts", "issuer"
    """The certificate is for other hosts, and this machine does not know its issuer."""

    ADDRESS_IN_URL = "address_in_url", "host", "hosts"
    """The URL has an address, and the certificate is for names."""

    PRIVATE_ISSUER = "private_issuer", "host", "issuer"
    """A server in this machine's own network has a certificate that this machine does not know the issuer of."""

    SELF_SIGNED = "self_signed", "host"
    """A server in the open internet has a certificate of its own making."""

    CERTIFICATE_ISSUER_UNKNOWN = "certificate_issuer_unknown", "host", "issuer"
    """A server in the open internet has a certificate that no public CA issued."""

    CHAIN_INCOMPLETE = "chain_incomplete", "host", "issuer"
    """The server sends the certificate that a public CA issued without those that belong to it."""

    PUBLIC_ISSUER_UNKNOWN = "public_issuer_unknown", "host", "issuer"
    """This machine does not know the public CA of a certificate."""

    CERTIFICATE_REFUSED = "certificate_refused", "error"
    """The certificate is refused for another reason."""

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

    OPEN_TO_THE_NETWORK = ("open_to_the_network",)
    """Something on the way may have answered in the server's place: the request goes out without TLS."""

    THROUGH_PROXY = "through_proxy", "proxy"
    """The proxy of this machine reads the request, which has no TLS, and may answer it itself."""

    SERVER_SILENT = "server_silent", "seconds"
    """The server takes a request and does not answer."""

    CUT_OFF = ("cut_off",)
    """The connection ends without a response after a request was sent."""

    NOT_HTTP = ("not_http",)
    """What answers at this port does not speak HTTP, whatever it is asked."""

    BROKEN_HTTP = "broken_http", "error"
    """What answers speaks HTTP, and breaks its rules in the response to a POST."""

    HTTP_2_ANSWER = ("http_2_answer",)
    """What answers speaks HTTP/2 without being asked to."""

    HTTPS_PORT = ("https_port",)
    """The URL says http, and the port speaks TLS."""

    PORTAL = ("portal",)
    """The network wants a login of its own: HTTP 511, or a page without TLS in place of an answer without TLS."""

    MOVED = "moved", "place", "status"
    """The server is at another URL."""

    SENT_ELSEWHERE = "sent_elsewhere", "page", "status"
    """Requests are redirected to a page at another place, which does not look like a login page."""

    SENT_TO_LOGIN = "sent_to_login", "page"
    """Requests, with all that can be presented, are redirected to a login page."""

    SCHEME_LOST = ("scheme_lost",)
    """The server redirects https to http, and so to itself."""

    REDIRECTS_NOWHERE = "redirects_nowhere", "where", "status"
    """The server redirects in a circle, or to nowhere."""

    NOT_MCP = "not_mcp", "status"
    """There is no MCP endpoint at this URL: 404, 405 or 410."""

    WEB_PAGE = "web_page", "says"
    """A page for people answers a message."""

    LOGIN_PAGE = "login_page", "says"
    """A page by whose title people sign in answers a message."""

    ENDPOINT_FOUND = "endpoint_found", "endpoint"
    """The server speaks MCP at another URL, by its metadata or by its answer there."""

    HOST_REFUSED = "host_refused", "says"
    """The server does not answer to this host name."""

    FORBIDDEN = "forbidden", "says"
    """The server refuses a request in its own words (403), with all that can be presented."""

    FORBIDDEN_BY_PAGE = "forbidden_by_page", "says", "gateway"
    """A web page refuses a request (403), with all that can be presented."""

    WANTS_PAYMENT = "wants_payment", "says"
    """The server wants to be paid first (402)."""

    RATE_LIMITED = "rate_limited", "asks"
    """The server limits how often it is asked."""

    BODY_TOO_LARGE = "body_too_large", "gateway"
    """Even the first message is too large."""

    HEADERS_TOO_LARGE = "headers_too_large", "status"
    """The headers are too large."""

    BAD_GATEWAY = "bad_gateway", "status", "gateway"
    """A proxy in front of the server got no valid response from it."""

    GATEWAY_TIMEOUT = "gateway_timeout", "status", "gateway"
    """A proxy in front of the server got no response in time."""

    UNAVAILABLE = "unavailable", "says"
    """The server, or a proxy in front of it, says that it is not ready (503)."""

    SERVER_ERROR = "server_error", "status", "says"
    """The server fails with a fault of its own."""

    NOT_A_MESSAGE = "not_a_message", "found"
    """The server answers a request with success, and with something that is not a message."""

    REFUSES_OPENING = "refuses_opening", "status", "says"
    """The server refuses the opening of either era, for a reason that only its words tell."""

    FAILS_LATER = "fails_later", "error"
    """The opening works, and the first request after it does not."""

    SESSION_FORGOTTEN = ("session_forgotten",)
    """The server does not know the session that it has just opened."""

    WANTS_CREDENTIALS = "wants_credentials", "status"
    """The server refuses a request without credentials."""

    SERVES_STRANGERS = ("serves_strangers",)
    """The server serves a request without credentials."""

    REFUSES_CREDENTIAL = "refuses_credential", "status", "says"
    """The server refuses the credential that the bridge presents."""

    NO_CHALLENGE = "no_challenge", "status"
    """The refusal of a request without credentials has no `WWW-Authenticate` header."""

    OTHER_SCHEME = "other_scheme", "scheme"
    """The refusal of a request without credentials names schemes, and none of them is OAuth's: Basic, Negotiate."""

    MISSING_HEADER = "missing_header", "header"
    """The server takes a header that names an organisation, and that is not sent."""

    # Its OAuth

    METADATA_WALLED = "metadata_walled", "place", "host"
    """A firewall answers with a page, HTTP 403, where the MCP server's metadata belong."""

    NO_METADATA = "no_metadata", "place"
    """The server refuses a client without credentials, and publishes nothing about a login."""

    METADATA_ELSEWHERE = "metadata_elsewhere", "named", "place"
    """The challenge names metadata at another origin, and there are none at the server's own."""

    METADATA_MOVED = "metadata_moved", "place", "location", "issuer"
    """The only metadata are at another origin, to which the MCP server redirects."""

    METADATA_GUARDED = "metadata_guarded", "place", "location"
    """The MCP server redirects a request for its metadata to a page of another origin, such as one to sign in at."""

    METADATA_FAILING = "metadata_failing", "place", "answer"
    """The MCP server fails where its metadata would be: HTTP 5xx or 429."""

    RESOURCE_MALFORMED = "resource_malformed", "place", "problem"
    """The protected-resource metadata are not as specified."""

    RESOURCE_FOREIGN = "resource_foreign", "resource", "named", "place"
    """The protected-resource metadata are of another resource."""

    NO_AUTHORIZATION_SERVER = "no_authorization_server", "place"
    """The protected-resource metadata name no authorization server."""

    ISSUER_DIFFERS = "issuer_differs", "configured", "named"
    """The configured issuer is not among those that the server names."""

    ISSUER_REFUSED = "issuer_refused", "error", "hint"
    """The server names an authorization server at an address that it may not lead to."""

    AUTHORIZATION_SERVER_DOWN = "authorization_server_down", "issuer", "error"
    """The MCP server answers, but its authorization server refuses connections, or fails."""

    AUTHORIZATION_SERVER_UNREACHED = "authorization_server_unreached", "issuer", "error"
    """The MCP server answers, but there is no way from here to its authorization server."""

    ISSUER_TEMPLATE = "issuer_template", "issuer", "named"
    """The metadata are those of Entra ID for all tenants."""

    WRONG_ISSUER = "wrong_issuer", "issuer", "exact", "named", "place"
    """The metadata name another issuer than the one that was asked for."""

    ISSUER_WALLED = "issuer_walled", "place", "host"
    """A firewall answers with a page, HTTP 403, where the authorization server's metadata belong."""

    NO_SERVER_METADATA = "no_server_metadata", "issuer", "exact", "place"
    """The authorization server answers, but publishes no metadata."""

    ISSUER_MALFORMED = "issuer_malformed", "issuer", "place", "problem"
    """The authorization server's metadata are not as specified."""

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

    RESOURCE_RENAMED = "resource_renamed", "resource", "last_resource"
    """The tokens of a login today are for another resource than those of the last login."""

    ENDPOINT_WANTED_LATER = "endpoint_wanted_later", "what", "place", "answer"
    """An endpoint does not work, and the login that works today will need it."""

    ISSUER_CHANGED = "issuer_changed", "issuer", "last", "options"
    """The server names another authorization server than at the last login, which cannot be used any more."""

    LOGIN_OFFERED = "login_offered", "way"
    """The server offers a login that could work, but a token or a key is configured instead; `way` leads to it."""

    # The credential

    NONE_CONFIGURED = ("none_configured",)
    """The settings say that there is no credential."""

    NO_LOGIN = ("no_login",)
    """A login is configured, and there is none in the store."""

    LOGIN_ENDED = "login_ended", "why"
    """The authorization server has ended the login, or it expired and cannot be renewed."""

    RENEWAL_REFUSED = "renewal_refused", "reason"
    """The authorization server has refused so many renewals in a row that only a login can help."""

    CLIENT_FORGOTTEN = "client_forgotten", "authority"
    """The authorization server no longer knows the client that the login was made with (`--register`)."""

    OTHER_ACCOUNT = "other_account", "account", "expected"
    """The login is of another account than the one that the configuration expects."""

    FROM_LOGIN = "from_login", "authority"
    """The credential that the server refused is the token of a login."""

    FROM_MACHINE = ("from_machine",)
    """The credential that the server refused is a token that the bridge obtained without a person."""

    FROM_CONFIGURATION = ("from_configuration",)
    """The credential that the server refused is in the configuration, or in a place that it names."""

    TOKEN_EXPIRED = "token_expired", "what", "remedy", "when"
    """The server refuses a token that has expired."""

    EXPIRED_EARLY = "expired_early", "what", "remedy", "left"
    """The server says that a token has expired which by this machine's clock has not."""

    NOT_YET_VALID = "not_yet_valid", "what", "remedy", "when"
    """The server refuses a token that by this machine's clock is not valid yet."""

    WRONG_AUDIENCE = "wrong_audience", "what", "remedy", "audience", "resource"
    """The server says that a token has the wrong audience, which does not name the server."""

    AUDIENCE_DISPUTED = "audience_disputed", "what", "remedy", "audience"
    """The server says that a token has the wrong audience, which names the server."""

    TOKEN_OF_ANOTHER_SERVICE = "token_of_another_service", "what", "remedy", "host", "issuer"
    """The server refuses a token whose audience is the host of another service."""

    TOKEN_ISSUER_UNKNOWN = "token_issuer_unknown", "what", "remedy", "issuer"
    """The server says that it does not know the issuer of a token."""

    NOT_A_TOKEN = "not_a_token", "what", "remedy", "reason"
    """The server refuses something that is a placeholder, a part of a token, or unreadable to it."""

    SCOPE_MISSING = "scope_missing", "what", "remedy", "scopes"
    """The server names scopes that the token lacks."""

    TOKEN_REFUSED = "token_refused", "what", "remedy", "says", "reason"
    """The server refuses a credential, and nothing shows with certainty why."""

    FRESHLY_ISSUED = ("freshly_issued",)
    """The token that the server refused is so new that another one would not help."""

    ACCEPTED = ("accepted",)
    """The server serves a request with the credential, and refuses one without it."""

    # The client

    ENTRY_FILE_INVALID = "entry_file_invalid", "client", "file", "error", "reload"
    """A client cannot parse its configuration file, in which this bridge or this server is named."""

    ENTRY_COMMAND_MISSING = "entry_command_missing", "client", "file", "command", "entry", "reload"
    """The command of an entry does not exist; `entry` is one for this bridge, in JSON."""

    ENTRY_COMMAND_HIDDEN = "entry_command_hidden", "client", "file", "command", "path", "reload"
    """The command of an entry is on the terminal's PATH, at `path`, and not on that of a program from a dock."""

    ENTRY_FAILS = "entry_fails", "client", "file", "error"
    """An entry, started as its client starts it, does not serve its client."""

    ENTRY_FAILS_THERE = "entry_fails_there", "client", "file", "error", "hint"
    """The server works from this terminal, but the bridge answers with an error as the client starts it."""

    ENTRY_SLOW = "entry_slow", "client", "file", "seconds"
    """An entry that may download the bridge at its start was not ready in time."""

    ENTRY_LACKS_VARIABLE = "entry_lacks_variable", "client", "file", "variable"
    """The bridge reads a variable that is set in this terminal, and that the client does not pass on."""

    ENTRY_UNEXPANDED = "entry_unexpanded", "client", "file", "variable"
    """An entry has a variable in a form that its client does not replace with its value."""

    ENTRY_PLACEHOLDER = "entry_placeholder", "client", "file", "name"
    """A value in an entry was never filled in."""

    ENTRY_DISABLED = "entry_disabled", "client", "file"
    """The only entry for this server is switched off."""

    ENTRY_OF_ANOTHER_URL = "entry_of_another_url", "client", "file", "other"
    """No entry is for this server, but one is for a URL or name that looks almost the same."""

    ENTRY_HOLDS_SECRET = "entry_holds_secret", "client", "file", "name"
    """An entry holds a secret in plain text."""

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
