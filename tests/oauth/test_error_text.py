"""The sentence for people in a refusal: found in any form of response, and never with the secrets that were sent."""

import base64
import json
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_auth_bridge.oauth.error_text import LONGEST, redacted, redacted_quotations, saying, sentence
from mcp_auth_bridge.secret import Secret

ASCII = st.characters(max_codepoint=127)
TOKEN = "at-1234567890abcdefghij/+=="


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("text/plain", b"Jwt issuer is not configured", "Jwt issuer is not configured"),  # Envoy
        ("text/plain", b"RBAC: access denied\n", "RBAC: access denied"),
        ("application/json", b'{"error": "x", "error_description": "no such grant"}', "no such grant"),
        ("application/json", b'{"error": "the token is too old"}', "the token is too old"),
        ("application/json", b'{"message": "Unauthorized", "error": "x"}', "Unauthorized"),
        ("application/json", b'{"detail": "Not authenticated"}', "Not authenticated"),
        ("application/json", b'{"detail": [{"loc": ["body"], "msg": "Field required"}]}', "Field required"),
        ("application/problem+json", b'{"title": "Forbidden", "detail": "not yours"}', "not yours"),
        ("application/json", b'{"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}}', "no"),
        ("application/json", b'{"errors": [{"message": "first"}, {"message": "second"}]}', "first"),
        ("text/plain", b'{"error": {"message": "in the wrong type"}}', "in the wrong type"),
        ("text/html", b"<!doctype html><title>Just a moment...</title><p>more", "Just a moment..."),
        ("", b"<html><TITLE lang=en>Log in &amp; out</TITLE>", "Log in & out"),
        ("text/html", b"<p>no title", ""),
        ("application/json", b"{", ""),
        ("application/json", b"[]", ""),
        ("application/json", b'{"message": 7}', ""),
        ("application/octet-stream", b"hello", ""),
        ("text/plain", b"", ""),
        ("text/plain", b"x" * (LONGEST + 1), ""),
        ("application/json", b'{"error":' * 50 + b'"deep"' + b"}" * 50, ""),
    ],
)
def test_the_sentence_for_people_is_found(kind, body, said):
    assert sentence(kind, body) == said


def test_nothing_is_quoted_where_nothing_is_said():
    assert saying("") == saying(" \n") == saying(TOKEN, [Secret(TOKEN)]) == ""


def test_it_is_quoted_in_one_line_and_cut():
    assert saying("no\x1b[2J\nway") == ", saying “no [2J way”"
    assert len(saying("x" * 1000)) < 220


@pytest.mark.parametrize(
    ("sent", "echo"),
    [
        (TOKEN, TOKEN),
        (f"Bearer {TOKEN}", TOKEN),
        (TOKEN, quote_plus(TOKEN)),
        (TOKEN, TOKEN[:18]),
        (TOKEN, TOKEN[5:]),
        ("Basic " + base64.b64encode(b"client:p%2Fssw0rd").decode(), "p/ssw0rd"),
        ("Basic " + base64.b64encode(b"client:p%2Fssw0rd").decode(), "p%2Fssw0rd"),
        ("abc1", "abc1"),
    ],
)
def test_a_sent_secret_is_cut_out_of_it(sent, echo):
    assert saying(f"the token {echo} is unknown", [Secret(sent)]) == ", saying “the token … is unknown”"


@pytest.mark.parametrize("echo", ["eyJhbGciOiJub25lIn0.eyJzdWIiOiJtaWEifQ.", "Bearer abcdefghijklmnop"])
def test_text_that_looks_like_a_credential_is_cut_out_of_it(echo):
    assert "…" in redacted(f"not {echo}", ())
    assert not {word for word in echo.split() if len(word) > 10}.intersection(redacted(f"not {echo}", ()).split())


@given(st.text(ASCII, min_size=4, max_size=40), st.text(ASCII, max_size=40), st.text(ASCII, max_size=40))
@example("BEARER", "", "")  # a scheme and nothing after it
def test_no_secret_is_left_whatever_it_is_and_wherever_it_stands(secret, before, after):
    left = redacted(f"{before}{secret}{after}", [Secret(secret)])
    assert secret not in left
    assert secret not in saying(json.dumps([before, secret, after]), [Secret(secret)]) or not secret.isalnum()


@pytest.mark.parametrize(
    "echo",
    [
        TOKEN.upper(),
        quote_plus(TOKEN).lower(),
        base64.b64encode(TOKEN.encode()).decode(),
        base64.urlsafe_b64encode(f"Bearer {TOKEN}".encode()).decode(),
        TOKEN.encode().hex(),
        "".join(f"%{byte:02x}" for byte in TOKEN.encode()),
        " ".join(TOKEN[start : start + 8] for start in range(0, len(TOKEN), 8)),
        "\u200b".join(TOKEN[start : start + 5] for start in range(0, len(TOKEN), 5)),
    ],
)
def test_a_sent_secret_is_cut_out_of_it_however_it_is_spelled(echo):
    left = redacted(f"before {echo} after", [Secret(TOKEN)])
    assert left.startswith("before ")
    assert left.endswith(" after")
    assert len("".join(char for char in left[7:-6] if char.isalnum())) <= 10, left  # “Bearer ” in Base64


def test_a_secret_is_cut_out_of_the_quotations_of_a_message():
    message = "acme-canary says “bad acme-canary” and “x”"
    assert redacted_quotations(message, [Secret("acme-canary")]) == "acme-canary says “bad …” and “x”"


def test_a_basic_credential_that_is_not_base64_hides_itself_alone():
    assert redacted("Basic not/base64! is not base64", [Secret("Basic not/base64!")]).endswith("is not base64")
