"""Messages on a terminal stay within its width; a command or URL to copy has a line of its own."""

import os
import pty
import subprocess
import sys
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from terminals import read

from mcp_auth_bridge.shell.console.line_format import PREFIX
from mcp_auth_bridge.shell.console.text_layout import wrap_lines

WORDS = st.lists(st.from_regex(r"[a-z;,“”]{1,15}|https://[a-z./?=]{1,60}", fullmatch=True), min_size=1).map(" ".join)


@given(WORDS, st.integers(40, 120), st.sampled_from(["", "  ", PREFIX]))
def test_every_line_fits_and_no_word_is_lost_or_broken(text, columns, first):
    made = list(wrap_lines(text, columns, first))
    assert " ".join(made).split() == f"{first}{text}".split()
    assert all(len(line) <= columns or ("://" in line and len(line.split()) == 1) for line in made)
    assert made[0].startswith(first.rstrip())


def test_a_command_at_the_end_stands_alone_however_long_it_is():
    command = "mcp-auth-bridge login https://mcp.acme.example/a/long/path --auth 'kind = \"browser\"'"
    assert list(wrap_lines(f"hint: run: {command}", 40, "  ")) == ["  hint: run:", f"    {command}"]


@given(WORDS, st.integers(40, 120))
def test_later_lines_begin_where_the_caller_says(text, columns):
    made = list(wrap_lines(text, columns, "-> ", "   "))
    assert " ".join(made).split() == f"-> {text}".split()
    assert all(line.startswith("   ") and line[3] != " " for line in made[1:])
    assert list(wrap_lines("run: mcp-auth-bridge status", 40, "", "  ")) == ["run:", "  mcp-auth-bridge status"]


def test_a_long_url_stands_alone():
    url = "https://mcp.acme.example/.well-known/oauth-protected-resource"
    assert list(wrap_lines(f"the metadata at {url} are for another resource than this one", 80, PREFIX)) == [
        "mcp-auth-bridge: the metadata at",
        f"    {url}",
        "    are for another resource than this one",
    ]


def test_a_word_that_is_too_long_stays_beside_its_bullet():
    place = "/.well-known/oauth-protected-resource/mcp"
    assert list(wrap_lines(f"{place}: HTTP 404", 40, "    - ", "      ")) == [f"    - {place}:", "      HTTP 404"]


def test_a_short_message_stays_on_one_line():
    assert list(wrap_lines("signed in to acme", 80, PREFIX)) == ["mcp-auth-bridge: signed in to acme"]


def on_a_terminal(argv, columns, home):
    """The lines that the command `argv` writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    child = subprocess.run(
        [sys.executable, "-m", "mcp_auth_bridge", *argv],
        env={"PATH": os.environ["PATH"], "MCP_AUTH_BRIDGE_HOME": str(home), "COLUMNS": str(columns)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        check=False,
    )
    assert child.returncode == 2
    os.close(theirs)
    said = "".join(iter(partial(read, ours), ""))
    os.close(ours)
    return said.replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_failure_on_a_terminal_has_one_prefix_and_fits(tmp_path, columns):
    said = on_a_terminal(["token", "acme", "--env", "X"], columns, tmp_path)
    assert said[0].startswith(PREFIX)
    assert "mcp-auth-bridge:" not in "".join(said[1:])
    assert any(line.startswith("  hint: ") for line in said[1:])
    assert all(len(line) <= columns for line in said)


def test_in_a_log_each_sentence_is_a_line_with_the_prefix(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mcp_auth_bridge", "token", "acme", "--env", "X"],
        env={"PATH": os.environ["PATH"], "MCP_AUTH_BRIDGE_HOME": str(tmp_path), "COLUMNS": "40"},
        capture_output=True,
        text=True,
        check=False,
    )
    sentence, hint = done.stderr.splitlines()
    assert sentence.startswith(PREFIX)
    assert hint.startswith(f"{PREFIX}hint: ")
