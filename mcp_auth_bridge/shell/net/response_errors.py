"""Errors of a response that did not come, or that cannot be read as HTTP/1.1. `peer` is the server's name in them."""

from mcp_auth_bridge.errors import LimitExceeded, OutcomeUnknown, TheirProtocolError, Unreachable


def cut_error(peer: str, *, begun: bool) -> OutcomeUnknown:
    """The connection ended before the end of the response, of which the head was `begun` to be read or not."""
    when = "before its answer was whole" if begun else "before it answered"
    hint = "the request may have been carried out: look before you repeat it"
    return OutcomeUnknown(f"{peer} ended the connection {when}", hint)


def missing_certificate_error(peer: str) -> Unreachable:
    hint = 'write client_certificate = "…" into the server\'s network table'
    return Unreachable(f"{peer} wants a client certificate (TLS)", hint)


def two_lengths_error(peer: str) -> TheirProtocolError:
    """RFC 9112 section 6.3: such a response ought to be handled as an error, because intermediaries differ on it."""
    hint = "something between here and the server may be forging answers: contact the server's operator"
    return TheirProtocolError(f"{peer} sent an answer whose length is said in two ways", hint)


def malformed_error(peer: str) -> TheirProtocolError:
    hint = "check the url and its port: perhaps no web server listens there"
    return TheirProtocolError(f"{peer} sent an answer that is not valid HTTP/1.1", hint)


def spoke_tls_error(peer: str) -> TheirProtocolError:
    """The response to a request in plain text was a TLS alert."""
    return TheirProtocolError(f"{peer} speaks TLS and was spoken to without", "write https:// in its url")


def large_head_error(peer: str, limit: int) -> LimitExceeded:
    """`limit` is in bytes."""
    return LimitExceeded(f"{peer} sent an answer with more than {limit} bytes of headers")


def interim_error(peer: str, limit: int) -> TheirProtocolError:
    return TheirProtocolError(f"{peer} sent more than {limit} interim answers")
