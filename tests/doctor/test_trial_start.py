"""A trial start: what a program that an entry starts replies, how it fails, and that it is always ended."""

import json
import os
import sys
from pathlib import Path

import anyio
import pytest

from mcp_auth_bridge.clients import known_clients as known
from mcp_auth_bridge.clients.start_environment import Start
from mcp_auth_bridge.doctor import trial_start
from mcp_auth_bridge.doctor.trial_start import Trial, try_start
from mcp_auth_bridge.secret import Secret

SERVER = """
import json, os, sys
seen = []
def reply(message, result):
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **result}), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    seen.append(message)
    if message["method"] == "initialize":
        print(json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {}}), flush=True)
        print(json.dumps({"jsonrpc": "2.0", "id": "doctor-initialize", "method": "ping"}), flush=True)
        print("[]", flush=True)
        reply(message, {"result": {"protocolVersion": "2025-11-25"}})
    elif message["method"] == "tools/list":
        reply(message, {"result": {"tools": [{"name": "a"}, {"name": "b"}]}})
seen.append({"cwd": os.getcwd(), "env": dict(os.environ)})
open(sys.argv[1], "w").write(json.dumps(seen))
"""


def tried(script, *words, client=known.CODEX, hidden=(), limit=20.0, environ=None):
    start = Start((sys.executable, "-c", script, *words), environ or {"PATH": os.environ["PATH"]})
    return anyio.run(try_start, start, client, hidden, limit)


def test_the_program_is_asked_as_its_client_would_and_ended_by_the_end_of_its_input(tmp_path):
    told = tmp_path / "told"
    trial = tried(SERVER, str(told), environ={"PATH": "/bin", "ONLY": "this"})
    assert (trial.error, trial.silent, trial.tools) == ("", False, 2)
    assert 0 < trial.greeted <= trial.listed
    *messages, place = json.loads(told.read_text())
    assert [message["method"] for message in messages] == ["initialize", "notifications/initialized", "tools/list"]
    assert messages[0]["params"] == {
        "protocolVersion": "2025-06-18",
        "capabilities": {"experimental": {"codex/auth-change": {}}, "elicitation": {"form": {}, "url": {}}},
        "clientInfo": {"name": "codex-mcp-client", "version": "1"},
    }
    assert place["cwd"] == "/"
    assert place["env"]["ONLY"] == "this"
    assert "HOME" not in place["env"]


def test_a_program_that_ends_says_why_on_its_last_line_without_secrets():
    script = "import sys; sys.stderr.write('one\\nmcp-auth-bridge: no canary-canary here\\nhint: x\\n\\n'); sys.exit(3)"
    trial = tried(script, hidden=[Secret("canary-canary")])
    assert trial.error == "it ended with status 3, saying “no … here”"


def test_the_hint_of_the_bridge_is_not_its_error():
    script = "import sys; sys.stderr.write('mcp-auth-bridge: sentence\\nmcp-auth-bridge: hint: do it\\n'); sys.exit(2)"
    assert tried(script).error == "it ended with status 2, saying “sentence”"


def test_a_program_that_ends_in_silence_has_only_its_status():
    assert tried("raise SystemExit(4)").error == "it ended with status 4"


def test_a_program_that_closes_its_output_is_over():
    script = "import os, sys; sys.stdin.readline(); os.close(1); sys.stdin.read(); os._exit(0)"
    assert tried(script).error == "it ended with status 0"


def test_a_program_that_does_not_exist_cannot_be_started():
    trial = anyio.run(try_start, Start(("/nowhere/mcp-auth-bridge",), {}), known.CURSOR, ())
    assert trial == Trial(error="it cannot be started: no such file or directory")


def answering(line, **more):
    return tried(f"import sys; sys.stdin.readline(); print({line!r}, flush=True); sys.stdin.read()", **more)


@pytest.mark.parametrize(
    ("error", "refusal", "hint"),
    [
        ({"message": "no canary-canary"}, "it answered initialize with an error, saying “no …”", ""),
        (1, "it answered initialize with an error", ""),
        ({"message": 0, "data": 1}, "it answered initialize with an error", ""),
        (
            {"message": "mcp-auth-bridge: a sentence; hint: do it", "data": {"action": "do it"}},
            "a sentence",
            "do it",
        ),
    ],
)
def test_an_error_as_the_reply_is_told_with_the_bridges_own_hint(error, refusal, hint):
    trial = answering(json.dumps({"id": "doctor-initialize", "error": error}), hidden=[Secret("canary-canary")])
    assert (trial.refusal, trial.hint, trial.error, trial.silent) == (refusal, hint, "", False)


def test_a_line_that_is_nested_too_deeply_is_a_failure():
    assert answering("[" * 100_000).error.startswith("it wrote a line to stdout that is not a message: “[[")


def test_a_line_that_is_no_message_is_a_failure():
    assert answering("hello").error == "it wrote a line to stdout that is not a message: “hello”"


def test_a_line_without_an_end_is_a_failure(monkeypatch):
    monkeypatch.setattr(trial_start, "_LONGEST", 1024 * 1024)
    script = "import sys; sys.stdin.readline(); sys.stdout.write('x' * 3_000_000); sys.stdin.read()"
    assert tried(script).error == "it wrote a line of more than 1 MiB"


def test_a_list_that_is_not_one_has_no_tools():
    script = SERVER.replace('"tools": [{"name": "a"}, {"name": "b"}]', '"tools": 3')
    assert tried(script, os.devnull).tools == 0


def test_a_silent_program_is_killed_with_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr(trial_start, "_ENDING", 0.05)
    told = tmp_path / "told"
    child = "import time; time.sleep(600)"
    script = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        "open(sys.argv[1], 'w').write(str(child.pid))\n"
        "time.sleep(600)\n"
    )

    async def story():
        trials = []

        async def one():
            trials.append(await try_start(Start((sys.executable, "-c", script, str(told)), {}), known.CURSOR, (), 60.0))

        async with anyio.create_task_group() as group:
            group.start_soon(one)
            while not told.exists() or not told.read_text():
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        return trials

    assert anyio.run(story) == []
    state = Path(f"/proc/{told.read_text()}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_silence_is_no_failure(monkeypatch):
    monkeypatch.setattr(trial_start, "_ENDING", 0.05)
    assert tried("import time; time.sleep(600)", limit=0.05) == Trial(silent=True)


def test_a_program_that_needs_its_whole_stderr_read_is_not_held_up(tmp_path):
    noisy = "import sys; sys.stderr.write('x' * 1_000_000 + '\\n'); sys.stderr.flush()\n"
    assert tried(noisy + SERVER, str(tmp_path / "told")).tools == 2
