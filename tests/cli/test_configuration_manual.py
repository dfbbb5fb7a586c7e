"""The options and the help of the commands about the configuration file."""

import pytest

from mcp_auth_bridge.cli import configuration_manual
from mcp_auth_bridge.cli.manual import build_parser


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["add"], {"words": [], "preset": None, "search": None, "source": None, "set": [], "header": [], "scope": []}),
        (["add", "a", "https://a", "--from", "x"], {"words": ["a", "https://a"], "source": "x"}),
        (["list"], {"json": False}),
        (["edit"], {"name": None}),
        (["remove", "acme"], {"name": "acme"}),
    ],
)
def test_a_command_line_is_parsed(words, expected):
    assert expected.items() <= vars(build_parser(words).parse_args(words)).items()


@pytest.mark.parametrize("name", ["add", "list", "edit", "remove"])
def test_a_help_text_says_what_stays(name, capsys):
    with pytest.raises(SystemExit):
        build_parser([name]).parse_args([name, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert f"mcp-auth-bridge {name}" in shown
    told = {"add": "A secret is never written", "edit": "Your text is kept", "remove": "entries of IDEs stay"}
    assert told.get(name, "the state of its login") in shown


def test_every_function_adds_one_command():
    names = [name for name in vars(configuration_manual) if name.startswith("add_")]
    assert sorted(names) == ["add_add", "add_edit", "add_list", "add_remove"]
