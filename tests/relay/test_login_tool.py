"""The login tool has a short name that every client accepts."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.relay.login_tool import login_tool_name


@pytest.mark.parametrize(
    ("server", "name"),
    [
        ("acme", "acme_login"),
        ("acme tickets (new)", "acme_tickets_new__login"),
        ("https://mcp.acme.example/mcp?" + "x" * 80, "acme_login"),
        ("https://a-very-long-label-of-a-host-name.example/", "a-very-long-label-of-a-h_login"),
        ("http://10.0.0.1:8000/mcp", "10_0_0_1_8000_login"),
        ("http://127.0.0.1:8000/mcp", "127_0_0_1_8000_login"),
    ],
)
def test_the_name_is_the_servers_short_one(server, name):
    assert login_tool_name(server) == name


@given(st.text(min_size=1).filter(lambda name: "://" not in name))
def test_any_name_makes_a_name_that_fits_behind_a_clients_prefix(server):
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,30}", login_tool_name(server))
