"""The authorization code grant and the refresh, played by hand."""

import base64
import hashlib
import json
from urllib.parse import parse_qsl, urlsplit

import pytest
from grant_flow import CLIENT, HERE, TOKEN, TOKENS, code, server, session
from playing import PAGE, answer, plain, play

from mcp_auth_bridge.effects import Authorize
from mcp_auth_bridge.errors import (
    GrantEnded,
    LimitExceeded,
    LoginRequired,
    OAuthRefused,
    OutcomeUnknown,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.dpop import Binding
from mcp_auth_bridge.oauth.grants import authorization_code, refresh


def test_the_code_is_exchanged_with_the_verifier_of_its_challenge():
    asked = []
    made = code({"code": "C-1"}, (TOKEN, answer(TOKENS, at=1000.0)), asked=asked)
    form = plain(asked[-1].form)
    sent = dict(parse_qsl(urlsplit(asked[2].url).query))
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    assert sent["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert sent["code_challenge_method"] == "S256"
    assert sent["state"] == asked[2].state != form["code_verifier"]
    assert len(sent["state"]) == len(form["code_verifier"]) == 43
    assert form == {
        "grant_type": "authorization_code",
        "code": "C-1",
        "code_verifier": form["code_verifier"],
        "redirect_uri": HERE,
        "resource": "https://mcp.example/mcp",
        "client_id": "abc",
    }
    assert sent["resource"] == form["resource"]
    assert (made.access.reveal(), made.refresh.reveal()) == ("AT-1", "RT-1")
    assert (made.obtained_at, made.expires_at, made.scope) == (1000.0, 4600.0, "read")
    assert made.token_endpoint == "https://as.example/token"


def test_code_verifier_and_tokens_are_not_in_any_repr():
    asked = []
    made = code({"code": "C-1"}, (TOKEN, answer(TOKENS)), asked=asked)
    shown = repr(asked[-1]) + repr(made)
    assert not any(secret in shown for secret in ("C-1", "AT-1", "RT-1", plain(asked[-1].form)["code_verifier"]))


def test_a_user_who_does_not_come_back_ends_the_login():
    script = [("entropy 32", bytes(32)), ("entropy 32", bytes(32)), ("authorize", LoginRequired("too late"))]
    with pytest.raises(LoginRequired):
        play(authorization_code(server(), CLIENT, ()), script)


def test_a_refresh_uses_the_stored_endpoint_resource_and_client():
    asked = []
    elsewhere = session(token_endpoint="https://tokens.example/t", resource="https://mcp.example")
    play(refresh(elsewhere), [("POST https://tokens.example/t", answer(TOKENS))], asked)
    assert plain(asked[0].form) == {
        "grant_type": "refresh_token",
        "refresh_token": "RT-0",
        "resource": "https://mcp.example",
        "client_id": "abc",
    }


def test_a_rotated_refresh_token_replaces_the_old_one():
    made = play(refresh(session()), [(TOKEN, answer({**TOKENS, "scope": "less"}, at=500.0))])
    assert (made.access.reveal(), made.refresh.reveal(), made.scope) == ("AT-1", "RT-1", "less")
    assert (made.obtained_at, made.expires_at) == (500.0, 4100.0)


@pytest.mark.parametrize("absent", [{}, {"refresh_token": None}, {"refresh_token": ""}])
def test_without_rotation_the_old_refresh_token_is_kept(absent):
    made = play(refresh(session()), [(TOKEN, answer({"access_token": "AT-1", **absent}))])
    assert (made.refresh.reveal(), made.scope, made.expires_at) == ("RT-0", "read", None)


@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_a_grant_that_is_no_longer_honoured_has_ended(status):
    with pytest.raises(GrantEnded) as raised:
        play(refresh(session()), [(TOKEN, answer({"error": "invalid_grant"}, status))])
    assert raised.value.error == "invalid_grant"
    assert "RT-0" not in raised.value.message


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer({"error": "temporarily_unavailable"}, 503), OAuthRefused),
        (answer({"error": "invalid_client"}, 401), OAuthRefused),
        (answer({"error": "unauthorized_client"}, 400), OAuthRefused),
        (answer({"error": "invalid_request"}, 400), OAuthRefused),
        (answer({"error": "invalid_target"}, 400), OAuthRefused),
        (answer({}, 400), UpstreamFailed),
        (answer(b"", 404), UpstreamFailed),
        (answer(b"", 500), UpstreamFailed),
        (answer(b"", 302), UpstreamFailed),
        (PAGE, TheirProtocolError),
        (answer(PAGE.body, 400, "text/html"), UpstreamFailed),
        (answer({"error": {"code": "invalid_grant"}}, 400), UpstreamFailed),
        (Unreachable("refused"), Unreachable),
        (OutcomeUnknown("cut"), OutcomeUnknown),
        (LimitExceeded("long"), LimitExceeded),
    ],
)
def test_any_other_failure_does_not_end_the_grant(reply, kind):
    with pytest.raises(kind) as raised:
        play(refresh(session()), [(TOKEN, reply)])
    assert not isinstance(raised.value, GrantEnded)


def test_nothing_is_sent_to_a_stored_endpoint_that_is_no_longer_acceptable():
    with pytest.raises(TheirProtocolError):
        play(refresh(session(token_endpoint="http://as.example/token")), [])


def test_the_account_to_show_is_read_from_the_id_token():
    payload = base64.urlsafe_b64encode(json.dumps({"email": "ann@example.org\u202e"}).encode()).rstrip(b"=").decode()
    token = f"eyJhbGciOiJub25lIn0.{payload}."
    assert code({"code": "C"}, (TOKEN, answer({**TOKENS, "id_token": token}))).account == "ann@example.org"


def test_a_code_is_bound_to_the_key_of_its_proofs():
    asked = []
    bound = server(binding=Binding.DEMANDED)
    noise = [("entropy 32", b"\x01" * 32), ("entropy 32", b"\x02" * 32), ("entropy 40", bytes(range(40)))]
    steps = [*noise, ("authorize", lambda effect: {"state": effect.state, "code": "C"})]
    proof = [("entropy 16", bytes(16)), ("now", 1000.0)]
    with pytest.raises(TheirProtocolError, match="bound to a key"):
        play(authorization_code(bound, CLIENT, ("read",)), [*steps, *proof, (TOKEN, answer(TOKENS))], asked)
    assert "dpop_jkt=" in next(effect.url for effect in asked if isinstance(effect, Authorize))


def test_a_server_that_is_shown_the_id_token_needs_one():
    with pytest.raises(TheirProtocolError, match="issued no id token"):
        code({"code": "C"}, (TOKEN, answer(TOKENS)), to=server(token="id_token"))
