"""`remove` takes one server out of the file, and says what stays elsewhere and how it goes too."""

import json

import pytest
from config_files import ACME, OTHERS

from mcp_auth_bridge.commands import remove
from mcp_auth_bridge.errors import ConfigError

WITH_ACME = f"{OTHERS}\n[servers.acme]\nurl = '{ACME}'\n"


def removed(config, name):
    return config.run(remove.run, remove.Input(name))


def test_the_table_goes_and_everything_else_stays(config):
    config.write(WITH_ACME)
    code, out, said = removed(config, "acme")
    assert (code, out) == (0, "")
    assert config.text == OTHERS
    assert said == [
        f"acme is no longer in {config.file}",
        "a login to it, if there is one, stays in the store; to end it, run: mcp-auth-bridge logout acme",
    ]


def test_a_secret_that_no_other_server_uses_is_named(config):
    keys = (
        "headers = { A = 'keyring:shared', B = 'keyring:own' }\nauth = { kind = 'bearer', token = 'keyring:token' }\n"
    )
    other = "[servers.b]\nurl = 'https://b.example'\nheaders = { A = 'keyring:shared', C = 'env:C' }\n"
    config.write(WITH_ACME + keys + other)
    assert removed(config, "acme")[2][1:] == [
        "the secret “own” stays in the OS keyring (service mcp-auth-bridge)",
        "the secret “token” stays in the OS keyring (service mcp-auth-bridge)",
    ]


def test_an_entry_that_starts_it_is_named_with_its_file(config):
    config.write(WITH_ACME)
    file = config.folder / ".cursor" / "mcp.json"
    file.parent.mkdir()
    entries = {
        "work": {"command": "mcp-auth-bridge", "args": ["run", "acme"]},
        "first": {"command": "mcp-auth-bridge", "args": ["run", "first"]},
        "other": {"command": "npx", "args": ["-y", "acme"]},
    }
    file.write_text(json.dumps({"mcpServers": entries}))
    said = removed(config, "acme")[2]
    assert said[2:] == [
        f"the entry “work” of Cursor starts it: {file}",
        "to remove such entries, which fail now, run: mcp-auth-bridge uninstall --all acme",
    ]


def test_a_server_with_a_mistake_can_be_removed(config):
    config.write("[servers.bad]\nulr = 1\n")
    assert removed(config, "bad")[::2] == (0, [f"bad is no longer in {config.file}"])
    assert config.text == ""


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("frist", "there is no server named “frist”", "did you mean first?"),
        ("https://first.example/mcp", "“https://first.example/mcp” is not the name of a server", "name one of: first"),
    ],
)
def test_only_a_name_in_the_file_is_removed(config, name, message, hint):
    config.write(OTHERS)
    error = removed(config, name)[0]
    assert message in error.message
    assert hint in error.hint
    assert config.text == OTHERS


def test_a_file_that_cannot_be_parsed_stays(config):
    config.write("[servers.acme\n")
    error = removed(config, "acme")[0]
    assert isinstance(error, ConfigError)
    assert config.text == "[servers.acme\n"
