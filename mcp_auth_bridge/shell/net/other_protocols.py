"""What a server sends if it is not HTTP/1.1 that it speaks: TLS, HTTP/2, or something else."""

import re

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.shell.net import response_errors
from mcp_auth_bridge.shell.net.response_head import HEAD_LIMIT, HTTP_1

_HTTP_2_FRAME = rb"(?s)\0..[\x04\x07].\0{4}"  # RFC 9113 section 4.1, on the stream 0
_TLS_ALERT = b"\x15\x03"  # the beginning of a record (RFC 8446 section 5.1)


def is_http_2(received: bytes) -> bool:
    """Whether a SETTINGS or GOAWAY frame came in place of a response: nothing more follows it."""
    return received != b"" and re.match(_HTTP_2_FRAME, received) is not None


def other_protocol_error(peer: str, received: bytes) -> BridgeError | None:
    """Why what came is not a response that the bridge reads, None if it may be the beginning of one.

    `peer` is the server's name.
    """
    if is_http_2(received):
        return response_errors.spoke_http_2_error(peer)
    begun = received.lstrip(b"\r\n")[: len(HTTP_1)]
    if begun and not HTTP_1.startswith(begun):  # such as the greeting of an SSH server
        return response_errors.malformed_error(peer, is_http=False)
    return response_errors.large_head_error(peer, HEAD_LIMIT) if len(received) > HEAD_LIMIT else None


def is_tls_alert(received: bytes) -> bool:
    """Whether a server of TLS refuses what was not TLS."""
    return received.startswith(_TLS_ALERT)
