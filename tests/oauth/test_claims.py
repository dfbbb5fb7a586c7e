"""The claims of a token: the account that it names, and its lifetime."""

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.oauth.claims import (
    account_of,
    expiry,
    is_account,
    lifetime,
    names_of,
    numeric_date,
    unverified_claims,
)

NOW = 1_700_000_000.0


def token(**claims):
    return jwt.encode(claims, "k" * 32, "HS256")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["iss", "aud", "scope", "scp", "exp", "nbf", "iat", "email", "sub"]), JSON))
def test_whatever_the_claims_are_they_are_read_without_raising(claims):
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    raw = f"e30.{body}.x"
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


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (0, 0.0),
        (1.5, 1.5),
        ("1700000000", 1_700_000_000.0),
        (True, None),
        (-1, None),
        (1e12, None),
        ("soon", None),
        ("9" * 20, None),
        (None, None),
        ([1], None),
    ],
)
def test_a_time_is_a_number_that_a_clock_could_show_or_its_digits(value, time):
    assert numeric_date(value) == time


def test_a_token_expires_when_its_claims_say_so_and_lives_from_its_issue_to_then():
    assert expiry(token(exp=NOW)) == NOW
    assert (expiry("opaque"), expiry(token(sub="7")), expiry("a.!!.c"), expiry("a.e30.c")) == (None,) * 4
    assert lifetime(token(iat=NOW, exp=NOW + 60)) == 60.0
    assert lifetime(token(exp=NOW)) is None


def test_the_account_is_the_best_known_name_cut_to_a_line():
    assert account_of(token(name="M" * 200)) == "M" * 80
    assert account_of("opaque", None) == ""


@given(st.lists(st.none() | st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,20}\.[A-Za-z0-9_-]{0,20}\.[A-Za-z0-9_-]{0,9}")))
def test_looking_inside_any_token_never_raises_and_gives_printable_names(tokens):
    account = account_of(*tokens)
    assert account.isprintable()
    assert len(account) <= 80


@pytest.mark.parametrize("token", ["", "opaque", "a.b", "e30.W10.", "e30.bnVsbA.", "e30.MQ.", "....", "é.é.é"])
def test_an_opaque_token_has_no_claims(token):
    assert unverified_claims(token) == {}
