"""Programs that print secrets: each failure has one message, and a program never outlives the wait for it."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from installed import wait_for

from mcp_auth_bridge.credentials.secret_sources import LIMIT
from mcp_auth_bridge.errors import CredentialMissing
from mcp_auth_bridge.shell.process import run_command
from mcp_auth_bridge.shell.process.run_command import capture_output

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def prints(source, *arguments, timeout=30.0):
    return asyncio.run(capture_output([sys.executable, "-c", source, *arguments], ENVIRONMENT, LIMIT, timeout))


def test_the_output_is_returned():
    assert prints("print('t0ken')") == b"t0ken\n"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import sys; print('no hunter2', file=sys.stderr); sys.exit(3)", "ended with status 3, saying “no …”"),
        ("import sys; print('hunter2x'); print('no hunter2x', file=sys.stderr); sys.exit(3)", "saying “no …”"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by signal 9"),
        ("print('hunter2' * 10_000)", "printed more than 64 KiB"),
        ("while True: print('hunter2' * 1000)", "printed more than 64 KiB"),
    ],
)
def test_a_failure_is_named_without_the_programs_output(source, problem, capfd):
    with pytest.raises(CredentialMissing, match=problem) as raised:
        prints(source, "hunter2")
    assert "hunter2" not in raised.value.message + raised.value.hint + "".join(capfd.readouterr())


def test_an_error_quotes_the_last_line_of_stderr_and_the_hint_names_the_environment():
    source = "import sys; sys.stderr.write('Traceback\\n' * 90_000 + 'KeyError: ' + 'OP_TOKEN\\n\\n'); sys.exit(1)"
    with pytest.raises(CredentialMissing, match=r"ended with status 1, saying “KeyError: OP_TOKEN”$") as raised:
        prints(source)
    assert "pass_environment" in raised.value.hint


def test_a_program_that_does_not_exist_is_named():
    with pytest.raises(CredentialMissing, match=r"^the command “no-such-program” cannot be run: no such file"):
        asyncio.run(capture_output(["no-such-program", "hunter2"], ENVIRONMENT, LIMIT))


def test_a_program_has_neither_stdin_nor_terminal_and_a_small_environment(monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    source = """
import os, sys
try:
    os.open("/dev/tty", os.O_RDWR)
    terminal = True
except OSError:
    terminal = False
print(sys.stdin.read() == "", terminal, os.getsid(0) == os.getpid(), sorted(os.environ.keys() - {"LC_CTYPE"}))
"""
    assert prints(source) == b"True False True ['PATH']\n"


def is_alive(pid):
    """A zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
HANGS = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(sys.argv[1] + ".new", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""


@needs_proc
def test_a_program_that_hangs_is_killed_with_its_children(tmp_path):
    with pytest.raises(CredentialMissing, match="did not end within 1 seconds"):
        prints(HANGS, str(tmp_path / "pids"), timeout=1.0)
    pids = (tmp_path / "pids").read_text().split()
    wait_for(lambda: not any(map(is_alive, pids)))


@needs_proc
def test_a_program_is_killed_with_its_children_when_the_caller_is_cancelled(tmp_path):
    async def story():
        task = asyncio.ensure_future(
            capture_output([sys.executable, "-c", HANGS, str(tmp_path / "pids")], ENVIRONMENT, LIMIT)
        )
        await asyncio.to_thread(wait_for, (tmp_path / "pids").exists)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()

    asyncio.run(story())
    pids = (tmp_path / "pids").read_text().split()
    wait_for(lambda: not any(map(is_alive, pids)))


@needs_proc
def test_a_child_that_has_left_the_process_group_does_not_delay_the_error(tmp_path):
    source = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
print("t0ken", flush=True)
"""
    with pytest.raises(CredentialMissing, match="did not end within 1 seconds"):
        prints(source, timeout=1.0)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_a_program_that_the_caller_no_longer_waits_for_is_not_started(tmp_path):
    child = run_command._Child([sys.executable, "-c", f"open({str(tmp_path / 'started')!r}, 'w')"], ENVIRONMENT, LIMIT)
    child.end()
    assert child.run() == (0, b"", "")
    assert not (tmp_path / "started").exists()


def test_a_program_that_has_just_ended_by_itself_need_not_be_killed(monkeypatch):
    def gone(*_):
        raise ProcessLookupError

    monkeypatch.setattr(os, "killpg", gone)
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    run_command._kill(process)
