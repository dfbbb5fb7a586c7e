"""Which client this bridge is, and how it proves it."""

import base64
import json
from urllib.parse import unquote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playing import PAGE, answer, outcome, plain, play
from registration_flow import REGISTER, server

from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import (
    BridgeError,
    ConfigError,
    OAuthRefused,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.client_auth import authenticate, choose
from mcp_auth_bridge.oauth.registration import register
from mcp_auth_bridge.oauth.registration_management import unregister
from mcp_auth_bridge.oauth.session import Client, dump, load_client
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

HERE = "http://127.0.0.1:4711/callback"


def registered(document, *, methods=(), scopes=(), known=None, status=201, asked=None):
    script = [(REGISTER, answer(document, status))]
    return play(register(server(methods), HERE, scopes, known), script, asked)


def client(**more):
    return Client(**{"issuer": "https://as.example", "id": "abc", "redirect_uri": HERE, **more})


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


def test_without_scopes_none_are_registered():
    asked = []
    registered({"client_id": "abc"}, asked=asked)
    assert "scope" not in json.loads(asked[0].document)


def test_an_earlier_registration_with_the_same_redirect_uri_is_used_again():
    known = client()
    assert play(register(server(), HERE, (), known), []) is known


def test_an_earlier_registration_whose_port_is_taken_is_replaced():
    known = client(id="old", redirect_uri="http://127.0.0.1:1/callback")
    assert registered({"client_id": "new"}, known=known).id == "new"


def test_a_configured_client_is_never_registered_and_takes_the_port_that_there_is():
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
def test_a_configured_client_proves_itself_as_the_server_accepts_it(advertised, secret, method):
    known = client(registered=False, auth_method="", secret=Secret(secret) if secret else None)
    assert play(register(server(advertised), HERE, (), known), []).auth_method == method


@pytest.mark.parametrize(("advertised", "public"), [(("private_key_jwt",), True), (("none",), False)])
def test_a_server_that_accepts_none_of_our_ways_is_refused_with_their_names(advertised, public):
    with pytest.raises(TheirProtocolError, match="no authentication method") as raised:
        choose(advertised, public=public)
    assert "client_secret_basic" in raised.value.hint


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_the_only_method_that_is_advertised_is_the_one_that_is_asked_for(method):
    asked = []
    secret = {} if method == "none" else {"client_secret": "s"}
    made = registered({"client_id": "abc", **secret}, methods=(method,), asked=asked)
    assert json.loads(asked[0].document)["token_endpoint_auth_method"] == method
    assert made.auth_method == method


def test_a_server_without_registration_is_explained_with_the_line_to_write():
    with pytest.raises(ConfigError, match="does not register clients") as raised:
        play(register(server(registers=False), HERE, (), None), [])
    assert 'client_id = "…", issuer = "https://as.example"' in raised.value.hint


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
def test_what_the_server_made_of_our_request_decides_how_we_prove_ourselves(document, method):
    made = registered({"client_id": "abc", **document})
    assert made.auth_method == method
    assert (made.secret is not None) == bool(document.get("client_secret"))


def test_a_method_that_we_do_not_know_is_refused():
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
def test_a_registration_of_a_loopback_uri_with_another_port_is_ours(uris):
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


def test_a_refused_registration_says_why_and_what_to_configure():
    with pytest.raises(
        OAuthRefused, match=r"invalid_redirect_uri \(HTTP 400\), saying “no port may be named”$"
    ) as raised:
        registered({"error": "invalid_redirect_uri", "error_description": "no port may be named"}, status=400)
    assert "client_id" in raised.value.hint


def test_a_registration_that_answers_with_a_page_or_not_at_all_is_an_error():
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
def test_a_provider_with_a_list_of_clients_is_recognised_and_the_hint_says_what_can_be_done(status, body):
    with pytest.raises(TheirProtocolError) as raised:
        registered(body, status=status)
    assert "approved clients only" in raised.value.hint
    assert 'approve "mcp-auth-bridge"' in raised.value.hint
    assert "client_name" in raised.value.hint


def test_a_registration_that_comes_too_soon_says_when_to_come_back():
    refused = Response(429, {"retry-after": ("60",)}, b"slow down", 0.0)
    with pytest.raises(UpstreamFailed, match="429") as raised:
        play(register(server(), HERE, (), None), [(REGISTER, refused)])
    assert (raised.value.retry_after, raised.value.hint) == (60.0, "try again in 60 s")


@pytest.mark.parametrize("status", [400, 422])
def test_a_refused_redirect_uri_is_recognised_without_its_code(status):
    with pytest.raises(OAuthRefused, match="invalid_redirect_uri") as raised:
        registered({"message": "redirect_uris.0: Invalid url"}, status=status)
    assert raised.value.error == "invalid_redirect_uri"


def test_more_redirect_uris_than_ours_are_the_server_s_business():
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
def test_a_secret_expires_when_the_server_says_so_unless_that_was_before_it_was_made(given, expires_at):
    made = registered({"client_id": "abc", "client_secret": "s", "client_secret_expires_at": given})
    assert made.secret_expires_at == expires_at


def test_where_there_is_no_secret_none_expires():
    assert registered({"client_id": "abc", "client_secret_expires_at": 5000}).secret_expires_at is None


def test_a_registration_is_over_from_the_second_on_at_which_its_secret_expires():
    assert [client(secret_expires_at=5.0).expired(now) for now in (4.9, 5.0)] == [False, True]
    assert not client().expired(1e12)


# The end of a registration (RFC 7592)

MANAGEMENT = {"registration_client_uri": "https://as.example/register/abc", "registration_access_token": "RAT-hunter2"}


def managed(**more):
    return registered({"client_id": "abc", **MANAGEMENT, **more})


def test_what_ends_a_registration_is_kept_with_it():
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
def test_a_way_to_end_it_that_cannot_be_used_or_leads_elsewhere_is_not_kept(more):
    made = managed(**more)
    assert (made.id, made.management_uri, made.management_token) == ("abc", "", None)


def test_a_registration_may_be_managed_at_the_issuer_although_it_is_made_elsewhere():
    there = msgspec.structs.replace(server(), registration_endpoint=gate("https://api.example/r", Purpose.REGISTRATION))
    for origin in ("https://as.example", "https://api.example"):
        document = {"client_id": "abc", **MANAGEMENT, "registration_client_uri": f"{origin}/c/abc"}
        made = play(register(there, HERE, (), None), [("POST https://api.example/r", answer(document))])
        assert made.management_uri == f"{origin}/c/abc"


DELETE = "DELETE https://as.example/register/abc"


@pytest.mark.parametrize(
    ("status", "gone"), [(204, True), (200, True), (401, True), (404, True), (405, False), (501, False)]
)
def test_a_registration_is_ended_with_its_own_token_and_nothing_else(status, gone):
    asked = []
    assert play(unregister(managed()), [(DELETE, answer(b"", status))], asked) is gone
    assert {name: value.reveal() for name, value in asked[0].headers.items()} == {"authorization": "Bearer RAT-hunter2"}
    assert (asked[0].form, asked[0].document) == (None, None)


def test_a_registration_that_cannot_be_ended_is_left_alone():
    assert play(unregister(client()), []) is False


@pytest.mark.parametrize("status", [302, 400, 403, 500])
def test_a_refused_end_is_told(status):
    with pytest.raises(UpstreamFailed, match="to delete the registration"):
        play(unregister(managed()), [(DELETE, answer(b"", status))])


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
def test_whatever_is_answered_there_is_a_usable_client_or_an_error_without_its_secret(document, status):
    made = outcome(lambda: registered(document, status=status))
    if isinstance(made, BridgeError):
        assert "\n" not in made.message
        assert CANARY not in made.message + made.hint
    else:
        assert made.id.isprintable()
        assert (made.redirect_uri, made.issuer) == (HERE, "https://as.example")


ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(ANY, ANY)
def test_basic_authentication_encodes_both_halves_so_that_they_can_always_be_told_apart(identifier, secret):
    known = client(id=identifier, secret=Secret(secret), auth_method="client_secret_basic")
    headers, form = play(authenticate(known, {"grant_type": "x"}), [])
    scheme, _, pair = headers["authorization"].reveal().partition(" ")
    user, _, password = base64.b64decode(pair).decode("ascii").partition(":")
    assert (scheme, unquote_plus(user), unquote_plus(password)) == ("Basic", identifier, secret)
    assert form == {"grant_type": "x"}


def test_post_authentication_and_public_clients_say_who_they_are_in_the_form():
    with_secret = client(secret=Secret("s:/?"), auth_method="client_secret_post")
    headers, form = play(authenticate(with_secret, {"a": "b"}), [])
    assert (headers, plain(form)) == ({}, {"a": "b", "client_id": "abc", "client_secret": "s:/?"})
    headers, form = play(authenticate(client(), {"a": "b"}), [])
    assert (headers, plain(form)) == ({}, {"a": "b", "client_id": "abc"})


def test_the_secret_of_an_authentication_prints_nowhere():
    for method in ("client_secret_basic", "client_secret_post"):
        assert "hunter2" not in repr(play(authenticate(client(secret=Secret("hunter2"), auth_method=method), {}), []))
