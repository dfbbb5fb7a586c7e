"""A login in the files of mcp-remote is read if it can be renewed."""

import json

import pytest

from mcp_auth_bridge.clients.migration.mcp_remote_login import login_digest, read_login
from mcp_auth_bridge.secret import Secret

TOKENS = {"access_token": "a", "refresh_token": "r", "issuer": "https://i.example", "expires_at": 5000, "scope": "s"}


def read(client=None, tokens=None):
    return read_login(json.dumps(client or {"client_id": "c"}), json.dumps(tokens or TOKENS))


def test_the_digest_is_that_of_mcp_remote():
    """The values are those of Node's `crypto` with the expression of `getServerUrlHash`."""
    url = {"url": "https://mcp.linear.app/mcp"}
    assert login_digest(url, {}) == "fcc436b0d1e0a1ed9a2b15bbd638eb13"
    assert login_digest({**url, "auth": {"resource": "none"}}, {}) == login_digest(url, {})
    auth = {"resource": "r", "authorize_params": {"prompt": "login"}}
    headers = {"B": Secret("1"), "A": Secret("2")}
    assert login_digest({**url, "auth": auth}, headers) == "4587a6608bea8c9be6742229c257f159"


def test_a_login_that_can_be_renewed_is_read():
    found = read({"client_id": "c", "client_secret": "s", "redirect_uris": ["http://localhost:1/oauth/callback"]})
    assert (found.issuer, found.client_id, found.scope) == ("https://i.example", "c", "s")
    assert (found.auth_method, found.redirect_uri, found.expires_at) == (
        *("client_secret_post", "http://localhost:1/oauth/callback"),
        5.0,
    )
    assert found.refresh.reveal() == "r"
    assert read().auth_method == "none"
    assert read(tokens={**TOKENS, "expires_at": None}).expires_at is None


@pytest.mark.parametrize("lacking", ["issuer", "refresh_token", "access_token"])
def test_another_one_is_not(lacking):
    assert read(tokens={name: value for name, value in TOKENS.items() if name != lacking}) is None
