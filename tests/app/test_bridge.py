"""What a bridge to one server keeps apart from other servers, and the command that it names."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from commanding import context_of

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.secret import parse_reference
from mcp_auth_bridge.shell.files.paths import paths_below


def remembered(tmp_path, environ, **headers):
    context = context_of(tmp_path, "https://mcp.example/mcp", environ=environ)
    named = {name.replace("_", "-"): parse_reference(text, "a header") for name, text in headers.items()}
    return Bridge(msgspec.structs.replace(context.config.profiles["acme"], headers=named), context).server_cache


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (({}, {"X_Org": "1"}), ({}, {"X_Org": "2"})),
        (({"ORG": "1"}, {"X_Org": "env:ORG"}), ({"ORG": "2"}, {"X_Org": "env:ORG"})),
        (({}, {"X_Org": "1"}), ({}, {})),
    ],
)
def test_the_tools_that_one_organisation_was_shown_are_not_shown_to_another(tmp_path, one, other):
    mine, theirs = remembered(tmp_path, one[0], **one[1]), remembered(tmp_path, other[0], **other[1])
    mine.save("tools/list", b'{"tools":[]}')
    assert theirs.load() == {}
    assert remembered(tmp_path, one[0], **one[1]).load() == {"tools/list": b'{"tools":[]}'}


def test_the_command_that_every_hint_names_can_be_typed_as_it_stands(tmp_path, monkeypatch):
    paths = paths_below(tmp_path)

    def command(target, file, **choice):
        context = Context(paths, config_file.parse("[servers.acme]\nurl = 'https://mcp.example/mcp'", file), {})
        return asyncio.run(find_bridge(ServerChoice(target, **choice), context)).login_command

    assert command("acme", paths.config) == "mcp-auth-bridge login acme"
    assert command("https://a.example/mcp?x=1&y", paths.config) == "mcp-auth-bridge login 'https://a.example/mcp?x=1&y'"
    monkeypatch.chdir(tmp_path)
    auth = 'kind = "device"'
    elsewhere = command("acme", Path("my bridge.toml"), auth=auth)
    assert elsewhere == f"mcp-auth-bridge login acme --auth '{auth}' --config '{tmp_path}/my bridge.toml'"


def test_the_command_that_examines_a_server_has_its_headers_without_their_values(tmp_path):
    paths = paths_below(tmp_path)
    text = "[servers.acme]\nurl = 'https://mcp.example/mcp'\nheaders = { X-Org = 'env:ORG' }"
    context = Context(paths, config_file.parse(text, paths.config), {})

    def command(target, **headers):
        return asyncio.run(find_bridge(ServerChoice(target, headers), context)).doctor_command

    assert command("acme") == "mcp-auth-bridge doctor acme"  # the configuration has the header
    given = {"X-Org": "env:ORG", "X-Key": "canary", "X-File": "file:/run/key", "X-Entry": "keyring:acme"}
    assert command("https://a.example/mcp", **given) == (
        "mcp-auth-bridge doctor https://a.example/mcp --header 'X-Org: env:ORG' --header 'X-Key: …'"
        " --header 'X-File: file:/run/key' --header 'X-Entry: keyring:acme'"
    )
