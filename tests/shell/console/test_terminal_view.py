"""A result for people: drawn on a terminal with colours, and its text anywhere else."""

import contextlib
import io

import pytest

from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.console.view import Lines, Tone, words

VIEW = [Lines((words("good", Tone.GOOD),))]


class Screen(io.TextIOWrapper):
    """A stream that says that it is a terminal."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8")

    def isatty(self):
        return True

    def shown(self):
        return self.buffer.getvalue().decode()


@pytest.fixture
def user(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)


def shown(monkeypatch, stream=None):
    monkeypatch.setattr("sys.stdout", stream := stream or Screen())
    terminal.print_view(VIEW, "plain")
    return stream.shown()


def test_on_a_terminal_the_view_is_drawn(user, monkeypatch):
    assert shown(monkeypatch) == "\x1b[32mgood\x1b[0m\n"


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("NO_COLOR", "1")])
def test_a_user_who_wants_no_colours_gets_the_text(user, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert shown(monkeypatch) == "plain\n"


def test_an_empty_no_color_means_nothing(user, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b" in shown(monkeypatch)


def test_an_old_console_of_windows_gets_the_text(user, monkeypatch):
    monkeypatch.setattr("rich.console.detect_legacy_windows", lambda: True)
    assert shown(monkeypatch) == "plain\n"


def test_a_pipe_gets_the_text(user, capsys):
    terminal.print_view(VIEW, "plain")
    assert capsys.readouterr().out == "plain\n"


def test_where_stdout_is_closed_nothing_is_written(user, monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    terminal.print_view(VIEW, "plain")


def test_each_line_is_written_within_the_context_that_takes_the_moving_line_aside(user, monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_aside", terminal._aside)  # is put back
    entered = []

    @contextlib.contextmanager
    def aside():
        entered.append("in")
        yield
        entered.append("out")

    terminal.write_aside(aside)
    terminal.say("hello")
    terminal.print_result("result")
    assert entered == ["in", "out"] * 2
