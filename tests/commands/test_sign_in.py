"""What a login takes from the configuration."""

import asyncio
from pathlib import Path

import pytest
from commanding import world_of

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.commands import login
from mcp_auth_bridge.commands.sign_in import _configured
from mcp_auth_bridge.config import profile
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import ConfigError, Unreachable
from mcp_auth_bridge.shell.files.paths import Paths


def configured(folder, secret, **environ):
    paths = Paths(folder / "config.toml", folder / "records", folder / "locks", folder / "memory")
    auth = f"{{ kind = 'browser', client_id = 'c', issuer = 'https://as.example', client_secret = '{secret}' }}"
    text = f"[servers.acme]\nurl = 'https://mcp.example/mcp'\nauth = {auth}\n"
    bridge = Bridge(
        profile.parse(text, paths.config).profile("acme"), Context(paths, profile.parse(text, paths.config), environ)
    )
    return asyncio.run(_configured(bridge.profile.auth, bridge))


def test_a_client_s_secret_is_itself_or_comes_from_the_environment_or_a_file(tmp_path):
    (tmp_path / "secret").write_text("hunter2\n")
    for secret in ("hunter2", "env:ACME_SECRET", f"file:{tmp_path}/secret"):
        client = configured(tmp_path, secret, ACME_SECRET="hunter2")
        assert client.secret.reveal() == "hunter2"
        assert (client.id, client.issuer, client.registered) == ("c", "https://as.example", False)
    assert configured(tmp_path, "").secret is None


def test_a_client_s_secret_that_is_nowhere_is_an_error_that_names_where_it_was_expected(tmp_path):
    with pytest.raises(ConfigError, match=r"the client_secret of acme .* ACME_SECRET, which is not set"):
        configured(tmp_path, "env:ACME_SECRET")


def test_the_command_that_every_hint_names_can_be_typed_as_it_stands(tmp_path, monkeypatch):
    paths = Paths(tmp_path / "config.toml", tmp_path / "records", tmp_path / "locks", tmp_path / "memory")

    def command(target, file, **choice):
        context = Context(paths, profile.parse("[servers.acme]\nurl = 'https://mcp.example/mcp'", file), {})
        return asyncio.run(find_bridge(ServerChoice(target, **choice), context)).login_command

    assert command("acme", paths.config) == "mcp-auth-bridge login acme"
    assert command("https://a.example/mcp?x=1&y", paths.config) == "mcp-auth-bridge login 'https://a.example/mcp?x=1&y'"
    monkeypatch.chdir(tmp_path)
    auth = 'kind = "device"'
    elsewhere = command("acme", Path("my bridge.toml"), auth=auth)
    assert elsewhere == f"mcp-auth-bridge login acme --auth '{auth}' --config '{tmp_path}/my bridge.toml'"


def test_a_second_login_by_hand_says_what_it_waits_for(tmp_path, capsys):
    context = world_of(tmp_path, "http://127.0.0.1:1/mcp", "{ kind = 'browser' }")

    async def story():
        async with (await find_bridge(ServerChoice("acme"), context)).person_lock(0):
            second = asyncio.ensure_future(login.run(login.Input(ServerChoice("acme")), context))
            while "another login" not in (said := capsys.readouterr().err):  # noqa: ASYNC110 - stderr has no event
                await asyncio.sleep(0)
        with pytest.raises(Unreachable):  # its turn
            await second
        return said

    assert asyncio.run(story()) == "mcp-auth-bridge: another login to acme is going on, which this one waits for\n"
