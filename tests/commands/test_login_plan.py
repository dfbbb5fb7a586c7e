"""The parts of a login's plan that come from the configuration."""

import asyncio

import pytest

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.commands.login_plan import configured_client
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.files.paths import paths_below


def configured(folder, secret, **environ):
    paths = paths_below(folder)
    auth = f"{{ kind = 'browser', client_id = 'c', issuer = 'https://as.example', client_secret = '{secret}' }}"
    text = f"[servers.acme]\nurl = 'https://mcp.example/mcp'\nauth = {auth}\n"
    bridge = Bridge(
        config_file.parse(text, paths.config).profile("acme"),
        Context(paths, config_file.parse(text, paths.config), environ),
    )
    return asyncio.run(configured_client(bridge.profile.auth, bridge))


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
