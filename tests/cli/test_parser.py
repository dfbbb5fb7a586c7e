"""The parsers of the command line: what they refuse, and with which suggestion; and what argparse cannot parse."""

import json
import sys

import pytest

from mcp_auth_bridge.cli.manual import build_parser
from mcp_auth_bridge.shell.console import terminal


@pytest.fixture
def refused(monkeypatch, capfd):
    """The exit code of a command line, and what is on stdout and stderr then."""
    monkeypatch.setattr(terminal, "exit_now", sys.exit)

    def refused(*arguments):
        with pytest.raises(SystemExit) as left:
            build_parser().parse_args(arguments)
        return (left.value.code, *capfd.readouterr())

    return refused


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
def test_a_misspelt_word_is_refused_in_one_line_with_a_suggestion(refused, arguments):
    assert refused(*arguments) == (2, "", f"mcp-auth-bridge: {SLIPS[arguments]}\n")


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
def test_any_other_mistake_leads_to_the_help(refused, arguments, sentence, program):
    said = f"mcp-auth-bridge: {sentence}\nmcp-auth-bridge: hint: see: {program} --help\n"
    assert refused(*arguments) == (2, "", said)


def test_the_rest_of_the_line_is_refused_in_the_format_that_it_asks_for(monkeypatch, refused):
    monkeypatch.setattr(terminal, "_format", terminal._format)
    code, out, err = refused("--log-format", "json", "wash")
    assert (code, out, json.loads(err)["message"]) == (2, "", "“wash” is not a command")


@pytest.mark.parametrize("arguments", [("help",), ("help", "login"), ("login", "--help"), ("-V",)])
def test_help_and_version_are_on_stdout(refused, arguments):
    code, out, err = refused(*arguments)
    assert (code, bool(out), err) == (0, True, "")


@pytest.mark.parametrize(
    ("words", "program"),
    [
        ([], None),
        (["--exec", "./report.py", "--all", "--", "x"], ("./report.py", "--all", "--", "x")),
        (["--exec", "--", "-x"], ("-x",)),
        (["--exec"], ()),
    ],
)
def test_what_follows_exec_belongs_to_the_other_program(words, program):
    assert build_parser().parse_args(["token", "acme", *words]).exec == program


@pytest.mark.parametrize(
    "line", ["call acme add a=1 b=2 --json", "call acme add --json a=1 b=2", "call acme add a=1 --json b=2"]
)
def test_arguments_may_go_on_after_an_option(line):
    given = build_parser().parse_args(line.split())
    assert (given.arguments, given.json) == (["a=1", "b=2"], True)


def test_an_indented_paragraph_of_the_help_keeps_its_lines(refused):
    _, out, _ = refused("call", "--help")
    assert "\n  mcp-auth-bridge call acme add a=19 b=23\n" in out
