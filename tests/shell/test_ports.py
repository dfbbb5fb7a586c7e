"""Who holds a port, as far as this system says."""

import os
import socket
import sys
from pathlib import Path

import pytest

from mcp_auth_bridge.shell.ports import occupant

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")


@linux
def test_the_process_that_listens_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert occupant(server.getsockname()[1]).endswith(f" (process {os.getpid()})")


@linux
def test_a_port_that_nobody_listens_at_has_no_occupant():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert occupant(bound.getsockname()[1]) == ""


def test_where_the_system_does_not_say_nobody_is_named(tmp_path):
    assert occupant(80, tmp_path) == ""


def proc(folder: Path, name: bytes) -> Path:
    """A system where a program with this `name` listens at port 80 of ::1."""
    (folder / "net").mkdir()
    address = f"{1 << 96:032X}:0050"
    line = f"0: {address} {0:032X}:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1"
    (folder / "net" / "tcp6").write_text(f"sl local_address rem_address\n{line}\nodd line\n")
    (folder / "7" / "fd").mkdir(parents=True)
    (folder / "7" / "fd" / "3").symlink_to("socket:[4711]")
    (folder / "7" / "comm").write_bytes(name)
    (folder / "6").mkdir()  # has just ended
    return folder


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"node\n", "node (process 7)"),
        (b"\x1b[31mevil\n", "[31mevil (process 7)"),
        ("\u202e\n".encode(), "a program without a name (process 7)"),
        (b"\xff\n", "a program without a name (process 7)"),
    ],
)
def test_a_program_may_call_itself_as_it_likes_and_steers_no_terminal(tmp_path, name, shown):
    assert occupant(80, proc(tmp_path, name)) == shown
