"""The owner of each socket, by the bytes of macOS's table."""

import struct
from ipaddress import ip_address

from mcp_auth_bridge.shell.browser import darwin_sockets

BROWSER, BRIDGE = ("127.0.0.1", 50000), ("127.0.0.1", 8080)
BROWSER6, BRIDGE6 = ("::1", 50001), ("::1", 8080)


def darwin_record(kind, body):
    record = struct.pack("=II", 8 + len(body), kind) + body
    return record + bytes(-len(record) % 8)


def darwin_rows(local, remote, uid):
    """One socket as XNU writes it, with other records around the two that matter."""
    is_v6 = ":" in local[0]
    there, here = (ip_address(end[0]).packed.rjust(16, b"\0") for end in (remote, local))
    ports = struct.pack(">HH", remote[1], local[1])
    inpcb = bytes(8) + ports + bytes(24) + bytes([0x2 if is_v6 else 0x1, 64, 0, 0]) + there + here + bytes(24)
    owner = bytes(56) + struct.pack("=I", uid) + bytes(8)
    rest = [(0x002, bytes(20)), (0x004, bytes(20)), (0x008, bytes(128)), (0x020, bytes(196))]
    return b"".join(darwin_record(*record) for record in ((0x010, inpcb), (0x001, owner), *rest))


def test_the_table_of_macos_tells_the_user_of_each_end():
    generation = struct.pack("=II", 24, 3) + bytes(16)
    rows = [(BRIDGE, BROWSER, 501), (BROWSER, BRIDGE, 502), (BROWSER6, BRIDGE6, 503)]
    table = generation + b"".join(darwin_rows(*row) for row in rows) + generation
    found = darwin_sockets.parse(table)
    assert found == {(local, remote): uid for local, remote, uid in rows}
    for end in range(len(table)):  # a table that is cut off anywhere tells less, and nothing wrong
        assert darwin_sockets.parse(table[:end]).items() <= found.items()
