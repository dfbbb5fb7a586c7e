"""Proofs of possession: what a server that follows RFC 9449 section 4.3 makes of them."""

import base64
import json

import pytest
from bound_session import session
from hypothesis import given, settings
from hypothesis import strategies as st
from peers.proofs import thumbprint
from playing import play
from proof_reading import KEY, MCP, make, read

from mcp_auth_bridge.errors import TheirProtocolError
from mcp_auth_bridge.oauth import dpop
from mcp_auth_bridge.oauth.challenge import Challenge
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
from mcp_auth_bridge.oauth.session import dump, load_session

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


# Presenting a token to the MCP server
