"""What an authorization server makes of a registration request, and which of it can be used."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playing import answer, outcome, play
from registration_flow import HERE, MANAGEMENT, client, managed, registered, server

from mcp_auth_bridge.errors import (
    BridgeError,
    OAuthRefused,
    TheirProtocolError,
)
from mcp_auth_bridge.oauth.registration import register
from mcp_auth_bridge.oauth.session import dump, load_client
from mcp_auth_bridge.urls import Purpose, gate


@pytest.mark.parametrize(
    ("document", "method"),
    [
        ({}, "none"),
        ({"client_secret": "s"}, "client_secret_post"),  # Figma
        ({"client_secret": "s", "token_endpoint_auth_method": "none"}, "none"),  # canaille
        ({"client_secret": "s", "token_endpoint_auth_method": "client_secret_basic"}, "client_secret_basic"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "none"),
        ({"client_secret": None, "redirect_uris": None, "token_endpoint_auth_method": None}, "none"),
        ({"client_secret": "", "redirect_uris": []}, "none"),
    ],
)
def test_the_response_decides_how_the_client_proves_its_identity(document, method):
    made = registered({"client_id": "abc", **document})
    assert made.auth_method == method
    assert (made.secret is not None) == bool(document.get("client_secret"))


def test_an_unknown_authentication_method_is_refused():
    with pytest.raises(OAuthRefused, match="a way to prove a client's identity that this bridge does not know"):
        registered({"client_id": "abc", "token_endpoint_auth_method": "private_key_jwt"})


@pytest.mark.parametrize(
    "uris",
    [
        ["http://127.0.0.1:1/callback"],
        ["http://127.0.0.1/callback"],
        ["http://localhost/callback"],
        ["http://localhost:*", "http://127.0.0.1:*"],
        ["https://gateway.example/callback", "http://[::1]:*/"],
    ],
)
def test_a_registered_loopback_uri_may_have_another_port(uris):
    assert registered({"client_id": "abc", "redirect_uris": uris}).redirect_uri == HERE


@pytest.mark.parametrize(
    "uris",
    [
        ["https://evil.example"],
        ["https://gateway.example/callback"],
        [f"{HERE}/"],
        ["http://127.0.0.1:*/other"],
        ["http://127.0.0.1.evil.example/callback"],
        ["https://127.0.0.1/callback"],
    ],
)
def test_a_registration_of_other_redirect_uris_is_refused(uris):
    with pytest.raises(TheirProtocolError, match="another redirect URI"):
        registered({"client_id": "abc", "redirect_uris": uris})


@pytest.mark.parametrize("identifier", ["", "a\r\nb", "\x1b[31m", "a\u202eb"])
def test_an_unusable_client_id_is_refused(identifier):
    with pytest.raises(TheirProtocolError, match="usable client_id"):
        registered({"client_id": identifier})


def test_a_response_may_name_more_redirect_uris():
    assert registered({"client_id": "abc", "redirect_uris": ["http://localhost/callback", HERE]}).redirect_uri == HERE


# Secrets that expire (RFC 7591 section 3.2.1)


@pytest.mark.parametrize(
    ("given", "expires_at"),
    [
        (0, None),
        (None, None),
        (5000, 5000.0),
        ("5000", 5000.0),
        (999, None),
        ("soon", None),
        (-1, None),
        ("inf", None),
        ("nan", None),
    ],
)
def test_a_secret_expires_when_the_response_says_so_unless_that_is_in_the_past(given, expires_at):
    made = registered({"client_id": "abc", "client_secret": "s", "client_secret_expires_at": given})
    assert made.secret_expires_at == expires_at


def test_without_a_secret_nothing_expires():
    assert registered({"client_id": "abc", "client_secret_expires_at": 5000}).secret_expires_at is None


def test_a_registration_has_expired_from_the_second_of_its_secrets_end():
    assert [client(secret_expires_at=5.0).expired(now) for now in (4.9, 5.0)] == [False, True]
    assert not client().expired(1e12)


def test_the_management_uri_and_token_are_kept_with_the_client():
    made = managed()
    assert made.management_uri == "https://as.example/register/abc"
    assert made.management_token.reveal() == "RAT-hunter2"
    assert "hunter2" not in repr(made)
    assert load_client(dump(made)) == made


@pytest.mark.parametrize(
    "more",
    [
        {"registration_client_uri": None},
        {"registration_access_token": None},
        {"registration_access_token": "a\r\nb"},
        {"registration_client_uri": "https://evil.example/register/abc"},
        {"registration_client_uri": "https://as.example.evil.example/register/abc"},
        {"registration_client_uri": "http://as.example/register/abc"},
        {"registration_client_uri": "https://as.example@evil.example/"},
        {"registration_client_uri": "https://as.example:8443/register/abc"},
        {"registration_client_uri": "/register/abc"},
    ],
)
def test_an_unusable_or_foreign_management_uri_or_token_is_not_kept(more):
    made = managed(**more)
    assert (made.id, made.management_uri, made.management_token) == ("abc", "", None)


def test_a_registration_may_be_managed_at_the_issuer_or_at_the_registration_endpoint():
    there = msgspec.structs.replace(server(), registration_endpoint=gate("https://api.example/r", Purpose.REGISTRATION))
    for origin in ("https://as.example", "https://api.example"):
        document = {"client_id": "abc", **MANAGEMENT, "registration_client_uri": f"{origin}/c/abc"}
        made = play(register(there, HERE, (), None), [("POST https://api.example/r", answer(document))])
        assert made.management_uri == f"{origin}/c/abc"


CANARY = "CANARY-" + "x" * 20


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


FIELDS = (
    "client_id",
    "client_secret",
    "client_secret_expires_at",
    "token_endpoint_auth_method",
    "redirect_uris",
    "registration_client_uri",
    "registration_access_token",
    "error",
)


@given(
    st.one_of(
        JSON,
        st.fixed_dictionaries({}, optional={**dict.fromkeys(FIELDS, JSON), "client_secret": st.just(CANARY)}),
        st.fixed_dictionaries({"client_secret": st.just(CANARY), "error": st.just(f"no {CANARY}")}),
        st.binary(),
    ),
    st.sampled_from((200, 201, 400)),
)
def test_any_response_makes_a_usable_client_or_an_error_without_its_secret(document, status):
    made = outcome(lambda: registered(document, status=status))
    if isinstance(made, BridgeError):
        assert "\n" not in made.message
        assert CANARY not in made.message + made.hint
    else:
        assert made.id.isprintable()
        assert (made.redirect_uri, made.issuer) == (HERE, "https://as.example")


def test_a_secret_beyond_any_measure_is_refused():
    with pytest.raises(TheirProtocolError, match="client_secret of over"):
        registered({"client_id": "abc", "client_secret": "s" * 100_000})


def test_exactly_our_redirect_uri_is_ours():
    assert registered({"client_id": "abc", "redirect_uris": ["http://elsewhere.example/", HERE]}).redirect_uri == HERE
