"""Scenario S4: the application's own command prints the token of a bearer profile (ticketing.py)."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import Bridge, wait_for
from peer import SUPPORT, TESTS, Peer
from scenarios.ticketing import PASSWORD
from words import error, text

SCRIPT = TESTS / "scenarios" / "ticketing.py"
AT_ONCE = 20


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[Peer]:
    peer = Peer([sys.executable, str(SCRIPT), "serve"], tmp_path_factory.mktemp("peer") / "log")
    yield peer
    peer.stop()


@pytest.fixture
def backend(running) -> Peer:
    running.control(["renew", "reset"])
    return running


@pytest.fixture
def bridge(tmp_path: Path, backend) -> Bridge:
    """Its server `tickets` is configured as the application's manual would say."""
    home = tmp_path / "home"
    home.mkdir(0o700)
    bridge = Bridge(home)
    bridge.environment |= {"TICKETS_PASSWORD": PASSWORD, "PYTHONPATH": str(SUPPORT)}
    prints(bridge, backend, f"{sys.executable} {SCRIPT} token {backend.about['origin']}")
    return bridge


def prints(bridge, backend, command: str) -> None:
    """Configures `command` as the source of the token."""
    auth = {"auth.kind": "bearer", "auth.token": f"command:{command}", "auth.resource": "tickets"}
    bridge.add_server("tickets", backend.url, pass_environment=["TICKETS_PASSWORD", "PYTHONPATH"], **auth)


def requests(backend) -> list[tuple[str, str | None, int]]:
    return [(each["path"], each["method"], each["status"]) for each in backend.control()["requests"]]


def mints(backend) -> int:
    return sum(path == "/app/token" for path, _, _ in requests(backend))


def calls(backend) -> list[int]:
    """The statuses of the tool calls that arrived."""
    return [status for _, method, status in requests(backend) if method == "tools/call"]


def close_all(client) -> list[str]:
    """Makes many calls at once and returns their replies."""
    for number in range(AT_ONCE):
        client.send(b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"close"}}' % number)
    return [client.read().decode() for _ in range(AT_ONCE)]


def test_the_command_runs_once_and_nothing_is_discovered(bridge, backend) -> None:
    with bridge.stdio("tickets") as client:
        client.initialize()
        client.request("tools/list")
        assert all('"closed"' in answer for answer in close_all(client))
        assert client.stderr == ""
    assert {path for path, _, _ in requests(backend)} == {"/mcp", "/app/token"}
    assert (mints(backend), calls(backend)) == (1, [200] * AT_ONCE)


def test_a_token_that_lives_for_seconds_is_replaced_before_it_is_refused(bridge, backend) -> None:
    backend.control(["short"])
    with bridge.stdio("tickets") as client:
        client.initialize()
        wait_for(lambda: text(client.call("close")) == "closed" and mints(backend) == 2)
    assert set(calls(backend)) == {200}


def test_all_calls_in_flight_succeed_with_one_run_when_the_token_ends(bridge, backend) -> None:
    with bridge.stdio("tickets") as client:
        client.initialize()
        assert text(client.call("close")) == "closed"
        backend.control(["revoke"])
        assert all('"closed"' in answer for answer in close_all(client))
        assert client.stderr == ""
    assert mints(backend) == 2
    assert calls(backend).count(200) == 1 + AT_ONCE


def test_processes_that_share_a_store_run_the_command_once(bridge, backend) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(bridge.stdio("tickets")) for _ in range(4)]
        for client in clients:
            client.initialize()
        assert {text(client.call("close")) for client in clients} == {"closed"}
        backend.control(["revoke"])
        assert {text(client.call("close")) for client in clients} == {"closed"}
    assert mints(backend) == 2


def test_a_token_that_a_command_printed_is_sealed(bridge, backend) -> None:
    with bridge.stdio("tickets") as client:
        client.initialize()
        client.call("close")
    records = list((bridge.home / "records").iterdir())
    assert any(path.suffix == ".sealed" for path in records)
    assert not any(b"eyJ" in path.read_bytes() for path in bridge.home.rglob("*") if path.is_file())
    assert bridge.run("logout", "--all").returncode == 0
    assert not list((bridge.home / "records").glob("*.sealed"))


@pytest.mark.parametrize(
    ("mood", "code", "problem"),
    [
        ("stale", "unknown_issuer", "it names no issuer, which the server may not know"),
        ("expired", "token_expired", "seconds ago"),
        ("elsewhere", "wrong_audience", "its aud is “wiki”, not “tickets”"),
    ],
)
def test_the_refusal_of_a_new_token_is_explained(bridge, backend, mood, code, problem) -> None:
    with bridge.stdio("tickets") as client:
        client.initialize()
        assert text(client.call("close")) == "closed"
        backend.control([mood, "revoke"])
        refusal = error(client.call("close"))
        assert problem in refusal["message"]
        assert refusal["message"].startswith("mcp-auth-bridge: tickets refuses the token of tickets (HTTP 401): ")
        assert refusal["data"]["code"] == code
    assert mints(backend) == 2


COMMANDS = {
    "fails": (
        "print('hunter2'); raise SystemExit('no hunter2')",
        "the command “{python}” ended with status 1, saying “no …”",
    ),
    "prints nothing": ("", "the command “{python}” printed nothing"),
    "prints two lines": ("print('hunter2'); print('hunter2')", "the command “{python}” printed 2 lines"),
    "prints too much": ("print('hunter2' * 10000)", "the command “{python}” printed more than 64 KiB"),
    "prints non-ASCII text": ("print(chr(228) + 'hunter2')", "the command “{python}” printed characters outside ASCII"),
    "prints a document": (
        'print(\'{"secret": "hunter2"}\')',
        "the command “{python}” printed a JSON document without a",
    ),
}


def test_a_failing_command_is_reported_as_such_until_it_is_repaired(bridge, backend) -> None:
    script = bridge.home / "command.py"
    script.write_text("raise SystemExit(1)")
    prints(bridge, backend, f"{sys.executable} {script}")
    with bridge.stdio("tickets") as client:
        client.initialize()
        for source, problem in COMMANDS.values():
            script.write_text(source)
            answer = error(client.call("close"))
            assert answer["data"]["code"] == "credential_missing"
            assert problem.format(python=sys.executable) in answer["message"]
            assert "hunter2" not in answer["message"] + client.stderr
        assert calls(backend) == []
        argv = [sys.executable, str(SCRIPT), "token", backend.about["origin"]]
        script.write_text(f"import os; os.execv({sys.executable!r}, {argv!r})")
        assert text(client.call("close")) == "closed"


def test_a_missing_command_is_named(bridge, backend) -> None:
    prints(bridge, backend, "tickets-cli token")
    with bridge.stdio("tickets") as client:
        client.initialize()
        assert "the command “tickets-cli” cannot be run: no such file" in error(client.call("close"))["message"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_hanging_command_delays_neither_initialize_nor_the_end(bridge, backend) -> None:
    note = bridge.home / "pid"
    script = bridge.home / "hangs.py"
    script.write_text(f"""
import os, time
open({str(note)!r} + ".new", "w").write(str(os.getpid()))
os.rename({str(note)!r} + ".new", {str(note)!r})
time.sleep(600)
""")
    prints(bridge, backend, f"{sys.executable} {script}")
    with bridge.stdio("tickets") as client:
        assert "result" in client.initialize()
        wait_for(note.exists)
        client.send(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"close"}}')
        assert client.close() == 0
    wait_for(lambda: not runs(int(note.read_text())))


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1]
    except OSError:
        return False
