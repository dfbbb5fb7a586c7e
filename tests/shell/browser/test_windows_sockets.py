"""The process of each connection, by the bytes of Windows' tables."""

import struct
from ipaddress import ip_address

import pytest

from mcp_auth_bridge.shell.browser import windows_sockets

BROWSER, BRIDGE = ("127.0.0.1", 50000), ("127.0.0.1", 8080)
BROWSER6, BRIDGE6 = ("::1", 50001), ("::1", 8080)


def windows_row(local, remote, process):
    def port(end):
        return struct.pack(">HH", end[1], 0)

    here, there = (ip_address(end[0]).packed for end in (local, remote))
    if ":" in local[0]:
        return here + bytes(4) + port(local) + there + bytes(4) + port(remote) + struct.pack("<II", 5, process)
    return struct.pack("<I", 5) + here + port(local) + there + port(remote) + struct.pack("<I", process)


@pytest.mark.parametrize(
    ("shape", "ours", "theirs"), [(windows_sockets.ROW, BRIDGE, BROWSER), (windows_sockets.ROW6, BRIDGE6, BROWSER6)]
)
def test_the_tables_of_windows_tell_the_process_of_each_end(shape, ours, theirs):
    rows = windows_row(ours, theirs, 7) + windows_row(theirs, ours, 4242)
    found = windows_sockets.connections(struct.pack("<I", 2) + rows + bytes(100), shape)
    assert found == {(ours, theirs): 7, (theirs, ours): 4242}
    assert windows_sockets.connections(struct.pack("<I", 9) + rows, shape) == found
    assert windows_sockets.connections(b"", shape) == {}
