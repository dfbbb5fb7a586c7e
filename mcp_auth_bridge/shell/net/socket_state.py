"""The other side of a connection: what the kernel and the TLS layer know of it, and how it learns of the end."""

import contextlib
import select
import socket
import ssl
import struct
import sys


def is_readable(sock: socket.socket) -> bool:
    """Whether bytes, the end or an error wait in the kernel."""
    if sys.platform == "win32":
        return bool(select.select([sock], [], [], 0)[0])
    poller = select.poll()  # unlike select it takes file descriptors above 1023
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(0))


_LINGER = "hh" if sys.platform == "win32" else "ii"  # struct linger: whether, and for how many seconds
_TCP_INFO_SIZE = 128
_BYTES_ACKED = slice(120, 128)  # tcpi_bytes_acked in struct tcp_info, linux/tcp.h (since Linux 4.1)


def acknowledged_bytes(sock: socket.socket) -> int:
    """How many bytes the peer's kernel has acknowledged so far (and the SYN), 0 where the system does not tell.

    Only Linux tells. A peer acknowledges all that it has received with the end that it sends: if the number is still
    that from before a request, the peer had received nothing of that request when it ended the connection.
    """
    info = b""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # the socket is closed already
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    return int.from_bytes(info[_BYTES_ACKED], sys.byteorder)


def reset_at_end(sock: socket.socket) -> None:
    """Let the end of the connection be a reset: the peer, which is still sending, notices it with its next write."""
    with contextlib.suppress(OSError):  # it has ended already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))


def is_orderly_end(tls: ssl.SSLObject | None) -> bool:
    """Whether the peer itself ended the connection; over plain TCP (None) every end counts as one."""
    try:
        return tls is None or tls.read(1) == b""  # after close_notify OpenSSL reads nothing, without it wants more
    except ssl.SSLError:
        return False
