"""The owner of a loopback connection: by Linux's table here, and by the bytes of the other systems' tables."""

import os
import socket
from pathlib import Path

import pytest

from mcp_auth_bridge.shell.browser import socket_owner


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


def test_a_table_that_cannot_be_read_tells_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(socket_owner, "_TABLES", (tmp_path / "missing",))
    assert socket_owner._linux_sockets() == {}
