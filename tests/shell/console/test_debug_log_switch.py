"""The switch of the debug log: on for the rest of the process, and free of cost while it is off."""

import os

import pytest

from mcp_auth_bridge.shell.console import debug_log


@pytest.fixture(autouse=True)
def off(monkeypatch):
    monkeypatch.setattr(debug_log, "on", False)


def test_the_first_event_describes_the_process(capsys):
    debug_log.enable()
    debug_log.describe_process("run")
    assert debug_log.on
    line = capsys.readouterr().err
    assert " started version=" in line
    assert line.endswith(f" pid={os.getpid()}\n")
    assert " command=run " in line


def test_while_it_is_off_a_line_takes_fields_and_failures_and_writes_nothing(capsys):
    with debug_log.timed("mcp") as line:
        line.add(status=200)
        line.fail(ValueError("canary"))
    assert capsys.readouterr().err == ""
