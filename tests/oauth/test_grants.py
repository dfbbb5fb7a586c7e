"""The authorization code grant and the refresh, played by hand."""

import base64
import hashlib
import json
from urllib.parse import parse_qsl, urlsplit

import pytest
from grant_flow import CLIENT, HERE, TOKEN, TOKENS, code, server, session
from hypothesis import example, given
from hypothesis import strategies as st
from playing import PAGE, answer, outcome, plain, play

from mcp_auth_bridge.errors import (
    BridgeError,
    GrantEnded,
    LimitExceeded,
    LoginRequired,
    OAuthRefused,
    OutcomeUnknown,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.grants import authorization_code, refresh
from mcp_auth_bridge.secret import Secret


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


@pytest.mark.plays("Slack")
@pytest.mark.parametrize("kind", [None, "Bearer", "bearer", "BEARER", "", "user"])
def test_the_token_type_may_be_absent_in_any_case_or_slacks_own(kind):
    assert code({"code": "C"}, (TOKEN, answer({**TOKENS, "token_type": kind}))).access.reveal() == "AT-1"


@pytest.mark.parametrize("kind", ["mac", "N_A"])
def test_another_token_type_is_refused(kind):
    with pytest.raises(TheirProtocolError, match="a type"):
        code({"code": "C"}, (TOKEN, answer({**TOKENS, "token_type": kind})))


def test_a_token_type_that_holds_the_token_is_not_repeated():
    token = "AT-0123456789abcdef"
    with pytest.raises(TheirProtocolError, match="of a type that this bridge cannot use: “…”"):
        code({"code": "C"}, (TOKEN, answer({**TOKENS, "access_token": token, "token_type": token})))


@pytest.mark.parametrize("token", ["alice@example.test:Zr4:s3cret", "a,b", "a" * 16384])
def test_an_access_token_may_be_any_visible_ascii(token):
    assert code({"code": "C"}, (TOKEN, answer({**TOKENS, "access_token": token}))).access.reveal() == token


@pytest.mark.parametrize("token", ["a b", "a\r\nX-Evil: 1", "a\x00", "é", "a" * 16385, "a\n"])
def test_an_access_token_that_a_header_cannot_carry_is_refused(token):
    with pytest.raises(TheirProtocolError, match="no HTTP header can carry") as raised:
        code({"code": "C"}, (TOKEN, answer({**TOKENS, "access_token": token})))
    assert token not in raised.value.message


@pytest.mark.parametrize("token", ["a\n", "\x7f", "é", "a" * 16385])
def test_a_refresh_token_outside_the_specification_is_refused(token):
    with pytest.raises(TheirProtocolError, match="refresh token"):
        code({"code": "C"}, (TOKEN, answer({**TOKENS, "refresh_token": token})))


@pytest.mark.parametrize(
    ("given_life", "ends"),
    [
        (3600, 4600.0),
        ("3600", 4600.0),
        (3600.5, 4600.5),
        (0, 1000.0),
        (-1, 1000.0),
        (10**12, 1000.0 + 90 * 86400),
        ("1e9", 1000.0 + 90 * 86400),
        ("inf", 1000.0 + 90 * 86400),
        ("soon", None),
        ("nan", None),
        ("", None),
        (None, None),
    ],
)
def test_expires_in_is_clamped_and_ignored_unless_it_is_a_number(given_life, ends):
    made = code({"code": "C"}, (TOKEN, answer({**TOKENS, "expires_in": given_life}, at=1000.0)))
    assert made.expires_at == ends


def test_the_granted_scope_is_the_responses_or_else_the_requested_one():
    assert code({"code": "C"}, (TOKEN, answer({**TOKENS, "scope": "less"}))).scope == "less"
    assert code({"code": "C"}, (TOKEN, answer({**TOKENS, "scope": ""}))).scope == ""
    assert code({"code": "C"}, (TOKEN, answer({**TOKENS, "scope": None})), scopes=("a", "b")).scope == "a b"


def test_an_error_with_status_200_is_an_error():
    with pytest.raises(OAuthRefused) as raised:
        code({"code": "C"}, (TOKEN, answer({"error": "bad_verification_code"}, 200)))
    assert "an unknown error" in raised.value.message


CANARY = "CANARY-" + "x" * 20


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


FIELDS = dict.fromkeys(
    ("access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token", "error"), JSON
)


BODIES = st.one_of(
    st.fixed_dictionaries({}, optional=FIELDS),
    st.fixed_dictionaries({**FIELDS, "access_token": st.just(CANARY), "error": JSON | st.just(f"no {CANARY}")}),
    JSON,
    st.binary(),
)


@given(
    BODIES,
    st.sampled_from([200, 200, 200, 201, 302, 400, 401, 429, 500]),
    st.sampled_from(["application/json", "text/html", CANARY[:6], ""]),
)
@example(b'{"access_token": "CANARY-\xff"}', 200, "application/json")
@example(b"[" * 100_000, 200, "application/json")
@example(b'{"access_token": "CANARY-' + b'\\ud800"}', 200, "application/json")
@example({"access_token": CANARY, "id_token": "e30.bnVsbA.x"}, 200, "application/json")
@example({"access_token": CANARY, "expires_in": 1e400}, 200, "application/json")
def test_any_token_response_makes_a_session_or_an_error_without_a_secret(document, status, kind):
    reply = answer(document, status, kind)
    for made in (
        outcome(lambda: code({"code": "C-SECRET"}, (TOKEN, reply))),
        outcome(lambda: play(refresh(session(refresh=Secret("RT-SECRET"))), [(TOKEN, reply)])),
    ):
        if isinstance(made, BridgeError):
            assert "\n" not in made.message
            assert not any(secret in made.message + made.hint for secret in (CANARY, "SECRET"))
        else:
            assert made.access.reveal().isascii()
            assert made.expires_at is None or made.obtained_at <= made.expires_at <= made.obtained_at + 90 * 86400


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


def test_a_token_response_with_status_201_is_accepted():
    assert play(refresh(session()), [(TOKEN, answer(TOKENS, 201))]).access.reveal() == TOKENS["access_token"]


def test_the_account_to_show_is_read_from_the_id_token():
    payload = base64.urlsafe_b64encode(json.dumps({"email": "ann@example.org\u202e"}).encode()).rstrip(b"=").decode()
    token = f"eyJhbGciOiJub25lIn0.{payload}."
    assert code({"code": "C"}, (TOKEN, answer({**TOKENS, "id_token": token}))).account == "ann@example.org"
