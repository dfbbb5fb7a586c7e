"""The options and the help of the commands that write into the files of clients."""

import pytest

from mcp_auth_bridge.cli import installation_manual
from mcp_auth_bridge.cli.manual import build_parser


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["install"], {"client": None, "server": None, "all": False, "migrate": False}),
        (["install", "kiro", "acme", "--dry-run"], {"client": "kiro", "server": "acme", "dry_run": True}),
        (["uninstall", "--everything", "--yes"], {"everything": True, "yes": True, "client": None}),
    ],
)
def test_a_command_line_is_parsed(words, expected):
    assert expected.items() <= vars(build_parser(words).parse_args(words)).items()


@pytest.mark.parametrize(("name", "told"), [("install", "Only the entry changes"), ("uninstall", "Logins stay")])
def test_a_help_text_says_what_stays(name, told, capsys):
    with pytest.raises(SystemExit):
        build_parser([name]).parse_args([name, "--help"])
    assert told in " ".join(capsys.readouterr().out.split())


def test_every_function_adds_one_command():
    names = [name for name in vars(installation_manual) if name.startswith("add_")]
    assert sorted(names) == ["add_install", "add_uninstall"]
