"""The width of the terminal: the user's variable, else the terminal's own, else the usual one."""

import os
import pty
import sys
from pathlib import Path

import pytest

from mcp_auth_bridge.shell.console.text_layout import columns_for, terminal_width


@pytest.fixture
def terminal(monkeypatch):
    """A call makes stderr a terminal that knows no size of its own, after pytest has replaced stderr."""
    outer, inner = pty.openpty()
    stream = os.fdopen(inner, "w")
    monkeypatch.delenv("COLUMNS", raising=False)
    yield lambda: monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.undo()
    stream.close()
    os.close(outer)


@pytest.mark.parametrize("stderr", [None, "pipe"])
def test_without_a_terminal_there_is_no_width(monkeypatch, stderr, capsys):
    if stderr is None:
        monkeypatch.setattr(sys, "stderr", None)
    assert terminal_width() == 0


def test_the_users_variable_comes_first(terminal, monkeypatch):
    terminal()
    monkeypatch.setenv("COLUMNS", "33")
    assert terminal_width() == 33


@pytest.mark.parametrize("value", ["", "0", "wide", "-5"])
def test_a_variable_that_is_not_a_width_is_left_alone(terminal, monkeypatch, value):
    terminal()
    monkeypatch.setenv("COLUMNS", value)
    assert terminal_width() == 80


def test_a_terminal_that_tells_its_size_is_believed(terminal, monkeypatch):
    terminal()
    monkeypatch.setattr(os, "get_terminal_size", lambda fd: os.terminal_size((132, 50)))
    assert terminal_width() == 132


def test_a_terminal_that_cannot_be_asked_has_the_usual_width(terminal, monkeypatch):
    terminal()

    def fail(fd):
        raise OSError

    monkeypatch.setattr(os, "get_terminal_size", fail)
    assert terminal_width() == 80


def test_text_for_no_terminal_has_the_users_width_or_the_usual_one(monkeypatch):
    with Path(os.devnull).open("w") as stream:
        for nowhere in (stream, None):
            monkeypatch.delenv("COLUMNS", raising=False)
            assert columns_for(nowhere) == 80
            monkeypatch.setenv("COLUMNS", "33")
            assert columns_for(nowhere) == 33
