"""The settings of a login with a person, and which of them contradict each other."""

import pytest
from configured import PATH, profile, refused, with_auth

from mcp_auth_bridge.config.login import DeviceSettings

OWN = 'client_id = "c", issuer = "https://as.example"'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (with_auth('kind = "browser", scopes = "a b"'), ["servers.acme.auth.scopes", "expected a list"]),
        (with_auth('kind = "browser", client_id = "c"'), ["servers.acme.auth", "client_id without issuer"]),
        (
            with_auth('kind = "browser", token_endpoint = "https://as/token"'),
            ["servers.acme.auth", "without issuer and authorization_endpoint"],
        ),
        (
            with_auth('kind = "browser", issuer = "https://as", registration_endpoint = "https://as/r"'),
            ["registration_endpoint without authorization_endpoint and token_endpoint"],
        ),
        (
            with_auth('kind = "device", issuer = "https://as", token_endpoint = "https://as/t"'),
            ["without device_authorization_endpoint"],
        ),
        (
            with_auth('kind = "browser", issuer = "https://as", token_endpoint = "http://as/t"'),
            ["servers.acme.auth.token_endpoint", "https"],
        ),
        (with_auth('kind = "browser", pkce = "plain"'), ["servers.acme.auth.pkce"]),
        (with_auth('kind = "browser", client_secret = "hunter2"'), ["servers.acme.auth", "without client_id"]),
        (
            with_auth(f'kind = "browser", {OWN}, auth_method = "none", client_secret = "env:S"'),
            ["contradict"],
        ),
        (with_auth(f'kind = "browser", {OWN}, auth_method = "client_secret_post"'), ["contradict"]),
        (with_auth('kind = "browser", auth_method = "x"'), ["servers.acme.auth.auth_method"]),
        (with_auth('kind = "browser", callback_port = 70000'), ["servers.acme.auth.callback_port", "65535"]),
        (with_auth('kind = "browser", callback_port = -1'), ["servers.acme.auth.callback_port"]),
        (
            with_auth('kind = "browser", callback_host = "0.0.0.0"'),
            ["servers.acme.auth.callback_host", "not one of the allowed values"],
        ),
        *(
            (with_auth(f'kind = "browser", callback_path = "{path}"'), ["auth.callback_path", "redirect URI"])
            for path in (
                "",
                "callback",
                ":81/x",
                "/a?b",
                "/a?",
                "/a#b",
                "/a/../b",
                "/a/%2E%2e",
                "/a b",
                "/a\\\\b",
                "/ä",
            )
        ),
        (
            with_auth('kind = "device", offline_access = "never", scopes = ["a", "offline_access"]'),
            ["servers.acme.auth", "contradict"],
        ),
        (with_auth('kind = "browser", offline_access = false'), ["servers.acme.auth.offline_access"]),
        (
            with_auth('kind = "browser", client_name = " x"'),
            ["servers.acme.auth.client_name", "cannot be the name"],
        ),
        (
            with_auth('kind = "browser", client_name = "a\\u202eb"'),
            ["servers.acme.auth.client_name", "cannot be the name"],
        ),
        (with_auth('kind = "browser", client_metadata_url = "https://a.example"'), ["client_metadata_url"]),
        (with_auth('kind = "browser", client_metadata_url = "http://a.example/c"'), ["client_metadata_url"]),
        (
            with_auth('kind = "browser", client_metadata_url = "https://a.example/../c"'),
            ["client_metadata_url"],
        ),
        (
            with_auth('kind = "browser", client_metadata_url = "https://me:hunter2@a.example/c"'),
            ["client_metadata_url", "cannot be a client's identifier"],
        ),
    ],
)
def test_a_mistake_is_named_by_its_key(text, words):
    message = refused(text)
    assert str(PATH) in message
    assert all(word in message for word in words), message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ('token = "refresh"', ["servers.acme.auth.token", "not one of the allowed values"]),
        ('account = "mia\\n"', ["servers.acme.auth.account", "is not an account"]),
        ('account = " mia"', ["servers.acme.auth.account", "is not an account"]),
        ('account = "mia", authorize_params = { login_hint = "bob" }', ["account and authorize_params.login_hint"]),
        ('audience = "a", authorize_params = { audience = "b" }', ["audience and authorize_params.audience"]),
        ('authorize_params = { resource = "x" }', ["authorize_params", "resource"]),
    ],
)
def test_contradictions_are_named_by_their_keys(auth, expected):
    message = refused(with_auth(f'kind = "browser", {auth}'))
    assert all(part in message for part in ["/etc/bridge.toml", *expected])


def test_what_the_authorization_server_needs_is_read():
    auth = profile(
        with_auth('kind = "browser", resource = "none", audience = "urn:a", token = "id", account = "mia"')
    ).auth
    assert (auth.resource, auth.audience, auth.token, auth.account) == ("none", "urn:a", "id", "mia")


def test_a_login_on_another_device_has_no_callback():
    assert profile(with_auth('kind = "device", scopes = ["a"]')).auth == DeviceSettings(scopes=("a",))
    assert "callback_port" in refused(with_auth('kind = "device", callback_port = 4711'))
    assert "client_id without issuer" in refused(with_auth('kind = "device", client_id = "c"'))
