"""Programs that print secrets: each failure has one message, and a program never outlives the wait for it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from installed import wait_for

from mcp_auth_bridge.credentials.secret_sources import LIMIT
from mcp_auth_bridge.errors import BridgeError, CredentialMissing
from mcp_auth_bridge.secret import reference
from mcp_auth_bridge.shell.files.secret_backends import sources
from mcp_auth_bridge.shell.process.run_command import output

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def prints(source, *arguments, timeout=30.0):
    return asyncio.run(output([sys.executable, "-c", source, *arguments], ENVIRONMENT, LIMIT, timeout))


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
        asyncio.run(output(["no-such-program", "hunter2"], ENVIRONMENT, LIMIT))


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
        task = asyncio.ensure_future(output([sys.executable, "-c", HANGS, str(tmp_path / "pids")], ENVIRONMENT, LIMIT))
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


def secret(text, environ=ENVIRONMENT, passed=()):
    """The secret to which `text` refers, from a real file or program."""
    return asyncio.run(sources(environ, passed).read(reference(text, "it"), "the token of acme")).reveal()


def program(tmp_path, source):
    path = tmp_path / "a program.py"
    path.write_text(source)
    return f"command:{sys.executable} '{path}'"


def test_a_reference_runs_its_command_without_a_shell(tmp_path):
    text = program(tmp_path, "import sys; print(sys.argv[1:])")
    assert secret(f"{text} '$HOME' ${{X}} a;b") == "['$HOME', '${X}', 'a;b']"


def test_a_command_gets_the_passed_variables_and_no_others(tmp_path):
    text = program(tmp_path, "import os; print(os.environ.get('OP_TOKEN'), os.environ.get('OTHER'))")
    environ = {**ENVIRONMENT, "OP_TOKEN": "1", "OTHER": "2"}
    assert secret(text, environ) == "None None"
    assert secret(text, environ, ["OP_TOKEN"]) == "1 None"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "printed nothing"),
        ("print()", "printed nothing"),
        ("import os; os.write(1, 'hünter2'.encode())", "printed more than ASCII"),
        ("import os; os.write(1, b'\\xffhunter2')", "printed more than ASCII"),
        ("raise SystemExit('first log in')", "ended with status 1, saying “first log in”$"),
    ],
)
def test_unusable_output_of_a_reference_is_named(tmp_path, source, problem):
    with pytest.raises(
        CredentialMissing, match=f"^the token of acme cannot be had: the command .* {problem}"
    ) as raised:
        secret(program(tmp_path, source))
    assert "hunter2" not in raised.value.message + raised.value.hint


def test_a_secret_may_have_several_lines(tmp_path):
    assert secret(program(tmp_path, "print('-----BEGIN\\nx\\n-----END')")) == "-----BEGIN\nx\n-----END"


def test_a_file_is_read_without_its_last_line_end(tmp_path):
    (tmp_path / "token").write_bytes(b"hunter2\r\n")
    assert secret(f"file:{tmp_path}/token") == "hunter2"
    assert secret("file:${PLACE}/token", {"PLACE": str(tmp_path)}) == "hunter2"
    assert secret("file:${PLACE:-/nowhere}/token", {"PLACE": str(tmp_path)}) == "hunter2"


def test_a_file_that_is_being_replaced_is_read_again(tmp_path):
    path = tmp_path / "token"
    path.touch()
    waited = []

    async def write(seconds):
        waited.append(seconds)
        path.write_text("new")

    real = sources({}, ())
    patient = type(real)(real.environ, real.run, real.entry, write)
    assert asyncio.run(patient.read(reference(f"file:{path}", "it"), "the token")).reveal() == "new"
    path.unlink()
    assert asyncio.run(patient.read(reference(f"file:{path}", "it"), "the token")).reveal() == "new"
    assert len(waited) == 2


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: None, "which cannot be read: no such file"),
        (lambda path: path.touch(), "which is empty"),
        (lambda path: path.mkdir(), "which cannot be read: it is not a regular file"),
        (os.mkfifo, "which cannot be read: it is not a regular file"),
        (lambda path: path.write_bytes(b"\xffhunter2"), "which is not text in UTF-8"),
        (lambda path: path.write_bytes(b"hunter2" * 10_000), "which holds more than 64 KiB"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_within_a_second(tmp_path, make, problem):
    make(tmp_path / "token")
    with pytest.raises(
        CredentialMissing, match=f"the token of acme should come from {tmp_path}/token, {problem}"
    ) as raised:
        secret(f"file:{tmp_path}/token")
    assert "hunter2" not in raised.value.message + raised.value.hint


@pytest.mark.parametrize(("environ", "state"), [({}, "not set"), ({"TOKEN": ""}, "empty")])
@pytest.mark.parametrize("text", ["env:TOKEN", "Bearer ${TOKEN}", "file:${TOKEN}/x"])
def test_a_variable_that_is_missing_or_empty_is_named(environ, state, text):
    with pytest.raises(CredentialMissing, match=f"the environment variable TOKEN, which is {state}"):
        secret(text, environ)


def test_a_template_takes_its_defaults_from_itself():
    environ = {"A": "1", "B": ""}
    assert secret("${A:-x}/${B:-y}/${C:-z}/${C:-}/$${A}", environ) == "1/y/z//${A}"


@pytest.mark.parametrize("name", ["sealing key", "Sealing Key"])  # Windows ignores case
def test_the_sealing_key_cannot_be_read_by_a_reference(name):
    with pytest.raises(BridgeError, match="the key that seals the logins cannot be used as a secret"):
        secret(f"keyring:{name}")
