"""`pytest --canaries`: every bridge that the end-to-end tests start is listened to (tests/canaries.py)."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import canaries
import pytest

_listening = pytest.StashKey[TemporaryDirectory]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--canaries", action="store_true", help="fail if any bridge of any test says what is secret")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--canaries"):
        config.stash[_listening] = TemporaryDirectory(prefix="canaries-")
        # The end-to-end tests run what this names instead of the installed script.
        os.environ["MCP_AUTH_BRIDGE_COMMAND"] = str(canaries.command(Path(config.stash[_listening].name)))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if folder := session.config.stash.get(_listening, None):
        told = canaries.report(Path(folder.name))
        session.config.get_terminal_writer().write("\n" + "\n".join(told) + "\n")
        if len(told) > 1 and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        folder.cleanup()
