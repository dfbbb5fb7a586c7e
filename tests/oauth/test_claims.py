"""The claims of a token: the account that it names, and its lifetime."""

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.oauth.claims import is_account, lifetime, names_of


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
