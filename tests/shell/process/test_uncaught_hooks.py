"""The hooks name an exception by class and place, wherever it was raised, and never by its text."""

import asyncio
import logging
import sys
import threading

import pytest

from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.process import uncaught


@pytest.fixture
def reported(monkeypatch):
    """The reports so far; the process's own hooks come back afterwards."""
    said = []
    monkeypatch.setattr(terminal, "report_error", said.append)
    for module, name in ((sys, "excepthook"), (threading, "excepthook"), (sys, "unraisablehook")):
        monkeypatch.setattr(module, name, getattr(module, name))
    handlers = logging.getLogger().handlers
    monkeypatch.setattr(logging.getLogger(), "handlers", [*handlers])
    uncaught.install_hooks()
    return said


def bug():
    with pytest.raises(ValueError, match="canary") as caught:
        int("canary")
    return caught.value


def test_in_the_main_thread_in_others_and_in_destructors_the_text_is_left_out(reported):
    error = bug()
    sys.excepthook(ValueError, error, None)
    threading.excepthook(threading.ExceptHookArgs((ValueError, error, None, None)))
    sys.unraisablehook(type("Unraisable", (), {"exc_value": error}))
    assert len(reported) == 3
    assert all("ValueError" in said.message and "canary" not in said.message for said in reported)


def test_a_task_that_is_never_awaited_is_reported_and_a_warning_without_an_exception_is_not(reported):
    loop = asyncio.new_event_loop()
    uncaught.report_in_loop(loop, {"message": "canary", "exception": bug()})
    uncaught.report_in_loop(loop, {"message": "canary"})
    loop.close()
    assert len(reported) == 1


def test_warnings_of_libraries_reach_no_stream(reported, capsys):
    logging.getLogger("some.library").warning("canary")
    assert "canary" not in capsys.readouterr().err
