"""Every kind of `auth`: how it is told from the others, and the secrets that it names."""

import pytest
from configured import IDP, PATH, mistake, profile, refused, server, with_argument, with_auth

from mcp_auth_bridge.config.auth import (
    AnonymousSettings,
    BearerSettings,
    HeaderSettings,
    convert_argument,
    describe_static,
    digest,
    kind_of,
    references,
)
from mcp_auth_bridge.config.login import BrowserSettings
from mcp_auth_bridge.errors import ConfigError


def test_the_ways_to_authenticate_are_told_apart_by_kind():
    assert profile(with_auth('kind = "bearer", token = "env:T"')).auth == BearerSettings("env:T")
    assert profile(with_auth('kind = "none"')).auth == AnonymousSettings()
    headers = profile(server('auth = { kind = "headers", headers = { Authorization = "Basic ${X}" } }')).auth
    assert headers == HeaderSettings({"Authorization": "Basic ${X}"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (with_auth('kind = "magic"'), ["servers.acme.auth", "magic"]),
        (server('auth = { kind = "bearer", token = "hunter2${" }'), ["servers.acme.auth.token", "names no variable"]),
        (with_auth('kind = "bearer", token = "command:"'), ["servers.acme.auth.token", "names nothing"]),
        (with_auth('kind = "headers", headers = {}'), ["servers.acme.auth.headers is empty"]),
        (with_auth('kind = "headers", headers = { Host = "hunter2" }'), ["auth.headers", "Host"]),
    ],
)
def test_a_mistake_is_named_by_its_key_and_without_the_secret(text, words):
    message = refused(text)
    assert str(PATH) in message
    assert all(word in message for word in words), message
    assert "hunter2" not in message


@pytest.mark.parametrize("inside", ["", 'scopes = ["a"]', 'client_id = "c", issuer = "https://as.example"'])
def test_auth_without_a_kind_is_a_login_in_the_browser(inside):
    auth = profile(with_auth(inside)).auth
    spelt_out = ", ".join(filter(None, ["kind = 'browser'", inside]))
    assert auth == profile(with_auth(spelt_out)).auth
    assert isinstance(auth, BrowserSettings)


@pytest.mark.parametrize(
    ("inside", "kinds"),
    [
        ('token = "hunter2"', 'add kind = "bearer"'),
        ('headers = { X-Key = "hunter2" }', 'add kind = "headers"'),
        ('issuer = "https://as", assertion = "file:/t"', 'add kind = "jwt_bearer"'),
        ('issuer = "https://as", client_id = "c", private_key = "file:/k"', 'add kind = "client_credentials"'),
    ],
)
def test_auth_without_a_kind_that_fits_another_kind_gets_that_suggested(inside, kinds):
    error = mistake(with_auth(inside))
    assert error.hint.startswith(f"without kind it is a login in the browser; {kinds}")
    assert "hunter2" not in error.message + error.hint


@pytest.mark.parametrize("secret", ["hunter2", "literal:hunter2", "${T}", "Token ${T:-hunter2}", "${T:-env:T}"])
@pytest.mark.parametrize(
    ("inside", "what"),
    [
        ('kind = "bearer", token = "SECRET"', "the token"),
        ('kind = "headers", headers = { X-Key = "SECRET" }', "the header X-Key"),
        ('kind = "browser", client_id = "c", issuer = "https://as", client_secret = "SECRET"', "the client_secret"),
        (
            'kind = "client_credentials", issuer = "https://as", client_id = "c", client_secret = "SECRET"',
            "the client_secret",
        ),
        (
            'kind = "client_credentials", issuer = "https://as", client_id = "c", private_key = "SECRET"',
            "the private_key",
        ),
        ('kind = "jwt_bearer", issuer = "https://as", assertion = "SECRET"', "the assertion"),
        ('kind = "token_exchange", issuer = "https://as", subject_token = "SECRET"', "the subject_token"),
        (
            'kind = "token_exchange", issuer = "https://as", subject_token = "env:S", actor_token = "SECRET"',
            "the actor_token",
        ),
        (
            'kind = "enterprise", issuer = "https://as", identity_assertion = "SECRET", idp = { issuer = "https://i" }',
            "the identity_assertion",
        ),
        (
            f'kind = "enterprise", issuer = "https://as", identity_assertion = "env:I", idp = {IDP}',
            "the idp's client_secret",
        ),
    ],
)
def test_no_secret_and_no_variable_is_accepted_on_the_command_line(inside, what, secret):
    with pytest.raises(ConfigError, match="say where") as raised:
        with_argument(inside.replace("SECRET", secret))
    assert what in raised.value.message
    assert "env:NAME" in raised.value.hint
    assert "hunter2" not in raised.value.message + raised.value.hint


def test_credentials_in_the_configuration_itself_are_described_without_their_values():
    assert describe_static(BearerSettings("env:T")) == "a token from the environment variable T"
    assert describe_static(HeaderSettings({"X-A": "hunter2", "X-B": "env:B"})) == "the headers X-A, X-B"
    assert describe_static(AnonymousSettings()) == "no credentials"
    assert describe_static(BrowserSettings()) == ""


def test_the_secrets_of_a_table_are_named_by_their_keys():
    assert references(AnonymousSettings()) == {}
    assert [*references(BearerSettings("env:T"))] == ["the token"]
    assert [*references(HeaderSettings({"X-A": "env:A"}))] == ["the header X-A"]
    assert [*references(BrowserSettings(client_secret="env:S"))] == ["the client_secret"]


def test_other_settings_have_another_digest():
    one, other = BrowserSettings(account="mia"), BrowserSettings(account="tom")
    assert digest(one) == digest(BrowserSettings(account="mia")) != digest(other)
    assert len(digest(one)) == 8


def test_an_empty_argument_is_refused():
    with pytest.raises(ConfigError, match="--auth is empty"):
        convert_argument({})
    assert convert_argument({"kind": "none"}) == AnonymousSettings()


def test_a_way_to_authenticate_tells_its_kind():
    assert [kind_of(auth) for auth in (BearerSettings("env:T"), AnonymousSettings())] == ["bearer", "none"]
