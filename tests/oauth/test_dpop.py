"""Proofs of possession: what a server that follows RFC 9449 section 4.3 makes of them."""

import base64
import json
import os

import jwt
import pytest
from bound_session import CLIENT, ENDPOINT, session
from hypothesis import given, settings
from hypothesis import strategies as st
from peers.proofs import digest, thumbprint, verified
from playing import answer, outcome, plain, play

from mcp_auth_bridge.credentials.base import Refusal, Target
from mcp_auth_bridge.credentials.token_headers import TokenHeaders, is_refused
from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import GrantEnded, OAuthRefused, TheirProtocolError, Unreachable
from mcp_auth_bridge.oauth import dpop
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.device import device_code
from mcp_auth_bridge.oauth.dpop import (
    Binding,
    ProvenRequest,
    Terms,
    binding,
    challenge_error,
    load_key,
    new_key,
    nonce_of,
    proof,
)
from mcp_auth_bridge.oauth.grants import authorization_code, refresh
from mcp_auth_bridge.oauth.session import dump, load_session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

MCP = gate("https://mcp.example:8443/mcp?tenant=7", Purpose.SERVER)
DEVICE = gate("https://as.example/device", Purpose.DEVICE)
TOKEN = "POST https://as.example/token"
TOKENS = {"access_token": "AT-1", "token_type": "DPoP", "expires_in": 3600, "refresh_token": "RT-1"}
KEY = play(new_key(), [("entropy 40", bytes(range(40)))])


def read(text, *, nonce="", access_token=""):
    """The header and the claims of a proof, verified with the key that it names as a server does."""
    header, claims = verified(text)
    assert claims.get("nonce", "") == nonce
    assert claims.get("ath", "") == (digest(access_token.encode()) if access_token else "")
    return header, claims


# Keys and proofs


def test_a_proof_is_for_one_method_and_one_url_without_its_query():
    header, claims = read(proof(load_key(KEY), ProvenRequest("DELETE", MCP), 1000.9, b"j" * 16))
    assert claims == {"htm": "DELETE", "htu": "https://mcp.example:8443/mcp", "iat": 1000, "jti": claims["jti"]}
    assert len(claims["jti"]) == 22
    assert thumbprint(header["jwk"]) == load_key(KEY).thumbprint


nonces = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), max_size=40)


@given(st.sampled_from(["GET", "POST", "DELETE"]), nonces, st.text("aZ0-._~+/=", max_size=60))
def test_a_proof_always_holds_what_it_is_shown_and_verifies(method, nonce, access_token):
    text = proof(load_key(KEY), ProvenRequest(method, MCP, nonce, access_token), 5.0, b"j" * 16)
    assert read(text, nonce=nonce, access_token=access_token)[1]["htm"] == method


@given(st.binary(min_size=40, max_size=40))
@settings(max_examples=40)
def test_any_entropy_makes_a_key_that_signs_and_never_prints_itself(entropy):
    key = play(new_key(), [("entropy 40", entropy)])
    header, _ = read(proof(load_key(key), ProvenRequest("POST", MCP), 5.0, b"j" * 16))
    assert thumbprint(header["jwk"]) == load_key(key).thumbprint
    private = json.loads(key.reveal())["d"]
    assert private not in repr((key, load_key(key)))
    assert private not in json.dumps(header)


@pytest.mark.parametrize(
    "entropy", [b"\0" * 40, b"\xff" * 40, (dpop._ORDER - 1).to_bytes(40), dpop._ORDER.to_bytes(40)]
)
def test_no_entropy_makes_the_scalar_zero_or_the_order(entropy):
    number = int.from_bytes(base64.urlsafe_b64decode(json.loads(make(entropy).reveal())["d"] + "=="))
    assert 0 < number < dpop._ORDER


def make(entropy):
    return play(new_key(), [("entropy 40", entropy)])


def test_a_key_survives_the_store():
    kept = load_session(dump(session(dpop_key=KEY)))
    assert kept.dpop_key == KEY
    assert load_key(kept.dpop_key).thumbprint == load_key(KEY).thumbprint


@pytest.mark.parametrize("fields", [[], ["a b"], ['a"b'], ["a\\b"], ["x" * 1025], ["ü"], [""], ["a\x7f"]])
def test_a_nonce_that_no_proof_can_carry_is_none(fields):
    assert nonce_of(fields) == ""


def test_the_first_usable_nonce_counts():
    assert nonce_of(["", "eyJ7S_zG.eyJH0-Z.HX4w-7v", "other"]) == "eyJ7S_zG.eyJH0-Z.HX4w-7v"


def test_only_the_dpop_challenge_says_what_is_wrong_with_a_proof():
    assert (
        challenge_error(['Bearer error="invalid_token", DPoP algs="ES256", error="use_dpop_nonce"']) == "use_dpop_nonce"
    )
    assert challenge_error(['Bearer error="use_dpop_nonce"']) == ""
    assert challenge_error([]) == ""


# Whether tokens are to be bound


def terms(scheme=None, *, demanded=False, resource=None, server=None, **parameters):
    challenge = Challenge(scheme, parameters) if scheme else None
    return Terms(challenge=challenge, demanded=demanded, resource_algorithms=resource, server_algorithms=server)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (terms(), Binding.NONE),
        (terms("bearer"), Binding.NONE),
        (terms("bearer", server=["ES256"]), Binding.NONE),
        (terms("bearer", resource=["ES256"]), Binding.NONE),
        (terms("bearer", resource=["RS256"], server=["ES256"]), Binding.NONE),
        (terms("bearer", resource=["ES256"], server=["RS256"]), Binding.NONE),
        (terms("bearer", resource=["ES256"], server=["RS256", "ES256"]), Binding.OFFERED),
        (terms(demanded=True), Binding.DEMANDED),
        (terms("bearer", demanded=True, server=["ES256"]), Binding.DEMANDED),
        (terms("dpop"), Binding.DEMANDED),
        (terms("dpop", algs="PS256 ES256", resource=["RS256"]), Binding.DEMANDED),
    ],
)
def test_tokens_are_bound_where_that_is_demanded_or_both_servers_offer_it(said, expected):
    assert binding(said) is expected


@pytest.mark.parametrize(
    ("said", "who"),
    [
        (terms("dpop", server=["RS256", "EdDSA"]), "the authorization server"),
        (terms("dpop", server=[]), "the authorization server"),
        (terms(demanded=True, resource=["RS256"]), "the MCP server"),
        (terms("dpop", algs="RS256"), "the MCP server"),
    ],
)
def test_a_demand_that_cannot_be_met_is_a_sentence(said, who):
    with pytest.raises(TheirProtocolError, match=f"but {who} does not accept ES256"):
        binding(said)


# The token endpoint


def server(kind=Binding.DEMANDED):
    return AuthorizationServer(
        issuer="https://as.example",
        resource="https://mcp.example/mcp",
        authorization_endpoint=gate("https://as.example/authorize", Purpose.AUTHORIZATION),
        token_endpoint=ENDPOINT,
        device_endpoint=DEVICE,
        binding=kind,
    )


def proven(number, reply):
    """The steps of one token request with a proof."""
    return [("entropy 16", bytes([number]) * 16), ("now", 1000.0 + number), (TOKEN, reply)]


def challenged(nonce="N-1", status=400):
    reply = answer({"error": "use_dpop_nonce"}, status)
    return Response(status, {**reply.headers, **({"dpop-nonce": (nonce,)} if nonce else {})}, reply.body, 1000.0)


START = [("entropy 32", b"\1" * 32), ("entropy 32", b"\2" * 32), ("entropy 40", b"\3" * 40)]
BACK = ("authorize", lambda effect: {"state": effect.state, "code": "C"})


def code(*replies, kind=Binding.DEMANDED, asked=None):
    steps = [step for number, reply in enumerate(replies) for step in proven(number, reply)]
    return play(authorization_code(server(kind), CLIENT, ()), [*START, BACK, *steps], asked)


def proofs_in(asked):
    return [plain(effect.headers)["dpop"] for effect in asked if "dpop" in getattr(effect, "headers", {})]


def test_the_code_and_the_tokens_are_bound_to_one_new_key():
    asked = []
    made = code(answer(TOKENS), asked=asked)
    header, claims = read(*proofs_in(asked))
    jkt = thumbprint(header["jwk"])
    assert f"&dpop_jkt={jkt}" in next(effect.url for effect in asked if type(effect).__name__ == "Authorize")
    assert load_key(made.dpop_key).thumbprint == jkt
    assert (claims["htm"], claims["htu"], claims["iat"]) == ("POST", "https://as.example/token", 1000)


@pytest.mark.parametrize("status", [400, 401])
def test_a_nonce_of_the_authorization_servers_goes_into_a_second_proof(status):
    asked = []
    made = code(challenged(status=status), answer(TOKENS), asked=asked)
    first, second = proofs_in(asked)
    assert read(first)[1]["jti"] != read(second, nonce="N-1")[1]["jti"]
    assert made.access == Secret("AT-1")


@pytest.mark.parametrize("replies", [[challenged("")], [challenged("a b")], [challenged(), challenged("N-2")]])
def test_a_server_that_gives_no_nonce_or_never_has_enough_ends_the_login(replies):
    with pytest.raises(OAuthRefused, match="use_dpop_nonce"):
        code(*replies)


def test_a_refused_proof_makes_one_look_at_the_clock():
    with pytest.raises(OAuthRefused) as raised:
        code(answer({"error": "invalid_dpop_proof"}, 400))
    assert "clock" in raised.value.hint


@pytest.mark.parametrize("kind", ["Bearer", None])
def test_a_bearer_token_will_do_only_where_none_other_is_demanded(kind):
    issued = answer({**TOKENS, "token_type": kind})
    assert code(issued, kind=Binding.OFFERED).dpop_key is None
    with pytest.raises(TheirProtocolError, match="a bearer token"):
        code(issued)


def test_a_bound_token_that_the_bridge_did_not_ask_for_is_refused():
    script = [*START[:2], BACK, (TOKEN, answer(TOKENS))]
    with pytest.raises(TheirProtocolError, match="a key which the bridge does not have"):
        play(authorization_code(server(Binding.NONE), CLIENT, ()), script)


def test_a_refresh_proves_possession_of_the_same_key():
    asked = []
    made = play(refresh(session(dpop_key=KEY)), [*proven(0, challenged()), *proven(1, answer(TOKENS))], asked)
    keys = {
        thumbprint(read(text, nonce=nonce)[0]["jwk"]) for text, nonce in zip(proofs_in(asked), ("", "N-1"), strict=True)
    }
    assert keys == {load_key(KEY).thumbprint}
    assert (made.access, made.refresh, made.dpop_key) == (Secret("AT-1"), Secret("RT-1"), KEY)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer({**TOKENS, "token_type": "Bearer"}), TheirProtocolError),
        (answer({"error": "invalid_dpop_proof"}, 400), OAuthRefused),
        (answer({"error": "invalid_grant"}, 400), GrantEnded),
        (Unreachable("no route"), Unreachable),
    ],
)
def test_only_a_verdict_on_the_grant_ends_it(reply, kind):
    assert type(outcome(lambda: play(refresh(session(dpop_key=KEY)), proven(0, reply)))) is kind


def test_a_device_asks_with_a_proof_each_time_and_with_the_newest_nonce():
    device = {"device_code": "D", "user_code": "A", "verification_uri": "https://as.example/d", "interval": 5}
    pending = answer({"error": "authorization_pending"}, 400)
    script = [
        ("POST https://as.example/device", answer(device)),
        ("show A at https://as.example/d", None),
        ("entropy 40", b"\3" * 40),
        ("sleep 5", None),
        *proven(0, challenged("N-1")),
        *proven(1, Response(400, {**pending.headers, "dpop-nonce": ("N-2",)}, pending.body, 1000.0)),
        ("sleep 5", None),
        *proven(2, answer(TOKENS)),
    ]
    asked = []
    made = play(device_code(server(), CLIENT, ()), script, asked)
    for text, nonce in zip(proofs_in(asked), ("", "N-1", "N-2"), strict=True):
        read(text, nonce=nonce)
    assert made.dpop_key is not None


# Presenting a token to the MCP server


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
