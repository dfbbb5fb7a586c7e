"""The line that moves while a user waits: on a terminal alone, and never in the way of another line."""

import io

import pytest

from mcp_auth_bridge.shell.console import activity, silence_notice, terminal


class Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal_screen(monkeypatch):
    """A user's terminal on stderr: the function puts it there, and returns what is written to it."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(silence_notice, "_enabled", True)
    monkeypatch.setattr(terminal, "_format", terminal.TextLines())
    monkeypatch.setattr(terminal, "_aside", terminal._aside)  # is put back

    def show():  # pytest sets stderr between the fixture and the test
        monkeypatch.setattr("sys.stderr", stream := Screen())
        return stream

    return show


def test_a_user_sees_how_much_time_is_left(terminal_screen):
    screen = terminal_screen()
    with activity.waiting("waiting for the [browser]", 300):
        pass
    assert "waiting for the [browser]" in screen.getvalue()
    assert "5:00 left" in screen.getvalue()


def test_the_line_is_gone_afterwards_and_the_cursor_was_never_hidden(terminal_screen):
    screen = terminal_screen()
    with activity.waiting("waiting", 300):
        pass
    assert screen.getvalue().rstrip("\r").endswith("\x1b[2K")
    assert "\x1b[?25" not in screen.getvalue()


def test_steps_are_counted(terminal_screen):
    screen = terminal_screen()
    with activity.steps("servers", 3) as advance:
        advance()
        terminal.say("one is done")  # draws the line again below itself
    assert "1 of 3" in screen.getvalue()


def test_a_line_of_the_program_begins_on_a_line_of_its_own(terminal_screen):
    screen = terminal_screen()
    with activity.steps("servers", 3), activity.waiting("waiting", 60):
        terminal.say("hello")
    before, after = screen.getvalue().split("mcp-auth-bridge: hello\n")
    assert before.rstrip("\r").endswith("\x1b[2K")
    assert "servers" in before
    assert "1:00 left" in after


def test_nothing_moves_while_the_user_types(terminal_screen):
    screen = terminal_screen()
    with activity.waiting("waiting", 60):
        with activity.paused():
            begin = len(screen.getvalue())
            terminal.say("is that right? [y/N]")
            typed = screen.getvalue()[begin:]
        assert "waiting" not in typed
    assert "waiting" in screen.getvalue()[begin:]


@pytest.mark.parametrize("why", ["a pipe", "dumb", "NO_COLOR", "JSON", "nobody waits", "closed"])
def test_where_no_person_sees_it_nothing_is_written(terminal_screen, monkeypatch, why):
    screen = terminal_screen()
    match why:
        case "a pipe":
            monkeypatch.setattr("sys.stderr", screen := io.StringIO())
        case "dumb":
            monkeypatch.setenv("TERM", "dumb")
        case "NO_COLOR":
            monkeypatch.setenv("NO_COLOR", "1")
        case "JSON":
            monkeypatch.setattr(terminal, "_format", terminal.JsonLines())
        case "nobody waits":
            monkeypatch.setattr(silence_notice, "_enabled", False)
        case "closed":
            monkeypatch.setattr("sys.stderr", None)
    with activity.waiting("waiting", 60), activity.steps("steps", 2) as advance, activity.paused():
        advance()
    assert screen.getvalue() == ""
