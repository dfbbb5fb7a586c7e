"""The token as headers: bearer, or with a proof for each request (RFC 9449 section 7)."""

import os

import jwt
from bound_session import session
from hypothesis import given, settings
from hypothesis import strategies as st
from peers.proofs import thumbprint
from proof_reading import KEY, MCP, make, read

from mcp_auth_bridge.credentials.base import Refusal, Target
from mcp_auth_bridge.credentials.token_headers import TokenHeaders, is_refused
from mcp_auth_bridge.oauth.dpop import (
    load_key,
)
from mcp_auth_bridge.secret import Secret


def presenter(now=1000.0):
    return TokenHeaders(lambda: now, os.urandom)


def test_a_bearer_token_needs_no_proof():
    assert presenter().headers(session(), Target("POST", MCP, "N")) == {"authorization": "Bearer AT-0"}


def test_a_bound_token_comes_with_a_proof_of_the_request_the_nonce_and_the_token():
    headers = presenter().headers(session(dpop_key=KEY), Target("GET", MCP, "N"))
    header, claims = read(headers["dpop"], nonce="N", access_token="AT-0")
    assert headers["authorization"] == "DPoP AT-0"
    assert (claims["htm"], claims["iat"]) == ("GET", 1000)
    assert thumbprint(header["jwk"]) == load_key(KEY).thumbprint


def test_another_login_proves_with_its_own_key():
    other, same = make(b"\7" * 40), presenter()
    found = [same.headers(session(dpop_key=key), Target("GET", MCP))["dpop"] for key in (KEY, other, KEY)]
    keys = [thumbprint(jwt.get_unverified_header(text)["jwk"]) for text in found]
    assert keys == [load_key(key).thumbprint for key in (KEY, other, KEY)]


@given(st.lists(st.sampled_from(["GET", "POST"]), min_size=2, max_size=20))
@settings(max_examples=20)
def test_no_two_proofs_have_the_same_identifier(methods):
    same = presenter()
    texts = [same.headers(session(dpop_key=KEY), Target(method, MCP))["dpop"] for method in methods]
    claims = [jwt.decode(text, options={"verify_signature": False}) for text in texts]
    assert len({claim["jti"] for claim in claims}) == len(methods)


def test_a_refusal_is_about_the_token_whatever_its_proof_was():
    bound = session(dpop_key=KEY)
    sent = presenter().headers(bound, Target("GET", MCP))
    assert is_refused(bound, Refusal(401, None, sent))
    assert not is_refused(session(dpop_key=KEY, access=Secret("AT-1")), Refusal(401, None, sent))
    assert not is_refused(bound, Refusal(401, None, {"authorization": "Bearer AT-0"}))
    assert not is_refused(bound, Refusal(401, None, {}))
    assert not is_refused(bound, None)
