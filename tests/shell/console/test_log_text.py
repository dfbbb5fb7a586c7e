"""The text of a log: without secrets of URLs, and still of use to a reader."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.shell.console.log_text import clean

SECRETS_IN_URLS = {
    "https://user:password@host/path": "https://…@host/path",
    "https://host/path?code=1#x": "https://host/path",
    "/s/MjQ0ZTk3YTAtNzc5/mcp": "/s/…/mcp",
    "/c2b0a5a1-8e4e-4f43-9d2a-0a1b2c3d4e5f/v2.0/token": "/…/v2.0/token",
    "/x/AbCdEfGhIjKlMnOpQrStUv": "/x/…",
    "/x/abcdefghijklmnopqrstuvwxyz": "/x/…",
    "/x/a%2Fb%2Fc%2F1234567890": "/x/…",
}


@pytest.mark.parametrize("text", SECRETS_IN_URLS)
def test_what_may_be_secret_in_a_url_is_cut_out(text):
    assert clean(text) == SECRETS_IN_URLS[text]


@pytest.mark.parametrize(
    "text",
    [
        "/.well-known/oauth-authorization-server/tenant1",
        "/.well-known/oauth-protected-resource/mcp",
        "http://127.0.0.1:34567/.well-known/openid-configuration",
        "https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize",
        "mcp.acme-organisation.example.com:8443",
        "notifications/resources/list_changed",
        "sampling/createMessage",
        "the refresh of session acme https://mcp.example.com/mcp",
        "another mcp-auth-bridge has held the lock for more than 45 seconds",
    ],
)
def test_names_and_paths_that_a_reader_needs_stay(text):
    assert clean(text) == text


@given(st.binary(min_size=16, max_size=64), st.sampled_from(["/mcp/{}", "/mcp?x={}", "https://x:{}@host/", "say {}"]))
def test_a_random_token_never_passes(token, place):
    for text in (base64.urlsafe_b64encode(token).decode().rstrip("="), token.hex()):
        if len(set(text)) > 4:  # a token; and not "AAAAAAAAAAAAAAAA"
            assert text[4:-4] not in clean(place.format(text))


def test_a_long_text_is_cut():
    assert clean("/a b" * 10, 7) == "/a b/a …"
