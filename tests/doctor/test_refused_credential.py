"""Why the server refuses a credential: one certain sign, in the words of the errors of `run`."""

import time

import pytest
from held import ISSUER, MCP, refusal, token

from mcp_auth_bridge.doctor.finding import Outcome, sign
from mcp_auth_bridge.doctor.refused_credential import Presented, explain
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.token_lines import Wanted

OURS = sign(Symptom.FROM_CONFIGURATION)
LOGIN = sign(Symptom.FROM_LOGIN, authority=ISSUER)
GRAPH = "acme-graphql-server.vendor.example"
OF_ANOTHER = Symptom.TOKEN_OF_ANOTHER_SERVICE


def found(access, refused, origin=OURS, granted=""):
    presented = Presented(access, "the token", "replace it: the file t", origin, Wanted((MCP,), granted=granted))
    return explain(refused, presented, time.time())


def cause(access, refused, origin=OURS, **more):
    finding = found(access, refused, origin, **more)
    assert (finding.outcome, finding.hint, finding.signs[0]) == (Outcome.FAIL, "replace it: the file t", origin)
    [told] = finding.signs[1:]
    assert (told.facts["what"], told.facts["remedy"]) == ("the token", "replace it: the file t")
    return told.symptom, {name: value for name, value in told.facts.items() if name not in ("what", "remedy")}


def test_the_finding_quotes_the_server_and_names_the_reason():
    says = found(token(iss="Vendor", aud=GRAPH), refusal("Jwt issuer is not configured")).says
    assert says == (
        "the server refuses the token (HTTP 401, saying “Jwt issuer is not configured”): its issuer is “Vendor”, which"
        f" the server does not know, and it was made for “{GRAPH}” (its aud)"
    )


@pytest.mark.parametrize(
    ("claims", "words", "symptom", "facts"),
    [
        (
            {"iss": "Vendor", "aud": GRAPH},
            "issuer?",
            OF_ANOTHER,
            {"host": GRAPH, "issuer": "“Vendor”"},
        ),
        (
            {"iss": None, "aud": GRAPH},
            "",
            OF_ANOTHER,
            {"host": GRAPH, "issuer": "an issuer that it does not name"},
        ),
        ({"iss": "Vendor"}, "no such issuer", Symptom.TOKEN_ISSUER_UNKNOWN, {"issuer": "“Vendor”"}),
        ({"aud": "c"}, "bad audience", Symptom.WRONG_AUDIENCE, {"audience": "“c”", "resource": MCP}),
        ({"aud": None}, "bad audience", Symptom.WRONG_AUDIENCE, {"audience": "no server", "resource": MCP}),
        ({}, "bad audience", Symptom.AUDIENCE_DISPUTED, {"audience": f"“{MCP}”"}),
        ({"aud": "mcp.example"}, "bad audience", Symptom.AUDIENCE_DISPUTED, {"audience": "“mcp.example”"}),
    ],
)
def test_a_token_for_another_place_or_from_another_one_is_told_apart(claims, words, symptom, facts):
    assert cause(token(**claims), refusal(words)) == (symptom, facts)


def test_times_are_told_by_this_machines_clock_and_the_servers_word():
    now = time.time()
    symptom, facts = cause(token(exp=now - 3 * 86400 - 60), refusal("bad audience"))
    assert (symptom, facts["when"][:10]) == (Symptom.TOKEN_EXPIRED, "3 days ago")
    symptom, facts = cause(token(exp=now + 7230), refusal("Jwt is expired"))
    assert (symptom, facts) == (Symptom.EXPIRED_EARLY, {"left": "2 hours"})
    symptom, facts = cause(token(nbf=now + 7230), refusal(""))
    assert (symptom, facts) == (Symptom.NOT_YET_VALID, {"when": "2 hours"})
    symptom, _ = cause(token(nbf=now + 7230, exp=now - 60), refusal(""))
    assert symptom is Symptom.TOKEN_EXPIRED
    opaque = "0123456789abcdef0123"
    assert cause(opaque, refusal("the token has expired")) == (Symptom.TOKEN_EXPIRED, {"when": "by the server's word"})


def test_what_is_not_a_token_is_told_by_its_form():
    symptom, facts = cause("placeholder", refusal(""))
    assert (symptom, facts["reason"]) == (Symptom.NOT_A_TOKEN, "it looks like a placeholder and not like a token")


def test_a_token_that_an_issuer_made_is_not_called_a_placeholder():
    symptom, facts = cause("your-token-of-today", refusal(""), LOGIN)
    assert (symptom, facts["reason"]) == (Symptom.TOKEN_REFUSED, "it is opaque, so nothing in it shows why")
    assert cause("0123456789abcdef0123", refusal("jwt malformed"), LOGIN)[0] is Symptom.NOT_A_TOKEN


@pytest.mark.parametrize(
    ("access", "reason"),
    [
        ("0123456789abcdef0123", "it is opaque, so nothing in it shows why"),
        ("", "it is a key, in which nothing shows why"),
        (token(), "which the server may not know"),
        (token(aud="c"), "its aud is “c”"),
    ],
)
def test_nothing_is_blamed_for_a_guess(access, reason):
    symptom, facts = cause(access, refusal("go away"))
    assert (symptom, facts["says"]) == (Symptom.TOKEN_REFUSED, ", saying “go away”")
    assert reason in facts["reason"]


def test_the_audience_of_a_login_is_blamed_only_with_the_servers_word_for_it():
    assert cause(token(aud=GRAPH), refusal(""), LOGIN)[0] is Symptom.TOKEN_REFUSED
    assert cause(token(aud=GRAPH), refusal("bad audience"), LOGIN)[0] is Symptom.TOKEN_OF_ANOTHER_SERVICE


def test_scopes_that_the_refusal_names_are_looked_for_in_the_token_and_in_the_grant():
    lacking = refusal(status=403, scope="read write", error="insufficient_scope")
    assert cause(token(scope="read"), lacking) == (Symptom.SCOPE_MISSING, {"scopes": "“write”"})
    assert cause("opaque", lacking, granted="write") == (Symptom.SCOPE_MISSING, {"scopes": "“read”"})
    symptom, facts = cause(token(scope="read write"), lacking)
    assert (symptom, facts["reason"]) == (Symptom.TOKEN_REFUSED, "it has every scope that the refusal names")
