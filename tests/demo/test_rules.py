"""What the demo's authorization server accepts, as the RFCs say it; everything else is refused with its code."""

import pytest

from mcp_auth_bridge.demo import rules
from mcp_auth_bridge.errors import OAuthRefused

CHALLENGE = rules.s256("v" * 43)
CLIENT = rules.RegisteredClient("id", "name", ("http://127.0.0.1:1/callback",), ("authorization_code",))
GOOD = {
    "response_type": "code",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "redirect_uri": "http://127.0.0.1:1/callback",
    "state": "S",
}


def refused(function, *given):
    with pytest.raises(OAuthRefused) as caught:
        function(*given)
    return rules.error_members(caught.value)["error"]


def test_a_request_with_pkce_is_valid_and_asks_for_the_first_scope_if_it_names_none():
    request = rules.parse_authorization_request(CLIENT, GOOD)
    assert (request.state, request.challenge, request.scope) == ("S", CHALLENGE, rules.SCOPES[0])


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
    ],
)
def test_any_other_request_is_refused_with_the_code_of_the_rfc(changes, error):
    assert refused(rules.parse_authorization_request, CLIENT, {**GOOD, **changes}) == error


def test_redirect_uris_are_https_or_on_the_loopback():
    good = ["https://client.example/callback", "http://127.0.0.1:1/callback"]
    assert rules.parse_redirect_uris(good) == tuple(good)


@pytest.mark.parametrize("value", [None, [], "https://x", [5], ["https://x/#fragment"], ["http://client.example/"]])
def test_any_other_redirect_uri_is_refused(value):
    assert refused(rules.parse_redirect_uris, value) == "invalid_redirect_uri"


def test_of_the_grant_types_those_that_exist_here_are_registered():
    assert rules.parse_grant_types(["refresh_token", "authorization_code", "magic"]) == (
        "authorization_code",
        "refresh_token",
    )
    for value in (None, ["refresh_token"]):
        assert refused(rules.parse_grant_types, value) == "invalid_client_metadata"


def test_a_challenge_is_the_hash_of_its_verifier():
    """RFC 7636 appendix B."""
    assert rules.s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
