"""The authorization code with PKCE, the refresh and the revocation, played by hand."""

import base64
import hashlib
import json
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from playing import PAGE, answer, outcome, plain, play

from mcp_auth_bridge.errors import (
    AccessDenied,
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
from mcp_auth_bridge.oauth.authorization_endpoint import Transaction, authorization_url
from mcp_auth_bridge.oauth.authorization_server import Server
from mcp_auth_bridge.oauth.grants import authorization_code, refresh
from mcp_auth_bridge.oauth.revocation import revoke
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

ISSUER = "https://as.example"
HERE = "http://127.0.0.1:4711/callback"
TOKEN = "POST https://as.example/token"
CLIENT = Client(issuer=ISSUER, id="abc", redirect_uri=HERE)
TOKENS = {"access_token": "AT-1", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "RT-1"}
RESERVED = ("client_id", "code_challenge", "code_challenge_method", "redirect_uri", "resource", "response_type")
RESERVED = (*RESERVED, "scope", "state")


def server(endpoint="https://as.example/authorize", **more):
    return Server(
        **{
            "issuer": ISSUER,
            "resource": "https://mcp.example/mcp",
            "authorization_endpoint": gate(endpoint, Purpose.AUTHORIZATION),
            "token_endpoint": gate("https://as.example/token", Purpose.TOKEN),
            **more,
        }
    )


def session(**more):
    return Session(
        **{
            "resource": "https://mcp.example/mcp",
            "issuer": ISSUER,
            "token_endpoint": "https://as.example/token",
            "revocation_endpoint": "https://as.example/revoke",
            "client": CLIENT,
            "scope": "read",
            "access": Secret("AT-0"),
            "refresh": Secret("RT-0"),
            "obtained_at": 0.0,
            "expires_at": 100.0,
            **more,
        }
    )


def code(callback, *after, to=None, client=CLIENT, scopes=("read",), asked=None):
    """Play a code grant whose callback carries the state it was sent with, unless it has its own."""

    def come_back(effect):
        return {"state": effect.state, **callback}

    noise = [("entropy 32", b"\x01" * 32), ("entropy 32", b"\x02" * 32)]
    return play(authorization_code(to or server(), client, scopes), [*noise, ("authorize", come_back), *after], asked)


def test_the_code_is_redeemed_with_the_verifier_that_belongs_to_its_challenge():
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


def test_neither_code_nor_verifier_nor_tokens_print_themselves():
    asked = []
    made = code({"code": "C-1"}, (TOKEN, answer(TOKENS)), asked=asked)
    shown = repr(asked[-1]) + repr(made)
    assert not any(secret in shown for secret in ("C-1", "AT-1", "RT-1", plain(asked[-1].form)["code_verifier"]))


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
def test_any_other_slash_makes_another_issuer(said):
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
def test_a_callback_of_another_issuer_is_refused_with_both_named_and_nothing_else_of_it_repeated(to, issuer, answered):
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
def test_an_answer_without_the_promised_issuer_is_not_believed_and_nobody_else_is_blamed(answered, words):
    with pytest.raises(TheirProtocolError, match=words) as raised:
        code(answered, to=SENDS)
    assert type(raised.value) is TheirProtocolError
    said = raised.value.message + raised.value.hint
    assert "evil" not in said
    assert "another" not in said
    assert "declined" not in said


def id_token(**claims):
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return {**TOKENS, "id_token": f"eyJhbGciOiJub25lIn0.{payload}."}


def test_a_login_that_asks_for_an_id_token_sends_a_nonce_and_takes_no_id_token_of_another_login():
    asked = []
    openid = ("openid", "read")
    code({"code": "C"}, (TOKEN, answer(id_token(sub="mia"))), scopes=openid, asked=asked)  # some leave it out
    sent = dict(parse_qsl(urlsplit(asked[2].url).query))
    assert len(sent["nonce"]) == 43
    assert sent["nonce"] not in (sent["state"], sent["code_challenge"], plain(asked[-1].form)["code_verifier"])
    assert code({"code": "C"}, (TOKEN, answer(id_token(nonce=sent["nonce"]))), scopes=openid).issuer == ISSUER
    with pytest.raises(TheirProtocolError, match="belongs to another login"):
        code({"code": "C"}, (TOKEN, answer(id_token(nonce="somebody-elses"))), scopes=openid)


def test_a_login_that_asks_for_no_id_token_sends_no_nonce_and_a_configured_one_is_the_users():
    asked = []
    code({"code": "C"}, (TOKEN, answer(id_token(nonce="x"))), asked=asked)
    assert "nonce" not in dict(parse_qsl(urlsplit(asked[2].url).query))
    own = server(authorize_params={"nonce": "mine"})
    code({"code": "C"}, (TOKEN, answer(id_token(nonce="mine"))), to=own, scopes=("openid",), asked=asked)
    assert dict(parse_qsl(urlsplit(asked[-2].url).query))["nonce"] == "mine"


@pytest.mark.parametrize("callback", [{}, {"code": "C"}, {"error": "access_denied"}, {"code": "C", "iss": "https://e"}])
@pytest.mark.parametrize("state", ["", "x", "é"])
def test_the_state_is_checked_before_everything_else(callback, state):
    with pytest.raises(TheirProtocolError, match="state that is not ours"):
        code({**callback, "state": state}, to=SENDS)


def test_an_error_counts_more_than_a_code():
    with pytest.raises(AccessDenied, match="declined"):
        code({"error": "access_denied", "code": "C"})


@pytest.mark.parametrize("code_of_theirs", ["invalid_scope", "server_error", "temporarily_unavailable"])
def test_an_error_that_a_specification_names_is_repeated(code_of_theirs):
    with pytest.raises(OAuthRefused, match=code_of_theirs):
        code({"error": code_of_theirs})


@pytest.mark.parametrize("words", ["", "Call 555-1234 now", "\x1b[2J", "invalid_scope\n"])
def test_any_other_code_is_unknown_and_stands_in_quotation_marks(words):
    said = f", saying “{words.strip(chr(27))}”" if words.strip("\x1b\n") else ""
    with pytest.raises(OAuthRefused) as raised:
        code({"error": words})
    assert raised.value.message == f"the authorization server rejected the login with an unknown error{said}".replace(
        "\n", ""
    )


@pytest.mark.parametrize("name", ["access_denied", "invalid_scope", "made_up"])
def test_the_server_s_own_sentence_is_quoted_and_cut(name):
    words = "Ask\x1b[2J Mia\nfor access. " + "x" * 300
    with pytest.raises(BridgeError, match=r", saying “Ask \[2J Mia for access\. x+…”$") as raised:
        code({"error": name, "error_description": words})
    assert len(raised.value.message) < 300


@pytest.mark.parametrize("callback", [{}, {"code": ""}])
def test_a_callback_without_a_code_is_refused(callback):
    with pytest.raises(TheirProtocolError, match="without a code"):
        code(callback)


def test_nobody_coming_back_ends_the_login():
    script = [("entropy 32", bytes(32)), ("entropy 32", bytes(32)), ("authorize", LoginRequired("nobody"))]
    with pytest.raises(LoginRequired):
        play(authorization_code(server(), CLIENT, ()), script)


@given(
    st.sampled_from(["", "?", "?prompt=login", "?p=B2C_1A&x=a%20b", "?a='b'($c)!*,;:@", "?a=%zz", "?a&&b="]),
    st.lists(st.text("abc:/.-", min_size=1, max_size=8), max_size=3).map(tuple),
    st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.sampled_from(["https://mcp.example/mcp", "https://mcp.example/?a=1&b=2#", "urn:example:a b"]),
)
def test_each_reserved_name_stands_in_the_url_exactly_once_and_with_its_value(query, scopes, identifier, resource):
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
def test_an_endpoint_that_already_holds_a_reserved_name_is_refused(name, value):
    for spelling in (name, f"%{ord(name[0]):02x}{name[1:]}"):
        to = server(f"https://as.example/a?x=1&{spelling}{value}")
        with pytest.raises(TheirProtocolError, match=f"already holds {name}"):
            authorization_url(to, CLIENT, (), Transaction("S", "V" * 43))


@pytest.mark.plays("Slack")
@pytest.mark.parametrize("kind", [None, "Bearer", "bearer", "BEARER", "", "user"])
def test_the_token_type_may_be_missing_in_any_case_or_slacks(kind):
    assert code({"code": "C"}, (TOKEN, answer({**TOKENS, "token_type": kind}))).access.reveal() == "AT-1"


@pytest.mark.parametrize("kind", ["mac", "N_A"])
def test_another_token_type_is_refused(kind):
    with pytest.raises(TheirProtocolError, match="a type"):
        code({"code": "C"}, (TOKEN, answer({**TOKENS, "token_type": kind})))


def test_a_token_in_the_place_of_its_type_is_not_repeated():
    token = "AT-0123456789abcdef"
    with pytest.raises(TheirProtocolError, match="of a type that this bridge cannot use: “…”"):
        code({"code": "C"}, (TOKEN, answer({**TOKENS, "access_token": token, "token_type": token})))


@pytest.mark.parametrize("token", ["alice@example.test:Zr4:s3cret", "a,b", "a" * 16384])
def test_an_access_token_is_any_visible_ascii(token):
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
def test_a_life_is_clamped_and_one_that_is_no_number_is_not_known(given_life, ends):
    made = code({"code": "C"}, (TOKEN, answer({**TOKENS, "expires_in": given_life}, at=1000.0)))
    assert made.expires_at == ends


def test_the_granted_scope_is_the_servers_and_the_asked_one_where_it_says_nothing():
    assert code({"code": "C"}, (TOKEN, answer({**TOKENS, "scope": "less"}))).scope == "less"
    assert code({"code": "C"}, (TOKEN, answer({**TOKENS, "scope": ""}))).scope == ""
    assert code({"code": "C"}, (TOKEN, answer({**TOKENS, "scope": None})), scopes=("a", "b")).scope == "a b"


def test_a_refusal_with_status_200_is_a_refusal():
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
def test_whatever_the_token_endpoint_answers_there_is_a_session_or_an_error_without_a_secret(document, status, kind):
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


def test_a_refresh_goes_to_the_stored_endpoint_with_the_stored_resource_and_client():
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
def test_without_rotation_the_old_refresh_token_stays(absent):
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
def test_any_other_failure_says_nothing_about_the_grant(reply, kind):
    with pytest.raises(kind) as raised:
        play(refresh(session()), [(TOKEN, reply)])
    assert not isinstance(raised.value, GrantEnded)


def test_a_stored_endpoint_that_is_no_longer_acceptable_gets_nothing():
    with pytest.raises(TheirProtocolError):
        play(refresh(session(token_endpoint="http://as.example/token")), [])


def test_a_revocation_names_the_refresh_token_and_authenticates():
    asked = []
    play(revoke(session()), [("POST https://as.example/revoke", answer(b""))], asked)
    assert plain(asked[0].form) == {"token": "RT-0", "token_type_hint": "refresh_token", "client_id": "abc"}


def test_a_revocation_ends_an_access_token_too_while_it_is_good():
    asked = []
    endpoint = "POST https://as.example/revoke"
    play(revoke(session(expires_at=2000.0)), [(endpoint, answer(b"")), (endpoint, answer(b"", 204))], asked)
    assert [plain(effect.form)["token"] for effect in asked] == ["RT-0", "AT-0"]


def test_an_access_token_that_nobody_can_end_is_no_failure_of_a_revocation():
    endpoint = "POST https://as.example/revoke"
    refused = answer({"error": "unsupported_token_type"}, 400)
    play(revoke(session(expires_at=2000.0)), [(endpoint, answer(b"")), (endpoint, refused)])
    with pytest.raises(OAuthRefused, match="unsupported_token_type"):
        play(revoke(session(refresh=None)), [(endpoint, refused)])
    with pytest.raises(UpstreamFailed):
        play(revoke(session(expires_at=2000.0)), [(endpoint, answer(b"")), (endpoint, answer(b"", 503))])


def test_tokens_that_were_created_are_tokens():
    assert play(refresh(session()), [(TOKEN, answer(TOKENS, 201))]).access.reveal() == TOKENS["access_token"]


def test_without_a_refresh_token_the_access_token_is_revoked():
    asked = []
    play(revoke(session(refresh=None)), [("POST https://as.example/revoke", answer(b""))], asked)
    assert plain(asked[0].form)["token_type_hint"] == "access_token"
    assert plain(asked[0].form)["token"] == "AT-0"


def test_without_a_revocation_endpoint_nothing_is_asked():
    assert play(revoke(session(revocation_endpoint="")), []) is None


def test_a_refused_revocation_is_told():
    with pytest.raises(OAuthRefused, match="the revocation"):
        play(revoke(session()), [("POST https://as.example/revoke", answer({"error": "invalid_client"}, 401))])


def test_a_revocation_endpoint_that_takes_basic_alone_gets_it_from_a_client_that_needs_no_secret_elsewhere():
    """canaille, and whoever leaves Authlib's default: the secret came with a registration as `none`."""
    asked = []
    client = Client(issuer=ISSUER, id="abc", secret=Secret("S"), auth_method="none", registered=True, redirect_uri=HERE)
    endpoint = "POST https://as.example/revoke"
    refused = (endpoint, answer({"error": "invalid_client"}, 401))
    script = [refused, refused, (endpoint, answer({})), (endpoint, answer({}))]
    play(revoke(session(client=client, expires_at=2000.0)), script, asked)
    basic = "Basic " + base64.b64encode(b"abc:S").decode()
    assert [plain(effect.headers).get("authorization") for effect in asked] == [None, None, basic, basic]
    assert [plain(effect.form)["token"] for effect in asked] == ["RT-0", "RT-0", "RT-0", "AT-0"]
    with pytest.raises(OAuthRefused, match="invalid_client"):
        play(revoke(session(client=client)), [refused] * 4)


def test_the_account_is_read_from_the_id_token_for_display():
    payload = base64.urlsafe_b64encode(json.dumps({"email": "ann@example.org\u202e"}).encode()).rstrip(b"=").decode()
    token = f"eyJhbGciOiJub25lIn0.{payload}."
    assert code({"code": "C"}, (TOKEN, answer({**TOKENS, "id_token": token}))).account == "ann@example.org"
