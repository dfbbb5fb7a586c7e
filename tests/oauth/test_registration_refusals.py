"""A refused registration: the reason, and what the user can do."""

import pytest
from playing import PAGE, answer, play
from registration_flow import HERE, REGISTER, registered, server

from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import (
    OAuthRefused,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.registration import register


def test_a_refused_registration_says_why_and_what_to_configure():
    with pytest.raises(
        OAuthRefused, match=r"invalid_redirect_uri \(HTTP 400\), saying “no port may be named”$"
    ) as raised:
        registered({"error": "invalid_redirect_uri", "error_description": "no port may be named"}, status=400)
    assert "client_id" in raised.value.hint


def test_a_page_or_no_response_is_an_error():
    flow = register(server(), HERE, (), None)
    with pytest.raises(UpstreamFailed, match="HTTP 403") as raised:
        play(flow, [(REGISTER, answer(PAGE.body, 403, "text/html"))])
    assert "a firewall or a proxy may stand in between" in raised.value.hint
    with pytest.raises(TheirProtocolError, match="is not JSON but a web page"):
        registered(PAGE.body, status=200)
    with pytest.raises(Unreachable):
        play(register(server(), HERE, (), None), [(REGISTER, Unreachable("no route"))])


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {"error": "insufficient_scope", "error_description": "Policy 'Allowed Client Scopes' rejected request"}),
        (422, {"error": "invalid_client_metadata", "error_description": "Requested scopes are not valid: admin"}),
        (400, {"error": "invalid_scope", "error_description": "cannot request scope admin"}),
    ],
)
def test_a_registration_that_is_refused_for_its_scopes_names_that_setting(status, body):
    with pytest.raises(OAuthRefused) as raised:
        registered(body, status=status, scopes=("admin",))
    assert raised.value.message.endswith(f", saying “{body['error_description']}”")
    assert raised.value.hint.startswith("set scopes under auth")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, b"Forbidden"),  # Figma
        (401, b""),
        (400, b'{"error":"invalid_request","error_description":"Your integration is not currently allowlisted."}'),
    ],
)
def test_a_provider_with_an_allow_list_is_recognised_and_the_hint_says_what_to_ask_for(status, body):
    with pytest.raises(TheirProtocolError) as raised:
        registered(body, status=status)
    assert "approved clients only" in raised.value.hint
    assert 'approve "mcp-auth-bridge"' in raised.value.hint
    assert "client_name" in raised.value.hint


def test_a_registration_that_is_sent_too_soon_says_when_to_try_again():
    refused = Response(429, {"retry-after": ("60",)}, b"slow down", 0.0)
    with pytest.raises(UpstreamFailed, match="429") as raised:
        play(register(server(), HERE, (), None), [(REGISTER, refused)])
    assert (raised.value.retry_after, raised.value.hint) == (60.0, "try again in 60 s")


@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_redirect_uri_is_recognised_without_its_error_code(status):
    with pytest.raises(OAuthRefused, match="invalid_redirect_uri") as raised:
        registered({"message": "redirect_uris.0: Invalid url"}, status=status)
    assert raised.value.error == "invalid_redirect_uri"
