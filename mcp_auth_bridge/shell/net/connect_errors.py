"""Why a connection failed: errors of the operating system and of OpenSSL as a sentence and a hint."""

import enum
import errno
import re
import socket
import sys
from typing import NamedTuple

from mcp_auth_bridge.errors import Unreachable, quoted


class Fault(enum.StrEnum):
    """The kinds of fault for which a connection fails."""

    NAME_UNKNOWN = "name_unknown"
    NAME_SERVER_SILENT = "name_server_silent"
    REFUSED = "refused"
    """The host is there, and nothing listens at the port."""
    SILENT = "silent"
    """It is neither accepted nor refused."""
    NO_ROUTE = "no_route"
    FORBIDDEN = "forbidden"
    """This machine does not allow it."""
    TOO_MANY_FILES = "too_many_files"
    """This process may not open another socket."""
    HUNG_UP = "hung_up"
    """It was accepted, and ended before it was ready."""
    PROXY_WANTS_LOGIN = "proxy_wants_login"
    PROXY_REFUSES = "proxy_refuses"
    PROXY_FAILS = "proxy_fails"
    """The proxy itself could not reach the server, or did not answer."""
    NOT_YET_VALID = "certificate_not_yet_valid"
    EXPIRED = "certificate_expired"
    SELF_SIGNED = "certificate_self_signed"
    UNKNOWN_ISSUER = "certificate_unknown_issuer"
    OTHER_HOST = "certificate_other_host"
    CERTIFICATE_REFUSED = "certificate_refused"
    OLD_TLS = "old_tls"
    NOT_TLS = "not_tls"
    HTTP_2_ONLY = "http_2_only"
    BROKEN_OFF = "handshake_broken_off"
    """The server sent the TLS alert `handshake_failure`, which has many causes."""
    CLIENT_CERTIFICATE = "client_certificate_wanted"
    OTHER = "other"


_UNCLEAR = (
    Fault.SILENT,
    Fault.SELF_SIGNED,
    Fault.UNKNOWN_ISSUER,
    Fault.CERTIFICATE_REFUSED,
    Fault.BROKEN_OFF,
)
"""They may have several causes: a firewall, a proxy that intercepts TLS, the server itself."""


OF_CERTIFICATES = frozenset(
    (
        Fault.NOT_YET_VALID,
        Fault.EXPIRED,
        Fault.SELF_SIGNED,
        Fault.UNKNOWN_ISSUER,
        Fault.OTHER_HOST,
        Fault.CERTIFICATE_REFUSED,
    )
)
"""The faults of a server's certificate."""


class ConnectFailed(Unreachable):
    """A connection could not be made. `fault` is the kind of the reason."""

    def __init__(self, message: str, hint: str = "", *, fault: Fault) -> None:
        super().__init__(message, hint)
        self.fault = fault
        self.has_unclear_cause = fault in _UNCLEAR or not hint


class _Reason(NamedTuple):
    """The sentence has a {} for the place."""

    fault: Fault
    sentence: str
    hint: str


_CA_HINT = "if it is signed by your organisation's own CA, write ca_file = \"…\" into the server's network table"
_CLOCK_HINT = "the server's operator has to renew it, unless this machine's clock is wrong"

_UNKNOWN_ISSUER = _Reason(Fault.UNKNOWN_ISSUER, "the certificate of {} has an unknown issuer", _CA_HINT)
_OTHER_HOST = "the certificate of {} is for another host"

# X509_V_ERR_… of OpenSSL, x509_vfy.h
_CERTIFICATES = {
    9: _Reason(Fault.NOT_YET_VALID, "the certificate of {} is not valid yet", _CLOCK_HINT),
    10: _Reason(Fault.EXPIRED, "the certificate of {} has expired", _CLOCK_HINT),
    18: _Reason(Fault.SELF_SIGNED, "the certificate of {} is self-signed", _CA_HINT),
    19: _UNKNOWN_ISSUER,
    20: _UNKNOWN_ISSUER,
    21: _UNKNOWN_ISSUER,
    62: _Reason(Fault.OTHER_HOST, _OTHER_HOST, "check the host name in the url"),
    64: _Reason(Fault.OTHER_HOST, _OTHER_HOST, "write the host's name into the url, not its address"),
}

_OLD = _Reason(
    Fault.OLD_TLS,
    "{} offers no TLS version that is still safe",
    "the server's operator has to enable TLS 1.2 or newer",
)
_PLAIN = _Reason(Fault.NOT_TLS, "{} does not speak TLS at this port", "check the port in the url")

_NO_TERMS = _Reason(
    Fault.BROKEN_OFF,
    "{} broke off the TLS handshake",
    'the server may want a client certificate: write client_certificate = "…" into the server\'s network table',
)

_HTTP_2 = _Reason(
    Fault.HTTP_2_ONLY,
    "{} speaks HTTP/2 only, and the bridge speaks HTTP/1.1",
    "the server's operator has to allow HTTP/1.1, at the server or at a proxy in front of it",
)

# OpenSSL's reason codes by name
_HANDSHAKES = {
    "WRONG_VERSION_NUMBER": _PLAIN,
    "HTTP_REQUEST": _PLAIN,
    "RECORD_LAYER_FAILURE": _PLAIN,
    "UNSUPPORTED_PROTOCOL": _OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD,
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": _HTTP_2,  # no common protocol in ALPN (RFC 7301 section 3.2)
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _NO_TERMS,  # TLS 1.2 for a missing certificate, and for much else
}

_NO_ROUTE = _Reason(Fault.NO_ROUTE, "there is no route to {}", "check the network and VPN")
_FORBIDDEN = _Reason(
    Fault.FORBIDDEN,
    "this machine does not allow a connection to {}",
    "check its firewall, and the sandbox of the program that started the bridge",
)
_FULL = _Reason(
    Fault.TOO_MANY_FILES, "no connection to {}: this process has too many open files", "raise the limit (ulimit -n)"
)
_HUNG_UP = _Reason(
    Fault.HUNG_UP,
    "{} hung up while the connection was made",
    "check the port in the url, and any firewall in between",
)
_UNKNOWN_NAME = _Reason(
    Fault.NAME_UNKNOWN,
    "the host name of {} is not known (DNS)",
    "check the host name in the url, and that your VPN is on",
)
_NAME_SERVER = _Reason(Fault.NAME_SERVER_SILENT, "no name server answered for {} (DNS)", "check the network and VPN")

_SYSTEM = {
    errno.ECONNREFUSED: _Reason(
        Fault.REFUSED, "{} refuses connections", "check the port in the url, and that the server runs"
    ),
    errno.ETIMEDOUT: _Reason(Fault.SILENT, "{} does not answer", "check the network and VPN"),
    errno.EHOSTUNREACH: _NO_ROUTE,
    errno.ENETUNREACH: _NO_ROUTE,
    errno.EADDRNOTAVAIL: _NO_ROUTE,
    errno.EINVAL: _NO_ROUTE,  # a blackhole route
    errno.EPERM: _FORBIDDEN,  # a firewall of Linux, or a sandbox
    errno.EACCES: _FORBIDDEN,
    errno.EMFILE: _FULL,
    errno.ENFILE: _FULL,
    errno.ECONNRESET: _HUNG_UP,
    errno.ECONNABORTED: _HUNG_UP,
    errno.EPIPE: _HUNG_UP,
}


def connect_error(error: OSError | UnicodeError, place: str) -> ConnectFailed:
    """The error that says why no connection to `place` could be made."""
    reason = _reason(error)
    return ConnectFailed(reason.sentence.format(place), reason.hint, fault=reason.fault)


def _reason(error: OSError | UnicodeError) -> _Reason:
    return _tls_reason(error) or _system_reason(error)


def _tls_reason(error: OSError | UnicodeError) -> _Reason | None:
    if "ssl" not in sys.modules:  # no TLS has begun; and an import needs a file descriptor, which may be missing here
        return None
    import ssl  # not for plain TCP

    match error:
        case ssl.SSLCertVerificationError(verify_code=int(code)) if code in _CERTIFICATES:
            return _CERTIFICATES[code]
        case ssl.SSLCertVerificationError():
            sentence = f"the certificate of {{}} was refused: {_literal(error.verify_message)}"
            return _Reason(Fault.CERTIFICATE_REFUSED, sentence, _CA_HINT)
        case ssl.SSLError(reason=reason):
            sentence = f"no TLS connection to {{}}: {_literal(reason or error.strerror or 'handshake failed')}"
            fallback = _Reason(Fault.OTHER, sentence, "")
            return _HANDSHAKES.get(reason or _spelled_out(error.strerror), fallback)
    return None


def _system_reason(error: OSError | UnicodeError) -> _Reason:
    match error:
        case socket.gaierror(errno=socket.EAI_AGAIN | socket.EAI_FAIL):
            return _NAME_SERVER
        case socket.gaierror() | UnicodeError():
            return _UNKNOWN_NAME
        case OSError(errno=int(number)) if number in _SYSTEM:
            return _SYSTEM[number]
        case ConnectionError(errno=None):
            return _HUNG_UP
        case OSError(errno=None):
            # Several addresses, each with its own error: asyncio keeps only their text.
            return _Reason(
                Fault.OTHER,
                "{} refuses connections or has no route, at each of its addresses",
                "check the url, and that the server runs",
            )
    return _Reason(Fault.OTHER, f"{{}} cannot be reached: {_literal(error.strerror or type(error).__name__)}", "")


def _spelled_out(text: str | None) -> str:
    """The name of a reason that Python has none for, from OpenSSL's own text: `[SSL] … alert … (_ssl.c:1006)`."""
    found = re.fullmatch(r"\[\w+\] ([\w ]+) \(.*\)", text or "")
    return found[1].upper().replace(" ", "_") if found else ""


def _literal(text: str) -> str:
    return quoted(text).replace("{", "{{").replace("}", "}}")
