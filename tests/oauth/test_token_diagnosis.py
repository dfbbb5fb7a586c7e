"""The diagnosis of a token that a server refuses."""

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.errors import (
    CredentialRefused,
    NotAToken,
    TokenExpired,
    UnknownIssuer,
    WrongAudience,
    printable,
)
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.configured import SubjectToken
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.oauth.token_diagnosis import (
    ServerWords,
    describe_suspicions,
    diagnose_configured_token,
    diagnose_subject_token,
)
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

MCP = "https://mcp.example/mcp"
ISSUER = "https://as.example"
NOW = 1_700_000_000.0
RIGHT = {"iss": ISSUER, "aud": MCP, "scope": "read", "exp": NOW + 600, "nbf": NOW - 5}
ALL_RIGHT = "its iss, aud, scope, exp and nbf look right, so the reason is with the server"


def token(**claims):
    return jwt.encode(claims, "k" * 32, "HS256")


def session(access, **more):
    client = Client(issuer=ISSUER, id="c")
    needed = {"resource": MCP, "issuer": ISSUER, "token_endpoint": "t", "client": client, "obtained_at": NOW}
    return Session(**{**needed, "access": Secret(access), "scope": "read", **more})


def suspected(wanted=(), *, resource=MCP, **changes):
    claims = {name: value for name, value in {**RIGHT, **changes}.items() if value is not None}
    return describe_suspicions(session(token(**claims), resource=resource), wanted, NOW)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ALL_RIGHT),
        ({"iss": "https://as.example/"}, ALL_RIGHT),
        ({"aud": ["x", MCP]}, ALL_RIGHT),
        ({"aud": f"{MCP}/"}, ALL_RIGHT),
        ({"scope": None}, "its iss, aud, exp and nbf look right, so the reason is with the server"),
        ({"nbf": NOW + 20}, ALL_RIGHT),
        ({"nbf": None, "iat": NOW}, "its iss, aud, scope and exp look right, so the reason is with the server"),
        ({"iss": "https://other.example"}, "its iss is “https://other.example”, not “https://as.example”"),
        (
            {"aud": "https://api.example/graphql"},
            f"it was made for “api.example” (its aud), not for “{MCP}”",
        ),
        ({"aud": "client-7"}, f"its aud is “client-7”, not “{MCP}”"),
        ({"aud": ["a", "b"]}, f"its aud is “a b”, not “{MCP}”"),
        ({"aud": None}, f"it has no aud, which should be “{MCP}”"),
        ({"aud": 7}, f"it has no aud, which should be “{MCP}”"),
        ({"exp": NOW - 90}, "it expired 90 seconds ago (2023-11-14 22:11 UTC) by this machine's clock"),
        ({"nbf": NOW + 3600}, "it begins in 60 minutes by this machine's clock, which may be slow"),
        ({"nbf": None, "iat": NOW + 3600}, "it begins in 60 minutes by this machine's clock, which may be slow"),
        (
            {"aud": "x", "exp": NOW - 1},
            f"its aud is “x”, not “{MCP}”, and it expired 1 second ago (2023-11-14 22:13 UTC) by this machine's clock",
        ),
    ],
)
def test_each_claim_that_looks_wrong_is_named_with_what_it_should_be(changes, words):
    assert suspected(**changes) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "its scope lacks “write”"),
        ({"scope": None, "scp": ["read", "write"]}, ALL_RIGHT.replace("scope", "scp")),
        ({"scope": None, "scp": "read"}, "its scope lacks “write”"),
        ({"scope": {"odd": 1}}, "its scope lacks “write”"),
        ({"scope": "write"}, ALL_RIGHT),
    ],
)
def test_scopes_that_the_refusal_names_are_looked_for_where_servers_put_them(changes, words):
    assert suspected(("write",), **changes) == words


def test_where_no_resource_was_sent_any_audience_is_right_and_none_is_not():
    assert suspected(resource="", aud="x") == ALL_RIGHT
    assert suspected(resource="", aud=None) == "it has no aud"


def test_an_opaque_token_points_at_the_audience():
    words = describe_suspicions(session("opaque"), (), NOW)
    assert "opaque" in words
    assert "audience" in words


def test_claims_cannot_steer_a_terminal_and_are_cut():
    words = suspected(iss="https://\x1b[2J\u202e" + "x" * 5000, aud="\x00" * 500)
    assert words.isprintable()
    assert len(words) < 500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["iss", "aud", "scope", "scp", "exp", "nbf", "iat", "email", "sub"]), JSON))
def test_whatever_the_claims_are_they_are_explained_without_raising(claims):
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    raw = f"e30.{body}.x"
    words = describe_suspicions(session(raw), ("read",), NOW)
    assert words
    assert words == printable(words)
    for found in (
        diagnose_configured_token(raw, MCP, ServerWords(), NOW),
        diagnose_subject_token(SubjectToken(value=Secret(raw), what="the assertion", place="x"), SERVER, NOW),
    ):
        assert issubclass(found.kind, CredentialRefused)
        assert found.reason == printable(found.reason)
        assert json.dumps(dict(found.facts))


# A token from the configuration


def configured(complaint="", *, resource=MCP, **changes):
    claims = {name: value for name, value in {**RIGHT, **changes}.items() if value is not None}
    return diagnose_configured_token(token(**claims), resource, ServerWords(complaint, complaint), NOW)


@pytest.mark.parametrize(
    "audience",
    [
        MCP,
        f"{MCP}/",
        "https://mcp.example",
        "https://mcp.example/",
        "mcp.example",
        ["x", MCP],
    ],
)
def test_servers_name_themselves_by_their_url_its_origin_or_its_host(audience):
    assert configured(aud=audience).kind is UnknownIssuer


@pytest.mark.parametrize(
    "audience", ["https://mcp.example/mc", "https://mcp.example/mcp/more", "mcp", "x", "", None, 7]
)
def test_an_audience_that_is_not_the_server_is_named(audience):
    assert configured(aud=audience).kind is WrongAudience


def test_a_path_above_the_resource_is_an_audience_for_it_also_before_a_query():
    assert configured(resource="https://mcp.example/a/b?tenant=7", aud="https://mcp.example/a").kind is UnknownIssuer
    assert configured(resource="https://mcp.example/a/b?tenant=7", aud="https://mcp.example/a/b").kind is UnknownIssuer


@pytest.mark.parametrize(
    ("complaint", "kind"),
    [
        ("", UnknownIssuer),
        ("the token has expired", TokenExpired),
        ("bad audience", WrongAudience),
        ("no such kid", UnknownIssuer),
        ("expired or wrong audience", UnknownIssuer),  # two things decide nothing
    ],
)
def test_the_servers_complaint_decides_where_the_claims_do_not(complaint, kind):
    found = configured(complaint)
    assert found.kind is kind
    assert found.is_certain is (complaint in ("the token has expired", "bad audience", "no such kid"))


def test_a_token_of_another_service_is_called_so_whatever_the_server_says_of_it():
    found = configured("Jwt issuer is not configured", iss="Vendor", aud="acme-graphql-server.vendor.example")
    made_for = "it was made for “acme-graphql-server.vendor.example” (its aud)"
    words = f"its issuer is “Vendor”, which the server does not know, and {made_for}"
    assert (found.kind, found.reason) == (UnknownIssuer, words)
    found = configured(aud="acme-graphql-server.vendor.example")
    assert (found.kind, found.reason) == (WrongAudience, f"{made_for}, not for “{MCP}”")


def test_the_facts_of_a_jwt_are_for_programs():
    assert configured().facts == {
        "issuer": ISSUER,
        "audience_expected": MCP,
        "audience_found": [MCP],
        "expires_at": "2023-11-14T22:23:20Z",
    }


# A token that a machine presents

SERVER = AuthorizationServer(
    issuer=f"{ISSUER}/tenant", resource=MCP, token_endpoint=gate(f"{ISSUER}/tenant/token", Purpose.TOKEN)
)


def presented(kind="", **claims):
    subject = SubjectToken(value=Secret(token(**claims)), what="the assertion", place="file:x", type=kind)
    return diagnose_subject_token(subject, SERVER, NOW)


@pytest.mark.parametrize(
    "audience", [SERVER.issuer, f"{SERVER.issuer}/", f"{SERVER.issuer}/token", ["x", SERVER.issuer]]
)
def test_an_assertion_names_the_authorization_server_or_its_token_endpoint(audience):
    assert presented(aud=audience).kind is CredentialRefused


@pytest.mark.parametrize("audience", [ISSUER, "as.example", "x"])
def test_an_assertion_for_another_server_is_named_however_near_that_is(audience):
    found = presented(aud=audience)
    words = f"its aud is “{audience}”, not “{SERVER.issuer}”"
    assert (found.kind, found.reason) == (WrongAudience, words)


def test_a_subject_token_may_be_for_any_audience():
    assert presented("urn:ietf:params:oauth:token-type:jwt", aud="x").kind is CredentialRefused


def test_an_opaque_text_is_not_an_assertion_and_may_be_a_subject_token():
    assertion = SubjectToken(value=Secret("hunter2"), what="the assertion", place="x")
    subject = SubjectToken(value=Secret("hunter2"), what="the subject_token", place="x", type="urn:x")
    assert diagnose_subject_token(assertion, SERVER, NOW).kind is NotAToken
    assert diagnose_subject_token(subject, SERVER, NOW).kind is CredentialRefused


# An opaque token


@pytest.mark.parametrize(
    ("text", "complaint", "kind", "reason"),
    [
        ("your-token-goes-here", "", NotAToken, "it looks like a placeholder"),
        ("short", "", NotAToken, "it looks like a placeholder"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJ", "", NotAToken, "it looks like a truncated or damaged JWT"),
        ("0123456789abcdef0123", "jwt malformed", NotAToken, "it is not a JWT, and the server cannot read it"),
        ("0123456789abcdef0123", "the token has expired", TokenExpired, "the server says that it has expired"),
        ("0123456789abcdef0123", "", CredentialRefused, "it is opaque"),
        ("eyJ.0123456789abcdef.x.y.z", "", CredentialRefused, "it is opaque"),
    ],
)
def test_an_opaque_token_is_judged_by_its_form_and_the_servers_words(text, complaint, kind, reason):
    found = diagnose_configured_token(text, MCP, ServerWords(complaint, complaint), NOW)
    assert found.kind is kind
    assert found.reason.startswith(reason)
    assert found.facts == {}


def test_an_expired_token_is_called_so_whatever_else_is_wrong():
    found = configured("bad audience", exp=NOW - 90, aud="x")
    assert (found.kind, found.reason) == (TokenExpired, "it expired 90 seconds ago (2023-11-14 22:11 UTC)")
    assert presented(exp=NOW - 90, aud="x").kind is TokenExpired
