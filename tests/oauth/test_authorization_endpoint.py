"""The authorization request and its response: every parameter, every check, in their order."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from grant_flow import CLIENT, HERE, ISSUER, TOKEN, TOKENS, code, id_token, server
from hypothesis import given
from hypothesis import strategies as st
from playing import answer, plain

from mcp_auth_bridge.errors import (
    AccessDenied,
    BridgeError,
    OAuthRefused,
    TheirProtocolError,
)
from mcp_auth_bridge.oauth.authorization_endpoint import Transaction, authorization_url
from mcp_auth_bridge.oauth.session import Client

RESERVED = ("client_id", "code_challenge", "code_challenge_method", "redirect_uri", "resource", "response_type")


RESERVED = (*RESERVED, "scope", "state")


SENDS, SILENT = server(sends_issuer=True), server(sends_issuer=False)


@pytest.mark.parametrize(("to", "issuer"), [(SENDS, {"iss": ISSUER}), (SILENT, {"iss": ISSUER}), (SILENT, {})])
def test_a_callback_of_the_right_issuer_is_accepted(to, issuer):
    assert code({"code": "C", **issuer}, (TOKEN, answer(TOKENS)), to=to).issuer == ISSUER


@pytest.mark.parametrize(("expected", "said"), [(ISSUER, f"{ISSUER}/"), (f"{ISSUER}/", ISSUER)])
def test_an_issuer_and_iss_may_differ_by_the_roots_slash_unless_the_server_promises_iss(expected, said):
    assert code({"code": "C", "iss": said}, (TOKEN, answer(TOKENS)), to=server(issuer=expected)).issuer == expected
    with pytest.raises(TheirProtocolError, match="came back as one of"):
        code({"code": "C", "iss": said}, to=server(issuer=expected, sends_issuer=True))


@pytest.mark.parametrize("said", [f"{ISSUER}/tenant/", f"{ISSUER}/TENANT", ISSUER, f"{ISSUER}/"])
def test_an_issuer_with_a_path_does_not_differ_by_a_slash(said):
    with pytest.raises(TheirProtocolError, match="came back as one of"):
        code({"code": "C", "iss": said}, to=server(issuer=f"{ISSUER}/tenant"))


@pytest.mark.parametrize("answered", [{"code": "C"}, {"error": "access_denied", "error_description": "evil words"}])
@pytest.mark.parametrize(
    ("to", "issuer"),
    [
        (to, wrong)
        for to in (SENDS, SILENT)
        for wrong in ("", f"{ISSUER}//", "https://AS.example", f"{ISSUER}:443", "https://evil.example", f" {ISSUER}")
    ],
)
def test_a_callback_of_another_issuer_is_refused_and_only_the_two_issuers_are_repeated(to, issuer, answered):
    with pytest.raises(
        TheirProtocolError, match=f"sent to “{ISSUER}”, but came back as one of “{issuer.strip()}”"
    ) as raised:
        code({**answered, "iss": issuer}, to=to)
    assert type(raised.value) is TheirProtocolError
    assert "evil words" not in raised.value.message + raised.value.hint


@pytest.mark.parametrize(
    ("answered", "words"),
    [
        ({"code": "C"}, "with a code but without iss"),
        ({"error": "access_denied", "error_description": "evil words"}, "with an error but without iss"),
    ],
)
def test_a_callback_without_the_promised_iss_is_refused_and_nothing_of_it_is_repeated(answered, words):
    with pytest.raises(TheirProtocolError, match=words) as raised:
        code(answered, to=SENDS)
    assert type(raised.value) is TheirProtocolError
    said = raised.value.message + raised.value.hint
    assert "evil" not in said
    assert "another" not in said
    assert "declined" not in said


def test_a_login_that_asks_for_an_id_token_sends_a_nonce_and_refuses_the_id_token_of_another_login():
    asked = []
    openid = ("openid", "read")
    code({"code": "C"}, (TOKEN, answer(id_token(sub="mia"))), scopes=openid, asked=asked)  # some leave it out
    sent = dict(parse_qsl(urlsplit(asked[2].url).query))
    assert len(sent["nonce"]) == 43
    assert sent["nonce"] not in (sent["state"], sent["code_challenge"], plain(asked[-1].form)["code_verifier"])
    assert code({"code": "C"}, (TOKEN, answer(id_token(nonce=sent["nonce"]))), scopes=openid).issuer == ISSUER
    with pytest.raises(TheirProtocolError, match="belongs to another login"):
        code({"code": "C"}, (TOKEN, answer(id_token(nonce="of-another-login"))), scopes=openid)


def test_without_openid_no_nonce_is_sent_and_a_configured_nonce_wins():
    asked = []
    code({"code": "C"}, (TOKEN, answer(id_token(nonce="x"))), asked=asked)
    assert "nonce" not in dict(parse_qsl(urlsplit(asked[2].url).query))
    own = server(authorize_params={"nonce": "mine"})
    code({"code": "C"}, (TOKEN, answer(id_token(nonce="mine"))), to=own, scopes=("openid",), asked=asked)
    assert dict(parse_qsl(urlsplit(asked[-2].url).query))["nonce"] == "mine"


@pytest.mark.parametrize("callback", [{}, {"code": "C"}, {"error": "access_denied"}, {"code": "C", "iss": "https://e"}])
@pytest.mark.parametrize("state", ["", "x", "é"])
def test_the_state_is_checked_before_everything_else(callback, state):
    with pytest.raises(TheirProtocolError, match="state that this bridge did not send"):
        code({**callback, "state": state}, to=SENDS)


def test_an_error_wins_over_a_code():
    with pytest.raises(AccessDenied, match="declined"):
        code({"error": "access_denied", "code": "C"})


@pytest.mark.parametrize("code_of_theirs", ["invalid_scope", "server_error", "temporarily_unavailable"])
def test_an_error_code_of_a_specification_is_repeated(code_of_theirs):
    with pytest.raises(OAuthRefused, match=code_of_theirs):
        code({"error": code_of_theirs})


@pytest.mark.parametrize("words", ["", "Call 555-1234 now", "\x1b[2J", "invalid_scope\n"])
def test_any_other_error_code_is_unknown_and_quoted(words):
    said = f", saying “{words.strip(chr(27))}”" if words.strip("\x1b\n") else ""
    with pytest.raises(OAuthRefused) as raised:
        code({"error": words})
    assert raised.value.message == f"the authorization server rejected the login with an unknown error{said}".replace(
        "\n", ""
    )


@pytest.mark.parametrize("name", ["access_denied", "invalid_scope", "made_up"])
def test_the_servers_own_sentence_is_quoted_and_cut(name):
    words = "Ask\x1b[2J Mia\nfor access. " + "x" * 300
    with pytest.raises(BridgeError, match=r", saying “Ask \[2J Mia for access\. x+…”$") as raised:
        code({"error": name, "error_description": words})
    assert len(raised.value.message) < 300


@pytest.mark.parametrize("callback", [{}, {"code": ""}])
def test_a_callback_without_a_code_is_refused(callback):
    with pytest.raises(TheirProtocolError, match="without a code"):
        code(callback)


@given(
    st.sampled_from(["", "?", "?prompt=login", "?p=B2C_1A&x=a%20b", "?a='b'($c)!*,;:@", "?a=%zz", "?a&&b="]),
    st.lists(st.text("abc:/.-", min_size=1, max_size=8), max_size=3).map(tuple),
    st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.sampled_from(["https://mcp.example/mcp", "https://mcp.example/?a=1&b=2#", "urn:example:a b"]),
)
def test_each_reserved_parameter_is_in_the_url_exactly_once(query, scopes, identifier, resource):
    client = Client(issuer=ISSUER, id=identifier, redirect_uri=HERE)
    to = server(f"https://as.example/authorize{query}", resource=resource)
    url = authorization_url(to, client, scopes, Transaction("S", "V" * 43))
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    names = [name for name, _ in pairs]
    assert all(names.count(name) == 1 for name in RESERVED if name != "scope" or scopes)
    assert names.count("scope") == bool(scopes)
    values = dict(pairs)
    assert (values["client_id"], values["resource"], values["state"]) == (identifier, resource, "S")
    assert values["redirect_uri"] == HERE
    assert values.get("scope", "") == " ".join(scopes)
    assert url.startswith("https://as.example/authorize?")
    assert "#" not in url
    kept = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    assert all(pair in pairs for pair in kept)


@pytest.mark.parametrize("name", [name for name in RESERVED if name != "resource"])
@pytest.mark.parametrize("value", ["=evil", "=", ""])
def test_an_endpoint_that_already_holds_a_reserved_parameter_is_refused(name, value):
    for spelling in (name, f"%{ord(name[0]):02x}{name[1:]}"):
        to = server(f"https://as.example/a?x=1&{spelling}{value}")
        with pytest.raises(TheirProtocolError, match=f"already holds {name}"):
            authorization_url(to, CLIENT, (), Transaction("S", "V" * 43))
