"""A secret that the user types: only at a terminal, never empty, and Ctrl-C works while it is asked for."""

import getpass
import signal
import sys

import pytest

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.console import hidden_prompt, terminal


@pytest.fixture
def at_a_terminal(monkeypatch):
    monkeypatch.setattr(terminal, "is_interactive", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


def answers(monkeypatch, answer):
    asked = []

    def ask(question):
        asked.append((question, signal.getsignal(signal.SIGINT)))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(getpass, "getpass", ask)
    return asked


def test_the_answer_is_a_secret_and_the_question_says_who_asks(monkeypatch, at_a_terminal):
    asked = answers(monkeypatch, "hunter2")
    typed = hidden_prompt.ask_secret("the passphrase")
    assert typed.reveal() == "hunter2"
    assert "hunter2" not in repr(typed)
    assert asked[0][0] == "mcp-auth-bridge: the passphrase: "


def test_ctrl_c_ends_the_question_at_once_and_belongs_to_the_loop_afterwards(monkeypatch, at_a_terminal):
    before = signal.getsignal(signal.SIGINT)
    asked = answers(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        hidden_prompt.ask_secret("x")
    assert asked[0][1] is signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("answer", ["", EOFError()])
def test_an_empty_answer_is_an_error(monkeypatch, at_a_terminal, answer):
    answers(monkeypatch, answer)
    with pytest.raises(ConfigError, match="nothing was typed"):
        hidden_prompt.ask_secret("x")


@pytest.mark.parametrize("missing", ["stdin", "stderr"])
def test_without_a_terminal_nothing_is_asked(monkeypatch, at_a_terminal, missing):
    asked = answers(monkeypatch, "hunter2")
    if missing == "stdin":
        monkeypatch.setattr(terminal, "is_interactive", lambda: False)
    else:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert hidden_prompt.ask_secret("x") is None
    assert asked == []
