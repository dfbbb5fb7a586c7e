"""Token responses as servers send them: which ones make a session, and which are refused."""

import pytest
from grant_flow import TOKEN, TOKENS, code, session
from hypothesis import example, given
from hypothesis import strategies as st
from playing import answer, outcome, play

from mcp_auth_bridge.errors import (
    BridgeError,
    OAuthRefused,
    TheirProtocolError,
)
from mcp_auth_bridge.oauth.grants import refresh
from mcp_auth_bridge.secret import Secret


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
    with pytest.raises(TheirProtocolError, match="an HTTP header cannot carry") as raised:
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


def test_a_token_response_with_status_201_is_accepted():
    assert play(refresh(session()), [(TOKEN, answer(TOKENS, 201))]).access.reveal() == TOKENS["access_token"]
