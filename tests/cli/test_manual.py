"""The manual: `--help` of every command fits a terminal, and options that commands share are parsed by each."""

import os
import subprocess
import sys

import pytest

from mcp_auth_bridge import __version__
from mcp_auth_bridge.cli.manual import build_parser


def parsers(*words):
    """The parsers of the commands, by name, that a line of these `words` is parsed with."""
    return next(action.choices for action in build_parser(words)._actions if action.dest == "command")


COMMANDS = tuple(parsers())


def run(*arguments, home, columns="80"):
    return subprocess.run(
        [sys.executable, "-m", "mcp_auth_bridge", *arguments],
        env={**os.environ, "MCP_AUTH_BRIDGE_HOME": str(home), "COLUMNS": columns},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_help_fits_80_columns(tmp_path, command):
    done = run(*command.split(), "--help", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []
    assert "None" not in done.stdout


def test_the_help_uses_a_wider_terminal(tmp_path):
    narrow, wide = (run("call", "--help", home=tmp_path, columns=columns).stdout for columns in ("80", "118"))
    assert len(wide.splitlines()) < len(narrow.splitlines())
    assert max(map(len, wide.splitlines())) > 80


@pytest.mark.parametrize("command", COMMANDS)
def test_a_line_that_begins_with_a_command_is_parsed_without_the_others(command):
    alone = parsers(command, "acme", "--debug")
    assert {name: parser.format_help() for name, parser in alone.items()} == {command: parsers()[command].format_help()}


@pytest.mark.parametrize("words", [("--debug", "run"), ("help", "run"), ("rnu",), ("--config", "run", "login")])
def test_any_other_line_is_parsed_with_all_commands(words):
    assert tuple(parsers(*words)) == COMMANDS


@pytest.mark.parametrize("arguments", [("help",), ("help", "login"), ("help", "token", "more")])
def test_help_is_also_a_word(tmp_path, arguments):
    asked = run(*arguments, home=tmp_path)
    assert (asked.returncode, asked.stdout) == (0, run(*arguments[1:2], "--help", home=tmp_path).stdout)


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_has_a_short_option_too(tmp_path, option):
    assert run(option, home=tmp_path).stdout == f"mcp-auth-bridge {__version__}\n"


@pytest.mark.parametrize("command", ["run", "login", "logout", "token", "tools", "call"])
def test_a_command_about_a_url_may_accept_plain_http(command):
    url = "http://metrics.cluster.example:8080/mcp"
    more = ["t"] if command == "call" else []
    assert build_parser().parse_args([command, url, *more, "--allow-http"]).allow_http
    assert not build_parser().parse_args([command, url, *more]).allow_http
