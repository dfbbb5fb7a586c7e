"""The errors for a machine's refused token request: they name the setting or secret to change."""

import pytest
from key_pairs import KEYS, pem
from machine_flow import AS, ID_TOKEN, NO_CLIENT, TOKEN, client, discovery, plan, signing, vouching
from playing import answer, play

from mcp_auth_bridge.errors import (
    ConfigError,
    CredentialRefused,
    NotAToken,
    OAuthRefused,
    TokenExpired,
    WrongAudience,
)
from mcp_auth_bridge.oauth.configured import ConfiguredClient, SubjectToken
from mcp_auth_bridge.oauth.machine import (
    JwtBearer,
    TokenExchange,
    obtain,
)
from mcp_auth_bridge.secret import Secret


def refused_with(code, the_plan=None, status=400, now=1000.0, extra=(), *, times=1):
    script = [*discovery(), *extra, *[(TOKEN, answer({"error": code}, status))] * times, ("now", now)]
    with pytest.raises((ConfigError, CredentialRefused, OAuthRefused)) as raised:
        play(obtain(the_plan or plan()), script)
    return raised.value


def test_a_client_that_is_not_accepted_is_told_where_its_secret_comes_from():
    error = refused_with("invalid_client", status=401, times=3)  # Basic, the form, Basic with the ID in the form
    assert isinstance(error, ConfigError)
    assert "“ci”" in error.message
    assert "the file /run/secret" in error.hint
    steps = [("entropy 16", b"x" * 16), ("now", 1000.0)]
    error = refused_with("invalid_client", plan(signing(pem(KEYS["RS256"]))), status=401, extra=steps)
    assert "assertion_audience" in error.hint
    assert "the file /run/key" in error.hint


@pytest.mark.parametrize("code", ["unauthorized_client", "unsupported_grant_type"])
def test_a_grant_that_is_not_offered_is_a_mistake_of_the_configuration(code):
    error = refused_with(code, plan(NO_CLIENT, JwtBearer(vouching())))
    assert isinstance(error, ConfigError)
    assert code in error.message


@pytest.mark.parametrize(("code", "key"), [("invalid_scope", "scopes"), ("invalid_target", "resource")])
def test_a_wish_that_is_not_granted_names_the_key(code, key):
    error = refused_with(code)
    assert isinstance(error, ConfigError)
    assert key in error.hint


@pytest.mark.parametrize(
    ("token", "kind", "words"),
    [
        (vouching(exp=990), TokenExpired, "it expired 10 seconds ago"),
        (vouching(aud="https://other.example"), WrongAudience, "it was made for “other.example” (its aud), not"),
        (vouching(aud=[f"{AS}/token", "x"]), CredentialRefused, "look right"),
        (SubjectToken(value=Secret("hunter2"), what="the assertion", place="x"), NotAToken, "not a JWT"),
        (
            SubjectToken(value=Secret("hunter2"), what="the subject_token", place="x", type="urn:a:b"),
            CredentialRefused,
            "opaque",
        ),
    ],
)
def test_a_refused_assertion_is_looked_at_and_told_where_it_comes_from(token, kind, words):
    error = refused_with("invalid_grant", plan(NO_CLIENT, JwtBearer(token)))
    assert type(error) is kind
    assert words in error.message
    assert token.place in error.hint
    assert token.value.reveal() not in error.message + error.hint


def test_of_two_tokens_the_one_that_looks_wrong_is_named():
    grant = TokenExchange(vouching("subject_token", ID_TOKEN, aud="me"), vouching("actor_token", ID_TOKEN, exp=1))
    error = refused_with("invalid_grant", plan(NO_CLIENT, grant))
    assert isinstance(error, TokenExpired)
    assert "actor_token" in error.message


@pytest.mark.parametrize(
    ("registration", "hint"),
    [
        (NO_CLIENT, "set client_id, and a client_secret or private_key"),
        (ConfiguredClient(issuer=AS, client=client()), "it may need a client_secret or private_key"),
    ],
)
def test_a_client_that_is_not_accepted_without_a_secret_may_need_one(registration, hint):
    error = refused_with("invalid_client", plan(registration), status=401)
    assert isinstance(error, ConfigError)
    assert hint in error.hint


def test_a_code_that_no_setting_changes_stays_as_it_is():
    assert type(refused_with("server_error")) is OAuthRefused
