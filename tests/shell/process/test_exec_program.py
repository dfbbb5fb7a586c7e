"""The program that replaces the bridge (`token --exec`): as if the user had started it."""

import signal
import subprocess
import sys

import pytest

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.process import exec_program

BECOME = """
import sys
from mcp_auth_bridge.shell.process.exec_program import exec_program
exec_program((sys.executable, "-c", sys.argv[1]), {"TOKEN": "t"})
"""
BECOME_GREP = """
from mcp_auth_bridge.shell.process.exec_program import exec_program
exec_program(("/bin/grep", "SigIgn", "/proc/self/status"), {})
"""


def replaced(script):
    return subprocess.run([sys.executable, "-c", BECOME, script], capture_output=True, text=True, check=False)


def test_environment_output_and_exit_code_are_the_programs():
    done = replaced("import os, sys; print(os.environ); sys.exit(7)")
    assert "'TOKEN': 't'" in done.stdout
    assert "HOME" not in done.stdout
    assert done.returncode == 7


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which signals are ignored")
def test_it_ends_when_its_output_is_not_read_any_more():
    """Python ignores SIGPIPE, and what it starts would inherit that."""
    done = subprocess.run([sys.executable, "-c", BECOME_GREP], capture_output=True, text=True, check=True)
    ignored = int(done.stdout.split()[1], 16)
    assert not ignored & 1 << (signal.SIGPIPE - 1)


@pytest.mark.parametrize("program", ["no-such-program", "/"])
def test_a_program_that_cannot_be_run_is_named(program, monkeypatch):
    monkeypatch.setattr(exec_program.signal, "signal", lambda *_: None)
    with pytest.raises(ConfigError, match=f"^{program} cannot be run: ") as caught:
        exec_program.exec_program((program,), {"PATH": "/nowhere"})
    assert "--exec" in caught.value.hint
