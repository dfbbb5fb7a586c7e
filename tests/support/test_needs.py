"""On a machine without a needed program, the test is skipped with its name, and the fixtures' processes are ended."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from needs import needs
from processes import running, started_with

TESTS = Path(__file__).parents[1]
linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="/proc lists the running processes")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder for a nearly empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in ("sh", "env", "uname"):
        (folder / program).symlink_to(str(shutil.which(program)))
    return folder


def with_path(bare: Path, *tests: str) -> tuple[int, str]:
    """Runs pytest on `tests` with `bare` as the whole PATH; returns its exit code and output."""
    paths = [str(TESTS / test) for test in tests]
    argv = [sys.executable, "-m", "pytest", "-n", "0", "-m", "", "-p", "no:cacheprovider", *paths]
    environment = {**os.environ, "PATH": str(bare), "PYTEST_ADDOPTS": "", "STARTED_BY": str(bare)}
    done = subprocess.run(argv, env=environment, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@linux
def test_a_test_that_needs_a_missing_program_is_skipped_and_names_it(bare: Path) -> None:
    code, said = with_path(
        bare,
        "conformance",
        "e2e/test_keyring.py",
        "e2e/test_registrations.py",
        "e2e/test_transports.py",
        "scenarios/test_headless_document.py::test_the_job_exchanges_its_github_token",
        "scenarios/test_on_call_cluster.py::test_no_source_starts_a_browser_opens_a_terminal_or_contacts_a_keyring",
        "stress/test_full_disk.py",
        "stress/test_hosts.py",
        "shell/browser/test_opener_programs.py::test_the_real_xdg_open_hands_on_what_it_is_given",
        "config/test_redis.py",
    )
    assert code == 0, said
    reasons = set(re.findall(r"^SKIPPED .*: (\S+ is not installed \(apt-get install \S+\))$", said, re.MULTILINE))
    assert reasons == {
        "curl is not installed (apt-get install curl)",
        "dbus-daemon is not installed (apt-get install dbus)",
        "node is not installed (apt-get install nodejs)",
        "redis-server is not installed (apt-get install redis-server)",
        "strace is not installed (apt-get install strace)",
        "unshare is not installed (apt-get install util-linux)",
        "xdg-open is not installed (apt-get install xdg-utils)",
    }
    assert started_with("STARTED_BY", str(bare)) == []


@linux
@needs("dbus-daemon", "gnome-keyring-daemon")
def test_a_bus_is_ended_when_the_keyring_fails_to_start_after_it(bare: Path) -> None:
    """The check of PATH comes first, so here the daemon exists but cannot run."""
    (bare / "dbus-daemon").symlink_to(str(shutil.which("dbus-daemon")))
    (bare / "gnome-keyring-daemon").write_text("#!/nowhere\n")
    (bare / "gnome-keyring-daemon").chmod(0o755)
    code, said = with_path(bare, "e2e/test_keyring.py")
    assert code == 1
    assert "gnome-keyring-daemon" in said
    assert started_with("STARTED_BY", str(bare)) == []


@linux
@needs("dbus-daemon")
def test_if_only_the_keyring_is_missing_no_bus_is_started(bare: Path) -> None:
    (bare / "dbus-daemon").symlink_to(str(shutil.which("dbus-daemon")))
    code, said = with_path(bare, "e2e/test_keyring.py")
    assert code == 0, said
    assert "gnome-keyring-daemon is not installed (apt-get install gnome-keyring)" in said
    assert started_with("STARTED_BY", str(bare)) == []


@linux
@pytest.mark.parametrize("words", ["", "no JSON", "[]"])
def test_a_peer_with_a_malformed_first_line_is_ended(tmp_path: Path, words: str) -> None:
    from peer import Peer

    script = tmp_path / "peer.py"
    script.write_text(f"import sys\nprint({words!r}, flush=True)\nsys.stdin.read()\n")
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        Peer([sys.executable, str(script)], tmp_path / "log")
    assert running(str(script)) == []
