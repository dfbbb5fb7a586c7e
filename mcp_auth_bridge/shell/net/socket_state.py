"""The other side of a connection, as far as the kernel and the TLS layer know it."""

import select
import socket
import ssl
import sys


def is_readable(sock: socket.socket) -> bool:
    """Whether bytes, the end or an error wait in the kernel."""
    if sys.platform == "win32":
        return bool(select.select([sock], [], [], 0)[0])
    poller = select.poll()  # unlike select it takes file descriptors above 1023
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(0))


def is_orderly_end(tls: ssl.SSLObject | None) -> bool:
    """Whether the peer itself ended the connection; over plain TCP (None) every end counts as one."""
    try:
        return tls is None or tls.read(1) == b""  # after close_notify OpenSSL reads nothing, without it wants more
    except ssl.SSLError:
        return False
