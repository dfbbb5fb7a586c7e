"""`pytest --canaries`: every bridge that a test starts is listened to (tests/support/canaries.py).

`pytest --thorough`: slow tests repeat as often as the project's goals say (tests/support/thoroughness.py).
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import canaries
import pytest
import thoroughness
from hypothesis import HealthCheck, settings

from mcp_auth_bridge.shell.console import terminal

# The first text on a machine costs a second: hypothesis makes its table of characters.
settings.register_profile("on any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("on any machine")

_listening = pytest.StashKey[TemporaryDirectory]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--canaries", action="store_true", help="fail if any bridge of any test says what is secret")
    parser.addoption("--thorough", action="store_true", help="repeat in slow tests five times as often as in CI")


def pytest_configure(config: pytest.Config) -> None:
    # Under nohup every child would ignore SIGHUP, which is one of the ways in which hosts end a bridge.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if config.getoption("--thorough"):
        os.environ[thoroughness.THOROUGH] = "1"
    if config.getoption("--canaries") and not hasattr(config, "workerinput"):  # pytest-xdist's workers inherit it
        config.stash[_listening] = TemporaryDirectory(prefix="canaries-")
        # Tests start what this names instead of the installed script: program.py.
        os.environ["MCP_AUTH_BRIDGE_COMMAND"] = str(canaries.command(Path(config.stash[_listening].name)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if folder := session.config.stash.get(_listening, None):
        told = canaries.report(Path(folder.name))
        session.config.get_terminal_writer().write("\n" + "\n".join(told) + "\n")
        if len(told) > 1 and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        folder.cleanup()


@pytest.fixture(autouse=True)
def _about_no_server() -> Iterator[None]:
    """A command that runs in this process says which server its lines are about. The next test is about none."""
    yield
    terminal.set_server("")
