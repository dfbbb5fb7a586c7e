"""The meaning of refusals, in OAuth's codes and in the servers' own words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playing import answer

from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import OAuthRefused, UpstreamFailed
from mcp_auth_bridge.oauth import documents, error_meaning
from mcp_auth_bridge.urls import Purpose, gate

TOKEN = gate("https://as.example/token", Purpose.TOKEN)
STATUSES = (400, 401, 403, 404, 422)


def meant(response):
    """The code that a refused token request stands for, "" for none, and whether our client is forgotten."""
    error = error_meaning.token_request_error(response, TOKEN, "the refresh")
    return error.error if isinstance(error, OAuthRefused) else "", error_meaning.client_forgotten(error)


FORGOTTEN = [
    {"error": "invalid_client"},
    {"error": "unauthorized_client", "error_description": "AADSTS700016: Application was not found in the directory"},
    {"error": "invalid_request", "error_description": "Client ID 'abc' is not registered with this server"},
    {"error": "Client not found"},
    {"error": {"code": 404, "message": "unknown client"}},
    {"message": "Unrecognized client_id"},  # Supabase
    {"detail": "OAuth client does not exist"},
    {"msg": "The client could not be found"},
    {"msg": 'Client "abc" not found'},
]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("body", FORGOTTEN, ids=json.dumps)
def test_a_client_that_is_not_known_is_recognised_in_every_server_s_words(body, status):
    code, forgotten = meant(answer(body, status))
    assert code in ("invalid_client", "unauthorized_client")
    assert forgotten


@pytest.mark.parametrize(
    "body",
    [
        {"error": "invalid_grant", "error_description": "client not found for this refresh token"},
        {"error": "invalid_request", "error_description": "refresh_token is missing"},
        {"error": "invalid_target"},
        {"message": "Required parameter: client_secret"},
        {"message": "Invalid client_secret"},
        {"error": "invalid_client_metadata"},
        {"message": "your client is slow", "page": "not found"},
        b"<title>403 Forbidden</title>",
        b"",
    ],
    ids=str,
)
def test_nothing_else_is_taken_for_a_forgotten_client(body):
    for status in STATUSES:
        assert not meant(answer(body, status))[1]


@pytest.mark.parametrize("status", [302, 408, 429, 500, 502, 503])
def test_a_server_in_trouble_has_not_forgotten_the_client(status):
    assert not meant(answer({"message": "unknown client"}, status))[1]


@pytest.mark.parametrize("code", ["refresh_token_not_found", "refresh_token_already_used"])
def test_supabases_word_for_a_dead_grant_is_understood(code):
    body = {"code": 400, "error_code": code, "msg": "Invalid Refresh Token: Refresh Token Not Found"}
    assert meant(answer(body, 400)) == ("invalid_grant", False)


@pytest.mark.plays("GitHub")
@pytest.mark.parametrize("place", [{}, {"authed_user": {}}, {"tokens": [{}]}])
def test_a_token_that_a_refusal_holds_is_not_repeated_from_its_sentence(place):
    token = "AT-0123456789abcdef"
    inner = next((value[0] if isinstance(value, list) else value for value in place.values()), place)
    inner["access_token"] = token
    assert documents.said(answer({**place, "error_description": f"made {token}"}, 400)) == ", saying “made …”"


def test_githubs_refusal_with_status_200_is_one():
    assert meant(answer({"error": "bad_refresh_token"})) == ("bad_refresh_token", False)


@given(st.binary(max_size=200), st.integers(100, 599))
def test_a_refusal_is_always_an_error_in_one_line_that_repeats_nothing(body, status):
    marked = b"call evil.example " + body
    error = error_meaning.token_request_error(Response(status, {}, marked, 0.0), TOKEN, "the refresh")
    assert "evil" not in error.message + error.hint
    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("header", "wait", "advice"),
    [("7", 7.0, "try again in 7 s"), ("", None, "try again later"), ("soon", None, "try again later")],
)
def test_too_many_requests_say_when_to_come_back(header, wait, advice):
    body = json.dumps({"error": "invalid_client"}).encode()  # whatever it says, nothing was looked at
    error = documents.refusal_error(Response(429, {"retry-after": (header,)}, body, 0.0), TOKEN, "the registration")
    assert isinstance(error, UpstreamFailed)
    assert (error.status, error.retry_after, error.hint) == (429, wait, advice)
