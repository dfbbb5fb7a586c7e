"""Token requests with proofs of possession (RFC 9449): one key for a grant, a nonce once, and bound tokens."""

import pytest
from bound_session import CLIENT, ENDPOINT, session
from peers.proofs import thumbprint
from playing import answer, outcome, plain, play
from proof_reading import KEY, read

from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import GrantEnded, OAuthRefused, TheirProtocolError, Unreachable
from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.device import device_code
from mcp_auth_bridge.oauth.dpop import (
    Binding,
    load_key,
)
from mcp_auth_bridge.oauth.grants import authorization_code, refresh
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

DEVICE = gate("https://as.example/device", Purpose.DEVICE)


TOKEN = "POST https://as.example/token"


TOKENS = {"access_token": "AT-1", "token_type": "DPoP", "expires_in": 3600, "refresh_token": "RT-1"}


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
