"""On a terminal a command shows colours and columns for a person; in a pipe, the same bytes as ever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from program import command
from terminals import typing, visible

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="terminals of this kind are POSIX'")

CONFIG = """\
[store]
kind = "memory"
[servers.acme]
url = "https://mcp.acme.example/mcp"
[servers.tools]
url = "https://tools.example.org/mcp"
auth = { kind = "bearer", token = "env:CANARY_TOKEN" }
[servers.wrong]
url = "https://wrong.example"
ulr = 1
"""
STATUS = """\
wrong  https://wrong.example
  misconfigured: {home}/config.toml, line 10: servers.wrong.ulr is not a known key (hint: did you \
mean "url"?)
acme  https://mcp.acme.example/mcp
  signed out: run: mcp-auth-bridge login acme
tools  https://tools.example.org/mcp
  static: a token from the environment variable CANARY_TOKEN
"""
LIST = """\
name   auth     state          url
wrong           misconfigured  https://wrong.example
acme   browser  signed out     https://mcp.acme.example/mcp
tools  bearer   static         https://tools.example.org/mcp
"""
PLAIN = {"TERM=dumb": ("TERM", "dumb"), "NO_COLOR": ("NO_COLOR", "1")}


@pytest.fixture
def environment(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)
    return {
        "PATH": os.environ["PATH"],
        "MCP_AUTH_BRIDGE_HOME": str(tmp_path),
        "TERM": "xterm-256color",
        "COLUMNS": "80",
        "CANARY_TOKEN": "canary-1",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }


def piped(environment, *arguments):
    done = subprocess.run([command(), *arguments], env=environment, capture_output=True, check=False)
    assert done.stderr == b""
    return done.stdout.decode()


def on_terminal(environment, *arguments):
    return typing([command(), *arguments], environment, [])[1]


def test_in_a_pipe_status_and_list_are_text_byte_for_byte(environment, tmp_path):
    assert piped(environment, "status").startswith(STATUS.format(home=tmp_path))
    assert piped(environment, "list") == LIST


@pytest.mark.parametrize("why", PLAIN)
@pytest.mark.parametrize("name", ["status", "list"])
def test_a_terminal_without_colours_shows_the_text_of_the_pipe(environment, name, why):
    key, value = PLAIN[why]
    assert on_terminal({**environment, key: value}, name) == piped(environment, name)


@pytest.mark.parametrize("why", PLAIN)
def test_on_a_terminal_without_colours_nothing_moves(environment, why):
    key, value = PLAIN[why]
    assert "\x1b" not in on_terminal({**environment, key: value}, "doctor")


@pytest.mark.parametrize("columns", [40, 80, 120, 200])
@pytest.mark.parametrize("name", ["status", "list", "doctor"])
def test_on_a_terminal_a_line_fits_and_only_a_command_path_or_url_is_longer(environment, name, columns):
    lines = visible(on_terminal({**environment, "COLUMNS": str(columns)}, name))
    long = [line for line in lines if len(line) > columns and "mcp-auth-bridge login" not in line]
    assert [line for line in long if max(map(len, line.split())) < columns - 30] == []
    assert "canary-1" not in "\n".join(lines)


def test_a_command_to_copy_is_on_one_line_at_any_width(environment):
    for columns in (40, 80):
        shown = visible(on_terminal({**environment, "COLUMNS": str(columns)}, "status"))
        assert "acme  mcp-auth-bridge login acme" in shown


def test_the_table_says_what_the_text_says(environment, tmp_path):
    shown = " ".join("\n".join(visible(on_terminal({**environment, "COLUMNS": "200"}, "status"))).split())
    for words in ("acme", "signed out", "static", "misconfigured", "did you mean", str(Path(tmp_path, "log"))):
        assert words in shown


def test_the_json_of_a_terminal_has_no_colours(environment):
    assert on_terminal(environment, "list", "--json") == piped(environment, "list", "--json")
