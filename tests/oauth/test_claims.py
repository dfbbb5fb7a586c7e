"""What a token says about itself: whom it names, and what looks wrong with it when it is refused."""

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.errors import printable
from mcp_auth_bridge.oauth.claims import ago, is_account, lifetime, names_of, suspicions
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.secret import Secret

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
    return suspicions(session(token(**claims), resource=resource), wanted, NOW)


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
    ("seconds", "words"),
    [
        (0, "0 seconds ago (2023-11-14 22:13 UTC)"),
        (1, "1 second ago (2023-11-14 22:13 UTC)"),
        (119, "119 seconds ago (2023-11-14 22:11 UTC)"),
        (7199, "119 minutes ago (2023-11-14 20:13 UTC)"),
        (7200, "2 hours ago (2023-11-14 20:13 UTC)"),
        (259_201, "3 days ago (2023-11-11 22:13 UTC)"),
    ],
)
def test_a_time_that_has_passed_is_told_in_units_that_people_use(seconds, words):
    assert ago(NOW - seconds, NOW) == words


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
    words = suspicions(session("opaque"), (), NOW)
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
    words = suspicions(session(raw), ("read",), NOW)
    assert words
    assert words == printable(words)
    assert all(name.isprintable() for name in names_of(raw))
    life = lifetime(raw)
    assert life is None or abs(life) < 1e12


def test_an_id_token_names_the_account_before_an_access_token_and_an_address_before_a_number():
    names = names_of(token(sub="7", email="mia@acme.example"), None, "opaque", token(sub="x7"))
    assert names == ("mia@acme.example", "7", "x7")


@pytest.mark.parametrize(
    ("expected", "names", "verdict"),
    [
        ("mia@acme.example", ("MIA@acme.example",), True),
        ("mia@acme.example", ("bob@acme.example", "7"), False),
        ("mia@acme.example", ("7",), None),
        ("mia@acme.example", (), None),
        ("7", ("mia@acme.example", "7"), True),
        ("7", ("8",), False),
        ("straße@acme.example", ("STRASSE@acme.example",), True),
    ],
)
def test_an_account_is_recognised_denied_or_left_open(expected, names, verdict):
    assert is_account(expected, names) is verdict
