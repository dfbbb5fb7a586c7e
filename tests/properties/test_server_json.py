"""server.json, by which the MCP registry lists this program.

server.schema.json is a copy of schemas/2025-12-11/server.schema.json of github.com/modelcontextprotocol/static, commit
a9ba437d9fbbe92076a24b20d56449ac7c7786ac of 2025-12-12, without the examples of `registryBaseUrl`.
"""

import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from mcp_auth_bridge import __version__
from mcp_auth_bridge.catalogue.server_description import parse_description
from mcp_auth_bridge.cli.manual import build_parser
from mcp_auth_bridge.errors import ConfigError

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SERVER = json.loads((ROOT / "server.json").read_text())
SCHEMA = json.loads((HERE / "server.schema.json").read_text())
(PACKAGE,) = SERVER["packages"]


def test_it_fits_the_schema_that_it_names():
    assert SERVER["$schema"] == SCHEMA["$id"]
    jsonschema.Draft7Validator(SCHEMA).validate(SERVER)


def test_it_names_the_package_and_the_version_of_this_program():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert PACKAGE["identifier"] == project["name"]
    assert SERVER["version"] == PACKAGE["version"] == __version__


def test_its_arguments_are_those_of_a_command_that_exists():
    run, server, header = PACKAGE["packageArguments"]
    words = [run["value"], server["placeholder"], header["name"], header["placeholder"]]
    given = build_parser(words).parse_args(words)
    assert (given.command, given.server, given.header) == ("run", server["placeholder"], ["X-Acme-Org: 42"])


def test_the_registry_finds_its_name_in_the_description_of_the_package():
    assert f"mcp-name: {SERVER['name']}" in (ROOT / "README.md").read_text()


def test_add_says_that_it_starts_a_local_program():
    with pytest.raises(ConfigError, match="starts local programs only"):
        parse_description((ROOT / "server.json").read_bytes(), "server.json")
