"""A client that the bridge registers, and one that it need not register."""

import json

import pytest
from playing import answer, play
from registration_flow import HERE, REGISTER, client, registered, server

from mcp_auth_bridge.errors import (
    ConfigError,
    OAuthRefused,
    ProtocolError,
)
from mcp_auth_bridge.oauth.registration import RegistrationSettings, register
from mcp_auth_bridge.secret import Secret


def test_a_native_public_client_is_registered_with_exactly_our_redirect_uri():
    asked = []
    made = registered({"client_id": "abc", "redirect_uris": [HERE]}, scopes=("a", "b"), asked=asked)
    assert made == client(scope="a b")
    assert json.loads(asked[0].document) == {
        "client_name": "mcp-auth-bridge",
        "application_type": "native",
        "redirect_uris": [HERE],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": "a b",
    }
    assert asked[0].form is None


def test_a_registration_without_scopes_omits_them():
    asked = []
    registered({"client_id": "abc"}, asked=asked)
    assert "scope" not in json.loads(asked[0].document)


def test_an_earlier_registration_with_the_same_redirect_uri_is_used_again():
    known = client()
    assert play(register(server(), HERE, (), known), []) is known


def test_an_earlier_registration_whose_port_is_taken_is_replaced():
    known = client(id="old", redirect_uri="http://127.0.0.1:1/callback")
    assert registered({"client_id": "new"}, known=known).id == "new"


def test_a_configured_client_is_not_registered_and_gets_the_redirect_uri():
    known = client(registered=False, redirect_uri="")
    assert play(register(server(registers=False), HERE, (), known), []).redirect_uri == HERE


@pytest.mark.parametrize(
    ("advertised", "secret", "method"),
    [
        ((), None, "none"),
        ((), "s", "client_secret_basic"),
        (("client_secret_post", "none"), None, "none"),
        (("client_secret_basic", "client_secret_post"), "s", "client_secret_basic"),
        (("client_secret_post", "private_key_jwt"), "s", "client_secret_post"),
    ],
)
def test_a_configured_client_gets_a_method_that_the_server_accepts(advertised, secret, method):
    known = client(registered=False, auth_method="", secret=Secret(secret) if secret else None)
    assert play(register(server(advertised), HERE, (), known), []).auth_method == method


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_the_only_advertised_method_is_requested(method):
    asked = []
    secret = {} if method == "none" else {"client_secret": "s"}
    made = registered({"client_id": "abc", **secret}, methods=(method,), asked=asked)
    assert json.loads(asked[0].document)["token_endpoint_auth_method"] == method
    assert made.auth_method == method


def test_a_server_without_registration_is_explained_with_the_line_to_write():
    with pytest.raises(ConfigError, match="does not register clients") as raised:
        play(register(server(registers=False), HERE, (), None), [])
    assert 'client_id = "…", issuer = "https://as.example"' in raised.value.hint


@pytest.mark.parametrize(("secret", "method"), [("S", "client_secret_basic"), (None, "none")])
def test_a_configured_method_is_the_only_one_that_is_tried(secret, method):
    asked, settings = [], RegistrationSettings(auth_method="client_secret_basic")
    script = [("POST https://as.example/register", answer({"client_id": "abc", "client_secret": secret}, 201))]
    made = play(register(server(("client_secret_post",)), HERE, (), None, settings), script, asked)
    assert json.loads(asked[0].document)["token_endpoint_auth_method"] == "client_secret_basic"
    assert (made.auth_method, made.other_methods) == (method, ())


def test_a_method_that_the_server_refuses_to_register_is_followed_by_the_next():
    refused = answer({"error": "invalid_client_metadata"}, 400)
    script = [(REGISTER, refused), (REGISTER, answer({"client_id": "abc", "client_secret": "S"}, 201))]
    asked = []
    made = play(register(server(("client_secret_post", "none")), HERE, (), None), script, asked)
    methods = [json.loads(effect.document)["token_endpoint_auth_method"] for effect in asked]
    assert len(set(methods)) == 2
    assert made.id == "abc"


@pytest.mark.parametrize(("code", "status"), [("invalid_redirect_uri", 400), ("invalid_client_metadata", 403)])
def test_any_other_refusal_of_a_registration_is_final(code, status):
    with pytest.raises((ConfigError, ProtocolError)):
        play(register(server(("client_secret_post",)), HERE, (), None), [(REGISTER, answer({"error": code}, status))])


def test_a_server_that_refuses_something_else_of_the_first_method_is_not_asked_for_the_second():
    refused = answer({"error": "invalid_client_metadata"}, 403)
    with pytest.raises(OAuthRefused):
        play(register(server(("none", "client_secret_post")), HERE, (), None), [(REGISTER, refused)])
