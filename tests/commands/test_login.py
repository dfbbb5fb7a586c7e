"""A login by hand: whose turn it is, and what is trusted in advance."""

import asyncio

import pytest
from commanding import context_of

from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.commands import login
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import ConfigError, Unreachable


def test_an_agreement_in_advance_names_a_url():
    assert login._trusted(("https://AS.example:443/", "https://as.example/t")) == (
        "https://as.example",
        "https://as.example/t",
    )
    with pytest.raises(ConfigError, match="--trust takes the URL"):
        login._trusted(("as.example",))


def test_a_second_login_by_hand_says_what_it_waits_for(tmp_path, capsys):
    context = context_of(tmp_path, "http://127.0.0.1:1/mcp", "{ kind = 'browser' }")

    async def story():
        async with (await find_bridge(ServerChoice("acme"), context)).manual_login_lock(0):
            second = asyncio.ensure_future(login.run(login.Input(ServerChoice("acme")), context))
            while "another login" not in (said := capsys.readouterr().err):  # noqa: ASYNC110 - stderr has no event
                await asyncio.sleep(0)
        with pytest.raises(Unreachable):  # its turn
            await second
        return said

    assert asyncio.run(story()) == "mcp-auth-bridge: waiting for another login to acme to end\n"
