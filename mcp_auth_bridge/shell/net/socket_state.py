"""The other side of a connection: its state as the kernel and the TLS layer know it, and how it learns of the end."""

import contextlib
import select
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


def readable_check(sock: socket.socket) -> Callable[[], Sequence[object]]:
    """A function whose result is not empty if bytes, the end or an error wait in the kernel.

    Call it while `sock` is open.
    """
    if sys.platform == "win32":
        return lambda: select.select([sock], [], [], 0)[0]
    poller = select.poll()  # unlike select it takes file descriptors above 1023
    poller.register(sock, select.POLLIN)
    return partial(poller.poll, 0)


_LINGER = "hh" if sys.platform == "win32" else "ii"  # struct linger: whether, and for how many seconds
_TCP_INFO_SIZE = 128
_BYTES_ACKED = slice(120, 128)  # tcpi_bytes_acked in struct tcp_info, linux/tcp.h (since Linux 4.1)


class Receipt:
    """The acknowledgement of a request by the peer's kernel. `expect` it before the request is written.

    A peer acknowledges all that it has received with the end that it sends. So if the receipt is missing when the end
    comes, the peer had received nothing of the request when it ended the connection.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        # What the system told before the request was written.
        self._before = b""

    def expect(self) -> None:
        """A request is going to be written."""
        self._before = self._told()

    def forget(self) -> None:
        """Let nothing be known of the request any more."""
        self._before = b""

    def is_missing(self) -> bool:
        """Whether the peer has certainly acknowledged nothing. Only Linux can tell."""
        before = self._before[_BYTES_ACKED]
        return before.strip(b"\0") != b"" and self._told()[_BYTES_ACKED] == before

    def _told(self) -> bytes:
        """The state of the connection: how many bytes the peer's kernel has acknowledged so far, and the SYN.

        b"" or zeros where the system does not tell. There is one such look for each request.
        """
        if sys.platform != "linux":
            return b""
        try:
            return self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
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
