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

    OPEN_TO_THE_NETWORK = ("open_to_the_network",)
    """Somebody on the way may have answered in the server's place: the request goes out without TLS."""

    SILENT = "silent", "seconds"
    """The server takes a request and does not answer."""

    CUT_OFF = ("cut_off",)
    """The connection ends without a response after a request was sent."""

    NOT_HTTP = ("not_http",)
    """What answers does not speak HTTP."""

    HTTPS_PORT = ("https_port",)
    """The URL says http, and the port speaks TLS."""

    PORTAL = ("portal",)
    """The network wants a login of its own (HTTP 511)."""

    MOVED = "moved", "place"
    """The server is at another URL."""

    SENT_ELSEWHERE = "sent_elsewhere", "place"
    """Requests are redirected to a page at another place, which does not look like a login page."""

    SENT_TO_LOGIN = "sent_to_login", "place"
    """Requests, with all that can be presented, are redirected to a login page."""

    SCHEME_LOST = ("scheme_lost",)
    """The server redirects https to http, and so to itself."""

    REDIRECTS_IN_VAIN = "redirects_in_vain", "whither"
    """The server redirects in a circle, or to nowhere."""

    NOT_MCP = "not_mcp", "status"
    """There is no MCP endpoint at this URL: 404, 405, 410 or 501."""

    WEB_PAGE = "web_page", "says"
    """A page for people answers a message."""

    ENDPOINT_FOUND = "endpoint_found", "endpoint"
    """The server speaks MCP at another URL, by its metadata or by its answer there."""

    HOST_REFUSED = "host_refused", "says"
    """The server does not answer to this host name."""

    FORBIDDEN = "forbidden", "says"
    """The server refuses a request in its own words (403), with all that can be presented."""

    FORBIDDEN_BY_PAGE = "forbidden_by_page", "says", "gateway"
    """A web page refuses a request (403), with all that can be presented."""

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
