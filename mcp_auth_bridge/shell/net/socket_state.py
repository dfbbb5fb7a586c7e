"""The other side of a connection: its state as the kernel and the TLS layer know it, and how it learns of the end."""

import contextlib
import select
import socket
import struct
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


def readable_check(sock: socket.socket) -> Callable[[], bool]:
    """A function that tells whether bytes, the end or an error wait in the kernel. Call it while `sock` is open."""
    if sys.platform == "win32":
        return lambda: bool(select.select([sock], [], [], 0)[0])
    poller = select.poll()  # unlike select it takes file descriptors above 1023
    poller.register(sock, select.POLLIN)
    return lambda: bool(poller.poll(0))


_LINGER = "hh" if sys.platform == "win32" else "ii"  # struct linger: whether, and for how many seconds
_TCP_INFO_SIZE = 128
_BYTES_ACKED = slice(120, 128)  # tcpi_bytes_acked in struct tcp_info, linux/tcp.h (since Linux 4.1)


class Receipt:
    """The acknowledgement of a request by the peer's kernel. Make it before the request is written.

    A peer acknowledges all that it has received with the end that it sends. So if the receipt is missing when the end
    comes, the peer had received nothing of the request when it ended the connection.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._before = _acknowledged_bytes(sock)

    def is_missing(self) -> bool:
        """Whether the peer has certainly acknowledged nothing. Only Linux can tell."""
        return self._before.strip(b"\0") != b"" and _acknowledged_bytes(self._socket) == self._before


def _acknowledged_bytes(sock: socket.socket) -> bytes:
    """How many bytes the peer's kernel has acknowledged so far, and the SYN, as the system writes that number.

    b"" or zeros where the system does not tell. There is one such look for each request.
    """
    if sys.platform != "linux":
        return b""
    try:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)[_BYTES_ACKED]
    except OSError:  # the socket is closed already
        return b""


def reset_at_end(sock: socket.socket) -> None:
    """Let the end of the connection be a reset: the peer, which is still sending, notices it with its next write."""
    with contextlib.suppress(OSError):  # it has ended already
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))


def is_orderly_end(tls: "ssl.SSLObject | None") -> bool:
    """Whether the peer itself ended the connection; over plain TCP (None) every end counts as one."""
    if tls is None:
        return True
    import ssl  # it is there: a start over plain TCP needs none

    try:
        return tls.read(1) == b""  # after close_notify OpenSSL reads nothing, without it wants more
    except ssl.SSLError:
        return False
