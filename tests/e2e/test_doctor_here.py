"""`doctor` on a machine where little works: no home, no keyring, no disk, no configuration. It ends with a verdict."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import HANG, Bridge
from namespaces import in_namespace
from needs import found
from peers.keyring_session import KeyringSession, keyring_session
from program import command
from terminals import typing, visible

URL = "https://127.0.0.1:1/mcp"
DOWN = "no server runs at 127.0.0.1:1: this machine refuses connections there"


class Report:
    """The findings and the verdict that `doctor` printed."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        assert (done.returncode, done.stderr) == (16, ""), done.stdout + done.stderr
        assert "Traceback" not in done.stdout
        self.findings, _, verdict = done.stdout.partition("\nverdict\n")
        self.verdict = " ".join(verdict.split())
        assert self.verdict.startswith("fault: ")

    def outcome(self, check: str) -> str:
        line = re.search(rf"^  (ok  |warn|fail|skip) {check}(  |$)", self.findings, re.MULTILINE)
        assert line is not None, self.findings
        return line[1].strip()


@pytest.fixture
def session() -> Iterator[KeyringSession]:
    with keyring_session() as session:
        yield session


@pytest.fixture
def keyring_bridge(bridge: Bridge, session: KeyringSession) -> Bridge:
    """A bridge with the default store, and with records in it that its keyring opens."""
    for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
        bridge.environment[name] = session.environment[name]
    bridge.store = ""
    bridge.add_server("acme", URL)
    return bridge


def with_record(bridge: Bridge) -> Bridge:
    """Put a record of `acme` there; doctor asks for the key before it looks into it."""
    from mcp_auth_bridge.app.record_names import session_name
    from mcp_auth_bridge.config.config_file import load
    from mcp_auth_bridge.stores.sealed import file_name

    records = bridge.home / "records"
    records.mkdir(0o700)
    profile = load(bridge.home / "config.toml").profile("acme")
    (records / file_name(session_name(profile, {}))).touch(0o600)
    return bridge


def test_an_open_keyring_without_a_login_is_fine(keyring_bridge) -> None:
    report = Report(keyring_bridge.run("doctor", "acme"))
    assert report.outcome("store") == "ok"
    assert DOWN in report.verdict


@pytest.mark.parametrize("arguments", [["acme"], [], [URL]])
def test_a_locked_keyring_that_no_login_needs_yet_is_a_warning(keyring_bridge, session, arguments) -> None:
    session.lock()
    report = Report(keyring_bridge.run("doctor", *arguments))
    assert report.outcome("store") == "warn"
    assert "the OS keyring (Secret Service) is locked" in " ".join(report.findings.split())


@pytest.mark.parametrize(
    ("lose", "words"),
    [
        (KeyringSession.lock, "the OS keyring (Secret Service) is locked next step: unlock it and repeat"),
        (KeyringSession.kill_keyring, "the OS keyring (Secret Service) does not answer next step: start it and repeat"),
        (KeyringSession.stop_answering, "did not answer within 6 seconds"),
    ],
)
def test_a_keyring_that_does_not_open_the_login_is_the_fault(keyring_bridge, session, lose, words) -> None:
    lose(session)
    report = Report(with_record(keyring_bridge).run("doctor", "acme"))
    assert report.outcome("store") == "fail"
    assert report.verdict.startswith("fault: you your logins cannot be opened: ")
    assert words in report.verdict


def test_a_name_that_may_be_in_a_closed_store_is_not_called_unknown(keyring_bridge, session) -> None:
    session.lock()
    report = Report(with_record(keyring_bridge).run("doctor", "suite"))
    assert "your logins cannot be opened" in report.verdict


def test_a_configuration_that_is_not_valid_is_the_fault_and_the_rest_is_looked_at(bridge) -> None:
    (bridge.home / "config.toml").write_text("[servers\n")
    for arguments in ([], ["acme"], [URL]):
        report = Report(bridge.run("doctor", *arguments))
        assert report.outcome("configuration") == "fail"
        assert "fault: you the configuration cannot be used: " in report.verdict
        assert f"next step: correct that line of {bridge.home}/config.toml" in report.verdict
    assert report.outcome("connection") == "fail"


def test_an_unknown_name_is_told_with_the_known_ones(bridge) -> None:
    bridge.add_server("acme", URL)
    verdicts = [Report(bridge.run("doctor", name)).verdict for name in ("acne", "suite")]
    assert "there is no server named “acne”" in verdicts[0]
    assert verdicts[0].endswith("next step: did you mean acme?")
    assert "next step: name one of the servers there: acme; or give a URL" in verdicts[1]


@pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's")
def test_without_a_home_folder_the_server_is_examined_all_the_same() -> None:
    namespace = [found("unshare"), "--user", "--map-user=54321"]  # a user whom no file of users knows
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not allow user namespaces")
    argv = [*namespace, command(), "doctor", URL]
    report = Report(subprocess.run(argv, env={}, capture_output=True, text=True, timeout=HANG, check=False))
    assert "this user has no home folder next step: set MCP_AUTH_BRIDGE_HOME" in report.verdict
    assert [report.outcome(check) for check in ("store", "disk", "connection")] == ["skip", "skip", "fail"]


def test_with_an_empty_environment_it_ends_with_a_verdict() -> None:
    argv = [command(), "doctor", URL]
    report = Report(subprocess.run(argv, env={}, capture_output=True, text=True, timeout=HANG, check=False))
    assert report.outcome("connection") == "fail"


@pytest.mark.skipif(sys.platform != "linux", reason="mount namespaces are Linux's")
@pytest.mark.parametrize(
    ("options", "words"), [("size=64k", "there is no space left to write"), ("ro", "is on a read-only file system")]
)
def test_a_disk_that_takes_nothing_is_the_fault(bridge, options, words) -> None:
    bridge.environment["MCP_AUTH_BRIDGE_HOME"] = home = str(bridge.home / "small")
    Path(home).mkdir()
    bridge.within = [*in_namespace(), "sh", "-c", f'mount -t tmpfs -o {options} tmpfs "$0" && exec "$@"', home]
    report = Report(bridge.run("doctor", URL))
    assert report.outcome("disk") == "fail"
    assert "fault: you a login can be neither stored nor renewed on this machine: " in report.verdict
    assert words in report.verdict


def test_nothing_is_created(bridge) -> None:
    before = contents(bridge.home)
    Report(bridge.run("doctor", URL))
    assert contents(bridge.home) == before


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of this kind are POSIX'")
def test_on_a_narrow_terminal_no_line_is_wider_than_it(bridge) -> None:
    bridge.environment["COLUMNS"] = "40"
    bridge.add_server("acme", URL)
    code, shown = typing([command(), "doctor", "acme"], bridge.environment, [])
    assert code == 16
    lines = visible(shown)
    assert [line for line in lines if len(line) > 40 and " " in line.strip()] == []
    assert "\nverdict\n  fault: you\n" in "\n".join(lines)


def contents(folder: Path) -> dict[str, tuple[float, bytes]]:
    return {
        str(path): (path.stat().st_mtime, path.read_bytes() if path.is_file() else b"") for path in folder.rglob("*")
    }
