"""The board on a terminal: what it shows, and that it goes away."""

import io

import pytest

from mcp_auth_bridge.shell.console.rich_activity import Board


@pytest.fixture
def screen():
    return io.StringIO()


def test_a_countdown_shows_what_is_left_in_minutes(screen):
    board = Board(screen, 80)
    with board.open(), board.countdown("waiting for \x1b[2J the browser", 125):
        pass
    assert "2:05 left" in screen.getvalue()
    assert "\x1b[2J" not in screen.getvalue()


def test_a_countdown_never_goes_below_zero(screen):
    board = Board(screen, 80)
    with board.open(), board.countdown("waiting", -3):
        pass
    assert "0:00 left" in screen.getvalue()


def test_steps_are_counted_as_they_are_done(screen):
    board = Board(screen, 80)
    with board.open(), board.steps("servers", 2) as advance:
        advance()
        advance()
        with board.paused(), board.paused():
            pass
    assert "2 of 2" in screen.getvalue()


def test_nothing_is_drawn_within_a_pause_and_the_cursor_stays(screen):
    board = Board(screen, 80)
    with board.open(), board.countdown("waiting", 60), board.paused():
        before = screen.getvalue()
        with board.paused():
            pass
        assert screen.getvalue() == before
    assert screen.getvalue().rstrip("\r").endswith("\x1b[2K")
    assert "\x1b[?25" not in screen.getvalue()
