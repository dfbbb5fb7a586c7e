"""`--json` has one spelling on every command that prints data, and docs/json.md has all of them."""

import re
from pathlib import Path

import json_outputs
import pytest

from mcp_auth_bridge.cli import manual

DOCUMENT = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
PRINTS_NO_DATA = {
    "run": "stdout belongs to JSON-RPC",
    "login": "its result is an entry for IDEs, which is JSON",
    "logout": "prints nothing",
    "secret": "prints nothing",
    "edit": "opens an editor",
    "remove": "prints nothing",
    "uninstall": "prints nothing",
    "demo": "tells a story",
    "completion": "prints a script",
}


def parsers():
    (commands,) = (action for action in manual.build_parser()._actions if action.dest == "command")
    return commands.choices


@pytest.mark.parametrize("command", parsers())
def test_a_command_that_prints_data_prints_it_as_json_too(command):
    options = parsers()[command]._option_string_actions
    assert ("--json" in options) == (command not in PRINTS_NO_DATA)
    assert "--format" not in options


@pytest.mark.parametrize("command", sorted(parsers().keys() - PRINTS_NO_DATA))
def test_the_document_names_each_command_with_json(command):
    assert re.search(rf"^\| `{command}[ `]", DOCUMENT, re.MULTILINE)


def test_the_schema_in_the_documents_is_that_of_the_program():
    assert json_outputs.FILE.read_text(encoding="utf-8") == json_outputs.written(), "run tests/support/json_outputs.py"
