"""The user agrees at a terminal by a letter, elsewhere by an option, and never by silence."""

import asyncio
import os
import pty
import sys

import pytest

from mcp_auth_bridge.errors import LoginRequired
from mcp_auth_bridge.shell.browser.login_window import LoginWindow
from mcp_auth_bridge.shell.browser.loopback import Loopback
from mcp_auth_bridge.shell.console import terminal

QUESTION, OPTION = "https://mcp.example wants something", "--trust https://new.example"


def agree():
    async def story():
        window = LoginWindow(Loopback(), lambda _: False, command="mcp-auth-bridge login acme")
        await window.agree(QUESTION, OPTION)

    asyncio.run(story())


@pytest.fixture
def typing(monkeypatch):
    """A terminal in front of the process; a call types there, as the user does."""
    outer, inner = pty.openpty()
    kept = os.dup(0)
    os.dup2(inner, 0)
    monkeypatch.setattr(terminal, "is_interactive", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    yield lambda text: os.write(outer, text)
    os.dup2(kept, 0)
    for fd in (outer, inner, kept):
        os.close(fd)


@pytest.mark.parametrize("typed", [b"y\n", b"Y\n", b"yes\n", b" y \n"])
def test_a_yes_is_a_yes(typing, typed):
    typing(typed)
    agree()


@pytest.mark.parametrize("typed", [b"\n", b"n\n", b"no\n", b"maybe\n", b"\x04", b"yy\n", b"\xff\n"])
def test_anything_else_is_a_no_and_there_is_no_second_question(typing, typed):
    typing(typed + b"y\n")
    with pytest.raises(LoginRequired) as raised:
        agree()
    assert raised.value.message == QUESTION


def test_without_a_terminal_there_is_no_question_and_the_hint_is_the_whole_command():
    with pytest.raises(LoginRequired) as raised:
        agree()
    assert raised.value.message == QUESTION
    assert raised.value.hint.endswith("run: mcp-auth-bridge login acme --trust https://new.example")
