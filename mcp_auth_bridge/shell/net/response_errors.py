"""Errors of a response that did not come, or that is not valid HTTP/1.1. `peer` is the server's name in them."""

from mcp_auth_bridge.errors import TRY_AGAIN, LimitExceeded, OutcomeUnknown, TheirProtocolError, Unreachable
from mcp_auth_bridge.shell.net.connect_errors import ConnectFailed, Fault


def cut_error(peer: str, *, begun: bool) -> OutcomeUnknown:
    """The connection ended before the response did; `begun` is whether its head had been read."""
    when = "before its response was complete" if begun else "before it answered"
    hint = "the request may have been carried out: look before you repeat it"
    return OutcomeUnknown(f"{peer} ended the connection {when}", hint)


def crossed_error(peer: str) -> Unreachable:
    """The peer ended the connection before it had received a byte of the request."""
    return Unreachable(f"{peer} ended the connection while the request was on its way", TRY_AGAIN)


def missing_certificate_error(peer: str) -> ConnectFailed:
    hint = 'write client_certificate = "…" into the server\'s network table'
    return ConnectFailed(f"{peer} wants a client certificate (TLS)", hint, fault=Fault.CLIENT_CERTIFICATE)


def two_lengths_error(peer: str) -> TheirProtocolError:
    """RFC 9112 section 6.3: such a response ought to be handled as an error, because intermediaries differ on it."""
    hint = "something between here and the server may be forging responses: contact the server's operator"
    return TheirProtocolError(f"{peer} sent a response that gives its length in two ways", hint)


class NotHttp(TheirProtocolError):
    """What came does not even begin like a response of HTTP/1."""


class Http2Only(TheirProtocolError):
    """The server speaks HTTP/2 and nothing else."""


def malformed_error(peer: str, *, is_http: bool) -> TheirProtocolError:
    """`is_http` is whether it begins like a response of HTTP/1 (RFC 9112 section 4)."""
    message = f"{peer} sent a response that is not valid HTTP/1.1"
    if is_http:
        return TheirProtocolError(message, "contact the server's operator: it, or a proxy in front of it, has a fault")
    return NotHttp(message, "check the url and its port: perhaps no web server listens there")


def spoke_tls_error(peer: str) -> TheirProtocolError:
    """The response to a plain-text request was a TLS alert."""
    return TheirProtocolError(f"{peer} speaks TLS, but its url says http://", "write https:// in its url")


def spoke_http_2_error(peer: str) -> Http2Only:
    """The response was a frame of HTTP/2 (RFC 9113 section 3.4)."""
    hint = "the server's operator has to allow HTTP/1.1, at the server or at a proxy in front of it"
    return Http2Only(f"{peer} speaks HTTP/2 only, and the bridge speaks HTTP/1.1", hint)


def large_head_error(peer: str, limit: int) -> LimitExceeded:
    """`limit` is in bytes."""
    return LimitExceeded(f"{peer} sent a response with more than {limit} bytes of headers")


def interim_error(peer: str, limit: int) -> TheirProtocolError:
    return TheirProtocolError(f"{peer} sent more than {limit} interim responses")
