"""The revocation of a session (RFC 7009), played by hand."""

import base64

import pytest
from grant_flow import HERE, ISSUER, session
from playing import answer, plain, play

from mcp_auth_bridge.errors import (
    OAuthRefused,
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.revocation import revoke
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret


def test_a_revocation_names_the_refresh_token_and_authenticates():
    asked = []
    play(revoke(session()), [("POST https://as.example/revoke", answer(b""))], asked)
    assert plain(asked[0].form) == {"token": "RT-0", "token_type_hint": "refresh_token", "client_id": "abc"}


def test_a_revocation_names_the_access_token_too_while_it_is_good():
    asked = []
    endpoint = "POST https://as.example/revoke"
    play(revoke(session(expires_at=2000.0)), [(endpoint, answer(b"")), (endpoint, answer(b"", 204))], asked)
    assert [plain(effect.form)["token"] for effect in asked] == ["RT-0", "AT-0"]


def test_a_server_that_cannot_revoke_access_tokens_does_not_fail_a_revocation():
    endpoint = "POST https://as.example/revoke"
    refused = answer({"error": "unsupported_token_type"}, 400)
    play(revoke(session(expires_at=2000.0)), [(endpoint, answer(b"")), (endpoint, refused)])
    with pytest.raises(OAuthRefused, match="unsupported_token_type"):
        play(revoke(session(refresh=None)), [(endpoint, refused)])
    with pytest.raises(UpstreamFailed):
        play(revoke(session(expires_at=2000.0)), [(endpoint, answer(b"")), (endpoint, answer(b"", 503))])


def test_without_a_refresh_token_the_access_token_is_revoked():
    asked = []
    play(revoke(session(refresh=None)), [("POST https://as.example/revoke", answer(b""))], asked)
    assert plain(asked[0].form)["token_type_hint"] == "access_token"
    assert plain(asked[0].form)["token"] == "AT-0"


def test_without_a_revocation_endpoint_nothing_is_sent():
    assert play(revoke(session(revocation_endpoint="")), []) is None


def test_a_refused_revocation_is_an_error():
    with pytest.raises(OAuthRefused, match="the revocation"):
        play(revoke(session()), [("POST https://as.example/revoke", answer({"error": "invalid_client"}, 401))])


def test_a_revocation_endpoint_that_takes_basic_alone_gets_it_from_a_public_client():
    """canaille, and other servers with Authlib's default: a registration as `none` brought the secret."""
    asked = []
    client = Client(issuer=ISSUER, id="abc", secret=Secret("S"), auth_method="none", registered=True, redirect_uri=HERE)
    endpoint = "POST https://as.example/revoke"
    refused = (endpoint, answer({"error": "invalid_client"}, 401))
    script = [refused, refused, (endpoint, answer({})), (endpoint, answer({}))]
    play(revoke(session(client=client, expires_at=2000.0)), script, asked)
    basic = "Basic " + base64.b64encode(b"abc:S").decode()
    assert [plain(effect.headers).get("authorization") for effect in asked] == [None, None, basic, basic]
    assert [plain(effect.form)["token"] for effect in asked] == ["RT-0", "RT-0", "RT-0", "AT-0"]
    with pytest.raises(OAuthRefused, match="invalid_client"):
        play(revoke(session(client=client)), [refused] * 4)


def test_a_server_that_wants_the_secret_of_a_public_client_gets_an_empty_one():
    """The MCP Python SDK's (2.3.0)."""
    asked, endpoint = [], "POST https://as.example/revoke"
    play(revoke(session()), [(endpoint, answer({"detail": "client_secret"}, 400)), (endpoint, answer(b""))], asked)
    assert plain(asked[1].form)["client_secret"] == ""


def test_an_access_token_whose_revocation_is_refused_for_another_reason_is_an_error():
    endpoint = "POST https://as.example/revoke"
    refused = answer({"error": "invalid_request"}, 400)
    with pytest.raises(OAuthRefused, match="invalid_request"):
        play(revoke(session(expires_at=2000.0)), [(endpoint, answer(b"")), (endpoint, refused)])
