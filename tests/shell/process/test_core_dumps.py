"""A process that crashes leaves no core file, and a program that replaces it has its limits back."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from program import command

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells what a process may leave")

BECOME = """
import os
from mcp_auth_bridge.shell.process import core_dumps
from mcp_auth_bridge.shell.process.exec_program import exec_program
core_dumps.forbid()
print(resource.getrlimit(resource.RLIMIT_CORE)[0], open("/proc/self/coredump_filter").read().strip(), flush=True)
exec_program(("sh", "-c", "ulimit -S -c; cat /proc/self/coredump_filter"), dict(os.environ))
"""


def with_cores():
    """Allow cores, as `ulimit -c unlimited` in a developer's shell, as far as this machine lets us."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def test_an_aborted_bridge_leaves_no_core_and_an_empty_one_for_a_collector(tmp_path):
    (tmp_path / "config.toml").write_text('[servers.acme]\nurl = "http://127.0.0.1:9/mcp"\nauth = { kind = "none" }\n')
    with subprocess.Popen(
        [command(), "run", "acme"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MCP_AUTH_BRIDGE_HOME": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=with_cores,  # noqa: PLW1509 - this process has no threads that matter
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
        process.stdin.flush()
        assert process.stdout.readline()  # it is up
        assert int(Path(f"/proc/{process.pid}/coredump_filter").read_text(), 16) == 0
        process.send_signal(signal.SIGABRT)
        assert process.wait() == -signal.SIGABRT
        assert list(tmp_path.glob("core*")) == []


def test_a_program_that_replaces_the_bridge_gets_its_limits_back():
    script = f"import resource\n{BECOME}"
    done = subprocess.run(
        [sys.executable, "-c", script],
        preexec_fn=with_cores,
        capture_output=True,
        text=True,
        check=True,
    )
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    own = Path("/proc/self/coredump_filter").read_text().strip()
    shown = "unlimited" if hard == resource.RLIM_INFINITY else str(hard // 512)
    assert done.stdout.split() == ["0", "00000000", shown, own]
