"""The processes of this program, read from a played /proc and from the real one."""

import os
import subprocess
import sys

import pytest
from program import command

from mcp_auth_bridge.shell.process.running_bridges import RunningBridge, running_bridges

HOME = {"HOME": "/home/mia"}


@pytest.fixture
def proc(tmp_path):
    """Adds a process to a played /proc."""

    def add(pid, *words, state="S (sleeping)", parent=1, environ=HOME, name="python3"):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words))
        (folder / "environ").write_bytes(b"".join(f"{key}={value}\0".encode() for key, value in environ.items()))
        (folder / "status").write_text(f"Name:\t{name}\nState:\t{state}\nPPid:\t{parent}\n")
        (folder / "comm").write_text(f"{name}\n")

    add.folder = tmp_path
    (tmp_path / "self").mkdir()
    return add


def found(proc, environ=HOME):
    return running_bridges({**environ, "PATH": "/bin"}, proc.folder)


def test_bridges_are_told_by_their_program_however_they_are_started(proc):
    proc(7, "code", name="code")
    proc(20, "/usr/bin/python3", "/home/mia/.local/bin/mcp-auth-bridge", "run", "acme", parent=7)
    proc(21, "/usr/bin/python3.12", "-m", "mcp_auth_bridge", "login", "acme", parent=99, state="T (stopped)")
    proc(3, "mcp-auth-bridge", "run", "https://x.example/mcp", parent=7)
    assert found(proc) == [
        RunningBridge(3, ("run", "https://x.example/mcp"), "code", stopped=False),
        RunningBridge(20, ("run", "acme"), "code", stopped=False),
        RunningBridge(21, ("login", "acme"), "", stopped=True),
    ]


def test_other_programs_are_not_bridges(proc):
    proc(20, "uvx", "mcp-auth-bridge", "run", "acme")
    proc(21, "python3", "-m", "http.server")
    proc(22, "python3", "other.py", "mcp-auth-bridge")
    proc(23, "python3")
    proc(24, "")
    proc(25, "grep", "mcp-auth-bridge")
    assert found(proc) == []


def test_bridges_with_other_folders_do_not_count(proc):
    words = ("mcp-auth-bridge", "run", "acme")
    proc(20, *words)
    proc(21, *words, environ={**HOME, "LANG": "C"})
    proc(22, *words, environ={**HOME, "MCP_AUTH_BRIDGE_HOME": "/srv/bridge"})
    proc(23, *words, environ={"HOME": "/home/adam"})
    assert [each.pid for each in found(proc)] == [20, 21]
    assert [each.pid for each in found(proc, {**HOME, "MCP_AUTH_BRIDGE_HOME": "/srv/bridge"})] == [22]


def test_a_process_that_ends_meanwhile_is_left_out(proc):
    (proc.folder / "20").mkdir()
    assert found(proc) == []


def test_a_system_without_such_a_folder_shows_none(tmp_path):
    assert running_bridges({}, tmp_path / "missing") == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows them")
def test_a_real_bridge_is_found_with_the_program_that_started_it(tmp_path):
    environ = {"PATH": os.environ["PATH"], "MCP_AUTH_BRIDGE_HOME": str(tmp_path)}
    argv = [command(), "run", "https://mcp.acme.invalid/mcp"]
    process = subprocess.Popen(argv, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    process.stdin.flush()
    process.stdout.readline()
    [bridge] = running_bridges(environ)
    assert (bridge.pid, bridge.arguments, bridge.stopped) == (process.pid, tuple(argv[1:]), False)
    assert bridge.parent
    process.communicate()
