"""Results on stdout: one encoding for programs in every locale, and an error for a full disk."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_auth_bridge.errors import BridgeError
from mcp_auth_bridge.shell.console import terminal

FULL = Path("/dev/full")
WORDS = "scopes “mcp” ☃"


@pytest.mark.parametrize("locale", [{"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "latin-1"}])
def test_a_program_reads_the_same_letters_in_every_locale(locale):
    script = f"from mcp_auth_bridge.shell.console import terminal; terminal.print_result({WORDS!a})"
    environment = {"PATH": os.environ["PATH"], "PYTHONUTF8": "0", **locale}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=True)
    assert done.stdout.decode() == f"{WORDS}\n"


def test_a_terminal_without_a_letter_shows_a_question_mark(monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(screen, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", screen)
    terminal.print_result(WORDS)
    assert screen.buffer.getvalue() == b"scopes ?mcp? ?\n"


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
def test_a_full_disk_is_reported_as_an_error(monkeypatch):
    stream = FULL.open("w")
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(BridgeError, match="the answer could not be written: no space left on device"):
        terminal.print_result(WORDS)
    with contextlib.suppress(OSError):  # it is still full
        stream.close()
