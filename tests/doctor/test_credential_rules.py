"""The verdicts about the credential: golden, for a reader who knows no OAuth."""

import time

import pytest
from held import ISSUER, MCP, refusal, token

from mcp_auth_bridge.doctor.finding import Section, fail, ok, sign
from mcp_auth_bridge.doctor.refused_credential import Presented, explain
from mcp_auth_bridge.doctor.rules import RULES
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.token_lines import Wanted
from mcp_auth_bridge.doctor.verdict import Blame, judge

KNOWN = {
    "server": "acme",
    "url": MCP,
    "origin": "https://mcp.example",
    "login": "mcp-auth-bridge login acme",
    "doctor": "mcp-auth-bridge doctor acme",
}
GRAPH = "graph.vendor.example"
OURS = sign(Symptom.FROM_CONFIGURATION)
LOGIN = sign(Symptom.FROM_LOGIN, authority=f"“{ISSUER}”")
MACHINE = sign(Symptom.FROM_MACHINE)
WHAT = {OURS.symptom: "the token", LOGIN.symptom: "the token of your login", MACHINE.symptom: "the token obtained by x"}
SENDS = "send its operator the text that this prints: mcp-auth-bridge doctor acme --for-operator"
SENDS_IT = f"if its operator says that this one should work, {SENDS.replace('its operator ', '')}"
LOCKED = refusal(status=403, scope="write", error="insufficient_scope")


def verdict(access, refused, origin, *others):
    presented = Presented(access, WHAT[origin.symptom], "REMEDY", origin, Wanted((MCP,)))
    asked = sign(Symptom.REFUSES_CREDENTIAL, status="401", says="")
    server = fail("it refuses the credential", "", asked, *others)
    seen = [(Section.SERVER, server), (Section.CREDENTIAL, explain(refused, presented, time.time()))]
    found = judge(seen, RULES, KNOWN)
    return found.blame, found.sentence, found.step, found.operator


AUDIENCE, ISSUER_UNKNOWN = refusal("bad audience"), refusal("unknown issuer")
SET = "set resource or audience under auth for this server, as its operator documents them"
LOG_IN = "run: mcp-auth-bridge login acme"
ASK = (
    "ask the server's operator for the audience that a token needs, set it as audience under auth for this server, then"
    f" {LOG_IN}"
)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            ({"aud": GRAPH}, refusal(), OURS),
            (
                Blame.YOU,
                f"the token was made for another service, {GRAPH}, and acme does not accept it",
                f"get a token that was made for {MCP}, then REMEDY; {SENDS_IT}",
            ),
        ),
        (
            ({"aud": GRAPH}, AUDIENCE, LOGIN),
            (
                Blame.AUTHORIZATION_SERVER,
                f"“{ISSUER}”, where you logged in, made a token for {GRAPH}, and acme does not accept it",
                SENDS,
            ),
        ),
        (
            ({"aud": GRAPH}, AUDIENCE, MACHINE),
            (
                Blame.YOU,
                f"the token obtained by x was made for another service, {GRAPH}, and acme does not accept it",
                SET,
            ),
        ),
        (
            ({"aud": "c"}, AUDIENCE, OURS),
            (
                Blame.YOU,
                "the token was made for “c”, not for acme",
                f"get a token that was made for {MCP}, then REMEDY",
            ),
        ),
        (
            ({"aud": "c"}, AUDIENCE, LOGIN),
            (
                Blame.AUTHORIZATION_SERVER,
                f"“{ISSUER}”, where you logged in, made a token for “c”, and acme does not accept it",
                SENDS,
            ),
        ),
        (
            ({"aud": "c"}, AUDIENCE, MACHINE),
            (Blame.YOU, "the token obtained by x was made for “c”, not for acme", SET),
        ),
        (
            ({}, AUDIENCE, OURS),
            (
                Blame.SERVER,
                f"acme says that the token was made for another server, but it was made for “{MCP}”, which is this one",
                SENDS,
            ),
        ),
        (
            ({}, ISSUER_UNKNOWN, LOGIN),
            (
                Blame.SERVER,
                f"acme does not know the issuer of your login's token, “{ISSUER}”, although you logged in at",
                SENDS,
            ),
        ),
        (
            ({"iss": "Vendor"}, ISSUER_UNKNOWN, OURS),
            (
                Blame.YOU,
                "acme does not know who made the token: its issuer is “Vendor”",
                "get a token from the issuer that the server's operator names, then REMEDY",
            ),
        ),
        (({}, refusal(), OURS), (Blame.UNKNOWN, "acme refuses the token; its issuer is", "REMEDY")),
        (
            ({}, refusal("no luck"), LOGIN),
            (Blame.YOU, "acme refuses the token of your login, saying “no luck”; it may have been revoked (", "REMEDY"),
        ),
        (
            ({"exp": time.time() - 259_300}, refusal(), OURS),
            (Blame.YOU, "the token for acme expired 3 days ago (", "REMEDY"),
        ),
        (
            ({"exp": time.time() + 7300}, refusal("expired"), OURS),
            (
                Blame.UNKNOWN,
                "acme says that the token has expired, but by this machine's clock it is valid for another 2 hours: a",
                "check the date and time of this machine; if they are right, REMEDY",
            ),
        ),
        (
            ({"nbf": time.time() + 7300}, refusal(), LOGIN),
            (
                Blame.UNKNOWN,
                "by this machine's clock, the token of your login becomes valid in 2 hours: this clock is slow,",
                "check the date, time and time zone of this machine",
            ),
        ),
        (
            ({"nbf": time.time() + 7300}, refusal(), OURS),
            (
                Blame.YOU,
                "the token for acme is not valid yet: by this machine's clock, it becomes valid in 2 hours",
                "check the date, time and time zone of this machine; if they are right, wait that long, or REMEDY",
            ),
        ),
        (
            ("placeholder", refusal(), OURS),
            (
                Blame.YOU,
                "the token for acme is not a token: it looks like a placeholder and not like a token",
                "REMEDY",
            ),
        ),
        (
            ("0123456789abcdef0123", refusal("jwt malformed"), LOGIN),
            (
                Blame.UNKNOWN,
                f"acme cannot read the token that “{ISSUER}”, where you logged in, made: it is not a JWT",
                ASK,
            ),
        ),
        (
            ({"scope": "read"}, LOCKED, LOGIN),
            (
                Blame.YOU,
                "your login lacks a permission that acme wants: “write”",
                f"add “write” to scopes under auth for this server, then {LOG_IN}",
            ),
        ),
        (
            ({"scope": "read"}, LOCKED, OURS),
            (Blame.YOU, "the token lacks a permission that acme wants: “write”", "REMEDY"),
        ),
    ],
)
def test_a_refusal_is_blamed_on_the_one_who_can_change_it(given, told):
    access, refused, origin = given
    blame, sentence, step, operator = verdict(token(**access) if isinstance(access, dict) else access, refused, origin)
    assert (blame, step) == (told[0], told[2])
    assert sentence.startswith(told[1])
    if blame in (Blame.SERVER, Blame.AUTHORIZATION_SERVER):
        assert operator


def test_a_missing_header_outranks_everything_but_a_fault_that_the_token_shows():
    missing = sign(Symptom.MISSING_HEADER, header="x-org")
    for claims in ({"aud": GRAPH}, {"iss": "Vendor"}, {}):
        blame, sentence, step, _ = verdict(token(**claims), refusal("issuer"), OURS, missing)
        assert (blame, "x-org" in sentence, "x-org" in step) == (Blame.YOU, True, True)
    for access in (token(exp=time.time() - 90), "placeholder"):
        assert "x-org" not in verdict(access, refusal(), OURS, missing)[1]


def test_even_a_new_token_of_a_login_may_be_refused():
    new = sign(Symptom.FRESHLY_ISSUED)
    blame, sentence, _, operator = verdict("0123456789abcdef0123", refusal("no"), LOGIN, new)
    assert (blame, sentence[:44]) == (Blame.UNKNOWN, "acme refuses the token of your login, saying")
    assert "error_description" in operator


def test_a_login_that_is_missing_or_has_ended_is_no_fault_of_an_open_server():
    ended = sign(Symptom.LOGIN_ENDED, why="it was revoked")
    refused = sign(Symptom.RENEWAL_REFUSED, reason="HTTP 403")
    other = sign(Symptom.OTHER_ACCOUNT, account="“leo”", expected="“mia”")
    forgotten = sign(Symptom.CLIENT_FORGOTTEN, authority="“https://as.example”")
    wanting = sign(Symptom.WANTS_CREDENTIALS, status="401")
    told = [
        judge([(Section.CREDENTIAL, fail("x", "", *signs))], RULES, KNOWN)
        for signs in ([ended], [refused], [other], [forgotten], [wanting, sign(Symptom.NO_LOGIN)])
    ]
    assert [(each.blame, each.sentence) for each in told] == [
        (Blame.YOU, "your login to acme has ended: it was revoked"),
        (Blame.UNKNOWN, "the server where you logged in no longer renews your login to acme (HTTP 403)"),
        (Blame.YOU, "you are logged in to acme as “leo”, and the configuration expects “mia”"),
        (
            Blame.AUTHORIZATION_SERVER,
            "“https://as.example”, where you logged in, has forgotten this bridge, so it will not renew your login",
        ),
        (Blame.YOU, "acme wants a login, and you are not logged in"),
    ]
    assert {each.step for each in told} == {"run: mcp-auth-bridge login acme"}
    open_to_all = sign(Symptom.SERVES_STRANGERS)
    for signs in ([ended, open_to_all], [refused, open_to_all], [sign(Symptom.NO_LOGIN), open_to_all]):
        assert judge([(Section.CREDENTIAL, ok("x", *signs))], RULES, KNOWN).blame is Blame.NOTHING
