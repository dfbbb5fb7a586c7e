"""Why a connection failed: errors of the operating system and of OpenSSL as a sentence and a hint."""

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_auth_bridge.errors import Unreachable, quoted, unclear

_CA_HINT = "if it is signed by your organisation's own CA, write ca_file = \"…\" into the server's network table"
_CLOCK_HINT = "the server's operator has to renew it, unless this machine's clock is wrong"

# X509_V_ERR_… of OpenSSL, x509_vfy.h
_CERTIFICATES = {
    9: ("the certificate of {} is not valid yet", _CLOCK_HINT),
    10: ("the certificate of {} has expired", _CLOCK_HINT),
    18: ("the certificate of {} is self-signed", _CA_HINT),
    19: ("the certificate of {} has an unknown issuer", _CA_HINT),
    20: ("the certificate of {} has an unknown issuer", _CA_HINT),
    21: ("the certificate of {} has an unknown issuer", _CA_HINT),
    62: ("the certificate of {} is for another host", "check the host name in the url"),
    64: ("the certificate of {} is for another host", "write the host's name into the url, not its address"),
}

_OLD = ("{} offers no TLS version that is still safe", "the server's operator has to enable TLS 1.2 or newer")
_PLAIN = ("{} does not speak TLS at this port", "check the port in the url")

_NO_TERMS = (
    "{} broke off the TLS handshake",
    'the server may want a client certificate: write client_certificate = "…" into the server\'s network table',
)

_HTTP_2 = (
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

_NO_ROUTE = ("there is no route to {}", "check the network and VPN")
_FULL = ("no connection to {}: this process has too many open files", "raise the limit (ulimit -n)")
_HUNG_UP = ("{} hung up while the connection was made", "check the port in the url, and any firewall in between")
_UNKNOWN_NAME = ("the host name of {} is not known (DNS)", "check the host name in the url, and that your VPN is on")
_NAME_SERVER = ("no name server answered for {} (DNS)", "check the network and VPN")

_SILENT = ("{} does not answer", "check the network and VPN")

_SYSTEM = {
    errno.ECONNREFUSED: ("{} refuses connections", "check the port in the url, and that the server runs"),
    errno.ETIMEDOUT: _SILENT,
    errno.EHOSTUNREACH: _NO_ROUTE,
    errno.ENETUNREACH: _NO_ROUTE,
    errno.EADDRNOTAVAIL: _NO_ROUTE,
    errno.EINVAL: _NO_ROUTE,  # a blackhole route
    errno.EMFILE: _FULL,
    errno.ENFILE: _FULL,
    errno.ECONNRESET: _HUNG_UP,
    errno.ECONNABORTED: _HUNG_UP,
    errno.EPIPE: _HUNG_UP,
}

_UNCLEAR = {_CA_HINT, _NO_TERMS[1], _SILENT[1], ""}
"""The hints of errors that may have several causes: a proxy that intercepts TLS, a firewall, the server itself."""


@contextmanager
def translate_errors(place: str) -> Iterator[None]:
    """Raise errors of the connection attempt inside as `Unreachable`, with `place` as the name of the other side."""
    try:
        yield
    except TimeoutError:
        raise  # the deadline covers all steps, and its own message names them
    except (OSError, UnicodeError) as error:  # a host name that cannot be encoded is a UnicodeError
        sentence, hint = _reason(error)
        failed = Unreachable(sentence.format(place), hint)
        raise unclear(failed) if hint in _UNCLEAR else failed from None


def _reason(error: OSError | UnicodeError) -> tuple[str, str]:  # noqa: PLR0911 - a table with one row per return
    """A sentence with a {} for the place, and a hint."""
    match error:
        case ssl.SSLCertVerificationError(verify_code=int(code)) if code in _CERTIFICATES:
            return _CERTIFICATES[code]
        case ssl.SSLCertVerificationError():
            return f"the certificate of {{}} was refused: {_literal(error.verify_message)}", _CA_HINT
        case ssl.SSLError(reason=reason):
            fallback = (f"no TLS connection to {{}}: {_literal(reason or error.strerror or 'handshake failed')}", "")
            return _HANDSHAKES.get(reason or _spelled_out(error.strerror), fallback)
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
            return (
                "{} refuses connections or has no route, at each of its addresses",
                "check the url, and that the server runs",
            )
    return f"{{}} cannot be reached: {_literal(error.strerror or type(error).__name__)}", ""


def _spelled_out(text: str | None) -> str:
    """The name of a reason that Python has none for, from OpenSSL's own text: `[SSL] … alert … (_ssl.c:1006)`."""
    found = re.fullmatch(r"\[\w+\] ([\w ]+) \(.*\)", text or "")
    return found[1].upper().replace(" ", "_") if found else ""


def _literal(text: str) -> str:
    return quoted(text).replace("{", "{{").replace("}", "}}")
