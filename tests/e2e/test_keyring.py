"""The default store, end to end: the sealing key in a real GNOME Keyring, on a D-Bus session of its own."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from peers.keyring_session import KeyringSession, keyring_session
from program import command
from words import complaint, error, text


@pytest.fixture
def session() -> Iterator[KeyringSession]:
    with keyring_session() as session:
        yield session


@pytest.fixture
def keyring_bridge(bridge, session, protected_server):
    """Logged in as `acme`, with a configuration that does not mention a store."""
    bridge.environment["DBUS_SESSION_BUS_ADDRESS"] = session.environment["DBUS_SESSION_BUS_ADDRESS"]
    bridge.environment["XDG_RUNTIME_DIR"] = session.environment["XDG_RUNTIME_DIR"]
    bridge.store = ""
    bridge.add_server("acme", protected_server.url)
    bridge.login("acme")
    return bridge


def call(bridge) -> dict:
    with bridge.stdio("acme") as client:
        client.initialize()
        return client.call("add", {"a": 1, "b": 2})


def test_a_login_sealed_by_the_keyring_serves_the_next_process(keyring_bridge, authorization_server) -> None:
    assert call(keyring_bridge)["result"]["content"][0]["text"] == "3"
    assert authorization_server.counters["tokenRequests"] == 1
    assert "keyring" in keyring_bridge.run("status").stdout.lower()


def test_a_refresh_is_sealed_with_the_same_key(keyring_bridge, authorization_server, protected_server) -> None:
    protected_server.control(["refuse_seen_tokens"])
    for _ in range(2):
        assert call(keyring_bridge)["result"]["content"][0]["text"] == "3"
    assert authorization_server.refreshes == {"success": 1}


def test_a_locked_keyring_is_reported_and_nothing_is_lost(keyring_bridge, session) -> None:
    before = contents(keyring_bridge.home)
    session.lock()
    error = call(keyring_bridge)["error"]
    assert error["code"] == -32010
    assert "the OS keyring (Secret Service) is locked" in error["message"]
    assert contents(keyring_bridge.home) == before
    assert len(keyring_bridge.launches) == 1


def test_without_a_keyring_a_login_names_the_other_stores(bridge, protected_server) -> None:
    bridge.store = ""
    bridge.add_server("acme", protected_server.url)
    done = bridge.run("login", "acme")
    assert (done.returncode, bridge.launches) == (5, [])
    for choice in ("key_file", "key_command", "memory", "insecure_file"):
        assert choice in done.stderr


# Whatever happens to the keyring, every command says so, `run` keeps running, and the login survives


def lock(bridge, session) -> None:
    session.lock()


def kill(bridge, session) -> None:
    session.kill_keyring()


def leave_the_desktop(bridge, session) -> None:
    """As over ssh, in cron, or below a client that does not pass its environment on."""
    del bridge.environment["DBUS_SESSION_BUS_ADDRESS"]
    session.kill_keyring()


LOSSES = {lock: "is locked", kill: "does not answer", leave_the_desktop: "does not answer"}


def come_back(bridge, session) -> None:
    session.kill_keyring()
    session.start_keyring()
    bridge.environment["DBUS_SESSION_BUS_ADDRESS"] = session.environment["DBUS_SESSION_BUS_ADDRESS"]


@pytest.mark.parametrize("lose", LOSSES)
def test_without_its_keyring_every_command_says_so_and_the_login_survives(keyring_bridge, session, lose) -> None:
    before = contents(keyring_bridge.home)
    lose(keyring_bridge, session)
    with keyring_bridge.stdio("acme") as client:
        assert "result" in client.initialize()
        assert "add" in {tool["name"] for tool in client.request("tools/list")["result"]["tools"]}
        failed = error(client.call("add", {"a": 1, "b": 2}))
        assert (failed["code"], failed["data"]["code"], failed["data"]["sent"]) == (-32010, "store", "no")
        assert f"the OS keyring (Secret Service) {LOSSES[lose]}" in failed["message"]
        assert client.request("ping", request_id="alive")["result"] == {}
        for arguments in (["login", "acme"], ["logout", "acme"]):
            done = keyring_bridge.run(*arguments)
            sentence, hint = complaint(done.stderr)
            assert done.returncode == 5
            assert sentence == f"the OS keyring (Secret Service) {LOSSES[lose]}"
            assert "key_file" in hint
        status = keyring_bridge.run("status")
        assert status.returncode == 5
        assert LOSSES[lose] in status.stdout
        assert contents(keyring_bridge.home) == before
        come_back(keyring_bridge, session)
        if lose is not leave_the_desktop:  # the environment of a running process cannot change
            assert text(client.call("add", {"a": 1, "b": 2})) == "3"
    assert text(call(keyring_bridge)) == "3"
    assert len(keyring_bridge.launches) == 1


def test_headless_run_neither_opens_the_login_nor_says_that_it_is_missing(keyring_bridge) -> None:
    done = keyring_bridge.run("token", "acme", "--headless")
    sentence, hint = complaint(done.stderr)
    assert (done.returncode, done.stdout) == (5, "")
    assert "holds sealed logins" in sentence
    assert 'kind = "keyring"' in hint
    assert keyring_bridge.run("token", "acme").returncode == 0


def test_a_keyring_that_never_answers_delays_neither_a_ping_nor_the_end(keyring_bridge, session) -> None:
    session.stop_answering()
    client = keyring_bridge.stdio("acme")
    assert "result" in client.initialize()
    client.send(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2}}}')
    assert client.request("ping", request_id="alive")["result"] == {}
    client._process.stdin.close()
    assert client._process.wait(8) == 0  # the bridge waits 30 seconds for a keyring
    client.close()
    assert client.stderr == ""


def test_a_running_bridge_needs_the_keyring_only_once(keyring_bridge, session, protected_server) -> None:
    with keyring_bridge.stdio("acme") as client:
        client.initialize()
        assert text(client.call("add", {"a": 1, "b": 2})) == "3"
        session.kill_keyring()
        protected_server.control(["refuse_seen_tokens"])
        assert text(client.call("add", {"a": 1, "b": 2})) == "3"  # refreshed, and saved
        session.start_keyring()
    assert text(call(keyring_bridge)) == "3"
    assert len(keyring_bridge.launches) == 1


def test_a_logout_deletes_the_login_and_keeps_the_key(keyring_bridge, authorization_server) -> None:
    done = keyring_bridge.run("logout", "acme")
    assert (done.returncode, done.stderr) == (0, "mcp-auth-bridge: signed out of acme\n")
    assert authorization_server.counters["revocations"] == 1
    assert "signed out" in keyring_bridge.run("status").stdout
    keyring_bridge.login("acme")
    assert text(call(keyring_bridge)) == "3"


def test_without_a_login_the_keyring_is_not_opened(bridge, session, protected_server) -> None:
    session.kill_keyring()
    bridge.store = ""
    bridge.add_server("acme", protected_server.url)
    assert "Run: mcp-auth-bridge login acme" in text(call(bridge))
    assert bridge.run("status").returncode == 0


def test_a_session_without_its_own_keyring_is_explained(bridge, protected_server) -> None:
    with keyring_session(collection=False) as session:
        for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
            bridge.environment[name] = session.environment[name]
        bridge.store = ""
        bridge.add_server("acme", protected_server.url)
        done = bridge.run("login", "acme")
    assert (done.returncode, bridge.launches) == (5, [])
    assert "asked to be unlocked or set up" in complaint(done.stderr)[0]


ENTRY = "from mcp_auth_bridge.stores.os_keyring import load_entry; print(load_entry('acme key'))"


def test_a_command_puts_a_secret_into_the_keyring_and_the_bridge_reads_it_by_name(bridge, session) -> None:
    environment = bridge.environment | session.environment | {"HOME": str(bridge.home)}

    def run(*argv: str, given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, env=environment, input=given, capture_output=True, text=True, check=False)

    for value in ("hunter2", "hunter3"):
        done = run(command(), "secret", "acme key", given=f"{value}\n")
        assert (done.returncode, done.stdout) == (0, "")
        assert "keyring:acme key" in done.stderr
        assert value not in done.stderr
        assert run(sys.executable, "-c", ENTRY, given="").stdout == f"{value}\n"
    assert complaint(run(command(), "secret", "acme key", given="").stderr)[0] == "there is no secret on stdin"
    refused = run(command(), "secret", "sealing key", given="hunter2")
    assert (refused.returncode, "hunter2" in refused.stderr) == (5, False)


def contents(home) -> dict[str, bytes]:
    """All sealed records below `home`."""
    records = {str(path): path.read_bytes() for path in home.rglob("records/*") if path.is_file()}
    assert records
    return records
