"""The settings of logins without a person, and what must be given together."""

from typing import get_args, get_type_hints

import pytest
from configured import profile, refused, with_auth

from mcp_auth_bridge.config import machine
from mcp_auth_bridge.oauth import assertions

AT = 'issuer = "https://as.example"'


ENDPOINT = 'token_endpoint = "https://as.example/token"'


A_CLIENT = 'client_id = "c", client_secret = "env:S"'


def test_the_kinds_without_a_person_are_told_apart():
    auth = profile(with_auth(f'kind = "client_credentials", {AT}, {A_CLIENT}, scopes = ["a"]')).auth
    assert isinstance(auth, machine.ClientCredentialsSettings)
    assert (auth.client_secret, auth.scopes) == ("env:S", ("a",))
    workload = profile(with_auth(f'kind = "jwt_bearer", {AT}, assertion = "file:/t"')).auth
    assert (workload.assertion, workload.client_id) == ("file:/t", "")
    exchange = profile(with_auth(f'kind = "token_exchange", {AT}, subject_token = "env:T"')).auth
    assert machine.token_type_uri(exchange.subject_token_type) == "urn:ietf:params:oauth:token-type:access_token"
    assert machine.token_type_uri("urn:a:b") == "urn:a:b"
    idp = 'idp = { token_endpoint = "https://idp.example/token" }'
    enterprise = profile(with_auth(f'kind = "enterprise", {AT}, identity_assertion = "env:I", {idp}')).auth
    assert enterprise.idp.token_endpoint == "https://idp.example/token"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'kind = "client_credentials", {A_CLIENT}', "an issuer or a token_endpoint is needed"),
        (f'kind = "client_credentials", {AT}, client_id = "c"', "needs a client_id"),
        (f'kind = "client_credentials", {AT}, client_secret = "hunter2"', "client_secret without client_id"),
        (f'kind = "client_credentials", {AT}, {A_CLIENT}, private_key = "hunter2"', "are both given"),
        (f'kind = "client_credentials", {AT}, {A_CLIENT}, key_id = "k"', "key_id without private_key"),
        (f'kind = "client_credentials", {AT}, {A_CLIENT}, algorithm = "HS256"', "auth.algorithm"),
        (f'kind = "client_credentials", {AT}, {A_CLIENT}, auth_method = "none"', "auth.auth_method"),
        (f'kind = "client_credentials", {A_CLIENT}, issuer = "http://as.example"', "auth.issuer"),
        (f'kind = "client_credentials", {A_CLIENT}, token_endpoint = "as.example"', "auth.token_endpoint"),
        (f'kind = "client_credentials", {AT}, {A_CLIENT}, callback_port = 1', "callback_port"),
        (f'kind = "client_credentials", {AT}, client_id = "c", client_secret = "a${{"', "auth.client_secret"),
        (f'kind = "jwt_bearer", {AT}', "assertion"),
        (f'kind = "jwt_bearer", {AT}, assertion = ""', "auth.assertion is empty"),
        (f'kind = "jwt_bearer", {AT}, assertion = "file:"', "auth.assertion"),
        ('kind = "jwt_bearer", assertion = "file:/t"', "an issuer or a token_endpoint is needed"),
        (f'kind = "token_exchange", {AT}, subject_token = "env:T", subject_token_type = "jwit"', "is not a token type"),
        (f'kind = "token_exchange", {AT}, subject_token = "env:T", actor_token = "env:"', "auth.actor_token"),
        (f'kind = "enterprise", {AT}, identity_assertion = "env:I"', "idp"),
        (f'kind = "enterprise", {AT}, identity_assertion = "env:I", idp = {{ client_id = "c" }}', "auth.idp"),
        (f'kind = "enterprise", {ENDPOINT}, identity_assertion = "env:I", idp = {{ {AT} }}', "needs the issuer"),
    ],
)
def test_missing_and_contradictory_keys_are_named(text, words):
    message = refused(with_auth(text))
    assert words in message
    assert "servers.acme.auth" in message
    assert "hunter2" not in message


def test_the_algorithms_to_choose_from_are_those_of_the_keys():
    choices = get_args(get_type_hints(machine.RegisteredClientSettings)["algorithm"])
    curves = [name for names in assertions._CURVES.values() for name in names]
    assert set(choices) - {""} == {*assertions._RSA, *curves, *assertions._ED25519}
