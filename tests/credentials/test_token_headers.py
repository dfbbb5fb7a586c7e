"""The headers of a session, and whether it can be presented at all."""

import itertools

import jwt
from playing import play
from refreshing import TARGET, refused, session

from mcp_auth_bridge.credentials.base import Target
from mcp_auth_bridge.credentials.token_headers import TokenHeaders, is_refused, lasting, presentable
from mcp_auth_bridge.oauth.dpop import new_key

NOW = 1000.0
KEY = play(new_key(), [("entropy 40", bytes(range(40)))])
BEARER = {"authorization": "Bearer AT-0"}


def token_headers():
    numbers = itertools.count(1)
    return TokenHeaders(lambda: NOW, lambda size: next(numbers).to_bytes(size))


def test_a_bearer_token_is_presented_alone():
    assert token_headers().headers(session(), TARGET) == BEARER


def test_a_bound_token_comes_with_a_proof_for_each_request():
    headers = token_headers()
    target = Target(TARGET.method, TARGET.url, "nonce-1")
    first, second = (headers.headers(session(dpop_key=KEY), target) for _ in range(2))
    assert first["authorization"] == "DPoP AT-0"
    claims = [jwt.decode(each["dpop"], options={"verify_signature": False}) for each in (first, second)]
    assert {(each["htm"], each["htu"], each["nonce"], each["iat"]) for each in claims} == {
        ("POST", "https://mcp.example/mcp", "nonce-1", 1000)
    }
    assert claims[0]["jti"] != claims[1]["jti"]


def test_a_session_is_presentable_until_it_expires_or_is_refused():
    good = session()
    assert presentable(good, None, NOW) is good
    assert presentable(None, None, NOW) is None
    assert presentable(good, None, NOW + 3600.0) is None
    assert presentable(good, refused(BEARER), NOW) is None
    assert presentable(good, refused({"authorization": "Bearer another"}), NOW) is good


def test_a_session_lasts_until_it_is_due():
    good = session()
    assert lasting(good, None, NOW) is good
    assert lasting(good, None, NOW + 3545.0) is None
    assert lasting(None, None, NOW) is None


def test_only_the_token_is_compared_with_a_refused_one():
    bound = session(dpop_key=KEY)
    assert is_refused(bound, refused({"authorization": "DPoP AT-0", "dpop": "an older proof"}))
    assert not is_refused(bound, None)
