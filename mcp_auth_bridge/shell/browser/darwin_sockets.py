"""macOS's table of TCP sockets, each with its user: `net.inet.tcp.pcblist_n`, which every user may read (as netstat).

After a head, each socket is a run of records, each of which begins with its length and kind and is padded to eight
bytes (XNU, bsd/netinet/in_pcblist.c, bsd/sys/socketvar.h): `xinpcb_n`, which holds the two ends, comes before
`xsocket_n`, which holds the user.
"""

import struct
from collections.abc import Iterator, Mapping
from ipaddress import ip_address

from mcp_auth_bridge.shell.browser.connection_end import End

_NAME = b"net.inet.tcp.pcblist_n"
_HEAD = struct.Struct("=II")  # length, kind
_SOCKET, _INPCB = 0x001, 0x010
_PORTS = struct.Struct(">HH")  # foreign, local
_PORTS_AT, _FLAGS_AT, _FOREIGN_AT, _LOCAL_AT, _INPCB_LENGTH = 16, 44, 48, 64, 80
_IPV4 = 0x1
_USER = struct.Struct("=I")
_USER_AT, _SOCKET_LENGTH = 64, 68


def sockets() -> Mapping[tuple[End, End], int]:
    """The user of each TCP socket, by its own end and its peer's; empty where the kernel does not tell."""
    return parse(_read_table())


def parse(table: bytes) -> Mapping[tuple[End, End], int]:
    """As `sockets`, from the bytes of the `table`."""
    found, ends = {}, None
    for kind, record in _records(table):
        if kind == _INPCB and len(record) >= _INPCB_LENGTH:
            ends = _ends(record)
        elif kind == _SOCKET and len(record) >= _SOCKET_LENGTH and ends is not None:
            found[ends], ends = _USER.unpack_from(record, _USER_AT)[0], None
    return found


def _records(table: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEAD.size <= len(table):
        length, kind = _HEAD.unpack_from(table, at)
        if length < _HEAD.size:
            return
        if at:  # the first is the table's own head
            yield kind, table[at : at + length]
        at += (length + 7) // 8 * 8


def _ends(record: bytes) -> tuple[End, End]:
    foreign, local = _PORTS.unpack_from(record, _PORTS_AT)
    skipped = 12 if record[_FLAGS_AT] & _IPV4 else 0  # an IPv4 address fills the last bytes of the IPv6 field
    theirs = record[_FOREIGN_AT + skipped : _FOREIGN_AT + 16]
    ours = record[_LOCAL_AT + skipped : _LOCAL_AT + 16]
    return (str(ip_address(ours)), local), (str(ip_address(theirs)), foreign)


def _read_table() -> bytes:
    import ctypes

    call = ctypes.CDLL(None).sysctlbyname
    call.argtypes = (
        *(ctypes.c_char_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t)),
        *(ctypes.c_void_p, ctypes.c_size_t),
    )
    size = ctypes.c_size_t()
    if call(_NAME, None, ctypes.byref(size), None, 0) != 0:
        return b""
    buffer = ctypes.create_string_buffer(size.value)  # the kernel adds room for sockets that are opened meanwhile
    if call(_NAME, buffer, ctypes.byref(size), None, 0) != 0:
        return b""
    return buffer.raw[: size.value]
