"""The owner of a loopback connection: by Linux's table here, and by the bytes of the other systems' tables."""

import os
import socket
import struct
from ipaddress import ip_address
from pathlib import Path

import pytest

from mcp_auth_bridge.shell.browser import darwin_sockets, socket_owner, windows_sockets


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux tells the owner of a socket")
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::ffff:127.0.0.1")])
def test_the_kernel_tells_the_user_of_each_end_in_either_family(family, host):
    with socket.socket() as listener, socket.socket(family) as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect((host, listener.getsockname()[1]))
        server, _ = listener.accept()
        with server:
            ours, theirs = server.getsockname(), server.getpeername()
            assert socket_owner._socket_owners()[theirs, ours] == os.geteuid()
            assert not socket_owner.is_of_other_user(ours, theirs, {})
            client.close()
            assert socket_owner.is_of_other_user(ours, theirs, {})
            wsl = {"WSL_DISTRO_NAME": "Debian"}  # where the peer may be Windows' browser
            assert not socket_owner.is_of_other_user(ours, theirs, wsl)


def test_where_the_system_does_not_tell_every_peer_is_accepted(monkeypatch):
    monkeypatch.setattr(socket_owner, "_TABLES", ())
    assert not socket_owner.is_of_other_user(("127.0.0.1", 1), ("127.0.0.1", 2), {})


def test_an_end_that_one_read_of_the_table_missed_is_found_by_the_next(monkeypatch):
    ours, theirs = ("127.0.0.1", 1), ("127.0.0.1", 2)
    whole = {(ours, theirs): os.getuid(), (theirs, ours): os.getuid()}
    for missed in whole:
        looks = [{ends: uid for ends, uid in whole.items() if ends != missed}, whole]
        monkeypatch.setattr(socket_owner, "_socket_owners", lambda looks=looks: looks.pop(0))
        assert not socket_owner.is_of_other_user(ours, theirs, {})


def test_a_root_shell_trusts_the_user_behind_it(monkeypatch, tmp_path):
    login_user = tmp_path / "loginuid"
    monkeypatch.setattr(socket_owner, "_LOGIN_USER", login_user)
    assert 4711 not in socket_owner._trusted_users({})
    login_user.write_text("4711")
    assert {4711, 4712} <= socket_owner._trusted_users({"SUDO_UID": "4712"})


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
