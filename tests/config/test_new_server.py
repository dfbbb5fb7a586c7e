"""A server that is about to be written: its table, its name, and no secret in it."""

import pytest

from mcp_auth_bridge.config.new_server import NewServer, check_no_secret, name_for, with_authorization
from mcp_auth_bridge.config.profile import parse_server_url
from mcp_auth_bridge.errors import ConfigError

URL = "https://mcp.acme.example/mcp"


def server(**settings):
    return NewServer("acme", URL, **settings)


def test_a_table_has_only_what_differs_from_the_defaults():
    assert server().table() == {"url": URL}
    assert server(headers={"X": "1"}, auth={"kind": "none"}, allow_http=True, ipv4_only=True).table() == {
        "url": URL,
        "auth": {"kind": "none"},
        "headers": {"X": "1"},
        "allow_http": True,
        "network": {"ipv4_only": True},
    }


@pytest.mark.parametrize(
    ("value", "auth"),
    [
        ("Bearer env:T", {"kind": "bearer", "token": "env:T"}),
        ("bearer  keyring:acme", {"kind": "bearer", "token": "keyring:acme"}),
        ("env:T", {"kind": "headers", "headers": {"authorization": "env:T"}}),
        ("Token ${T}", {"kind": "headers", "headers": {"authorization": "Token ${T}"}}),
    ],
)
def test_an_authorization_header_becomes_the_auth_table_that_sends_it(value, auth):
    changed = with_authorization(server(headers={"X": "1", "authorization": value}))
    assert (changed.auth, changed.headers) == (auth, {"X": "1"})


def test_a_server_without_that_header_stays_as_it_is():
    assert with_authorization(server(headers={"X": "1"})) == server(headers={"X": "1"})


def test_that_header_and_an_auth_table_contradict_each_other():
    with pytest.raises(ConfigError, match="Authorization and --auth are both given"):
        with_authorization(server(headers={"Authorization": "Bearer env:T"}, auth={"kind": "none"}))


@pytest.mark.parametrize(
    "settings",
    [
        {"headers": {"X-Acme-Org": "42", "X-Region": "eu-west-1", "X-Api-Key": "env:KEY", "X-Token": "a ${TOKEN}"}},
        {"headers": {"X-Api-Key": "literal:public", "X-Org": "acme-corporation-of-the-world"}},
        {"auth": {"kind": "bearer", "token": "file:/run/token"}},
        {"auth": {"kind": "bearer", "token": "literal:test"}},
        {"auth": {"kind": "headers", "headers": {"X-Key": "keyring:acme"}}},
        {"auth": {"scopes": ["read"]}},
        {},
    ],
)
def test_references_and_what_may_be_public_are_written(settings):
    check_no_secret(server(**settings))


@pytest.mark.parametrize(
    ("settings", "what", "entry", "form"),
    [
        ({"headers": {"X-Api-Key": "abc"}}, "the header X-Api-Key", "acme-x-api-key", "--header 'X-Api-Key: keyring:"),
        (
            {"headers": {"X-Org": "sk0123456789abcdef0123"}},
            "the header X-Org",
            "acme-x-org",
            "--header 'X-Org: keyring:",
        ),
        ({"headers": {"X-Org": "Bearer x"}}, "the header X-Org", "acme-x-org", "--header 'X-Org: keyring:"),
        ({"auth": {"kind": "bearer", "token": "abc"}}, "the token", "acme-token", 'token = "keyring:'),
        (
            {"auth": {"client_id": "c", "client_secret": "s", "issuer": "https://as.example"}},
            "the client_secret",
            "acme-client-secret",
            'client_secret = "keyring:',
        ),
    ],
)
def test_a_secret_is_refused_with_the_command_that_stores_it(settings, what, entry, form):
    with pytest.raises(ConfigError) as refused:
        check_no_secret(server(**settings))
    assert refused.value.message.startswith(f"{what} would stand in the configuration")
    assert f"run: mcp-auth-bridge secret {entry} and write {form}{entry}" in refused.value.hint
    for value in ("abc", "sk0123456789abcdef0123"):
        assert value not in refused.value.message + refused.value.hint


@pytest.mark.parametrize(
    ("url", "taken", "name"),
    [
        (URL, (), "acme"),
        (URL, ("acme",), "acme-2"),
        (URL, ("acme", "acme-2"), "acme-3"),
        ("http://127.0.0.1:8000/mcp", (), "127.0.0.1-8000"),
        ("http://[::1]:8000/mcp", (), "1-8000"),
    ],
)
def test_a_name_is_made_from_the_host_and_is_not_taken(url, taken, name):
    assert name_for(parse_server_url(url, "a test"), taken) == name
