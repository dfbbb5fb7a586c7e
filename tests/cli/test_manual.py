"""The command line as people meet it: the manual fits their terminal, and a slip is told with what was meant."""

import os
import subprocess
import sys

import pytest

from mcp_auth_bridge import __version__
from mcp_auth_bridge.cli.manual import build_parser

COMMANDS = tuple(next(action.choices for action in build_parser()._actions if isinstance(action.choices, dict)))


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


def test_the_help_uses_a_wider_terminal(tmp_path):
    narrow, wide = (run("call", "--help", home=tmp_path, columns=columns).stdout for columns in ("80", "118"))
    assert len(wide.splitlines()) < len(narrow.splitlines())
    assert max(map(len, wide.splitlines())) > 80


@pytest.mark.parametrize("arguments", [("help",), ("help", "login"), ("help", "token", "more")])
def test_help_is_also_a_word(tmp_path, arguments):
    asked = run(*arguments, home=tmp_path)
    assert (asked.returncode, asked.stdout) == (0, run(*arguments[1:2], "--help", home=tmp_path).stdout)


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_has_a_short_option_too(tmp_path, option):
    assert run(option, home=tmp_path).stdout == f"mcp-auth-bridge {__version__}\n"


SLIPS = {
    ("lgin", "acme"): '“lgin” is not a command; did you mean "login"?',
    ("STATUS",): '“STATUS” is not a command; did you mean "status"?',
    ("help", "lgout"): '“lgout” is not a command; did you mean "logout"?',
    ("https://mcp.acme.example/mcp?key=hunter2",): (
        "a URL is not a command; did you mean “mcp-auth-bridge run URL”, or “mcp-auth-bridge login URL” to sign in?"
    ),
    ("mcp.acme.example/mcp",): (
        "a URL is not a command; did you mean “mcp-auth-bridge run URL”, or “mcp-auth-bridge login URL” to sign in?"
    ),
    ("--cfg", "x", "status"): '--cfg is not an option of mcp-auth-bridge; did you mean "--config"?',
    ("run", "acme", "--hedless"): '--hedless is not an option of mcp-auth-bridge run; did you mean "--headless"?',
    ("call", "acme", "add", "--jsn", "a=1"): '--jsn is not an option of mcp-auth-bridge call; did you mean "--json"?',
    ("run", "acme", "--haeder=X-Key: hunter2"): (
        '--haeder is not an option of mcp-auth-bridge run; did you mean "--header"?'
    ),
}


@pytest.mark.parametrize("arguments", SLIPS, ids=" ".join)
def test_a_slip_is_told_in_one_line_with_what_was_meant(tmp_path, arguments):
    done = run(*arguments, home=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"mcp-auth-bridge: {SLIPS[arguments]}\n")


@pytest.mark.parametrize(
    ("arguments", "sentence", "program"),
    [
        (("wash",), "“wash” is not a command", "mcp-auth-bridge"),
        (("--purple",), "--purple is not an option of mcp-auth-bridge", "mcp-auth-bridge"),
        (("key", "--purple"), "--purple is not an option of mcp-auth-bridge key", "mcp-auth-bridge key"),
        (("run", "acme", "hunter2"), "there are too many arguments", "mcp-auth-bridge run"),
        (("run",), "the following arguments are required: NAME|URL", "mcp-auth-bridge run"),
    ],
)
def test_what_nothing_is_like_leads_to_the_help(tmp_path, arguments, sentence, program):
    done = run(*arguments, home=tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"mcp-auth-bridge: {sentence}\nmcp-auth-bridge: hint: see: {program} --help\n"


@pytest.mark.parametrize("command", ["run", "login", "logout", "token", "tools", "call"])
def test_a_command_about_a_url_may_accept_plain_http(command):
    url = "http://metrics.cluster.example:8080/mcp"
    more = ["t"] if command == "call" else []
    assert build_parser().parse_args([command, url, *more, "--allow-http"]).allow_http
    assert not build_parser().parse_args([command, url, *more]).allow_http
