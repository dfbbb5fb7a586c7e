"""The checks of the credential: what it is, what is in it, and what the server says of it."""

import time

import anyio
import msgspec
import pytest
from held import (
    BEARER,
    BROWSER,
    ISSUER,
    MACHINE,
    MCP,
    SERVED,
    answers,
    known,
    login,
    refusal,
    token,
)
from oauth_world import HONEST, evidence

from mcp_auth_bridge.doctor.credential import presented
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.oauth.archive import Fetched
from mcp_auth_bridge.doctor.oauth.documents import Documents
from mcp_auth_bridge.doctor.server.answer import Answer
from mcp_auth_bridge.doctor.server.answers import Session as Opened
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.effects import Response
from mcp_auth_bridge.errors import CredentialMissing, LoginRequired, StoreError, TheirProtocolError
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.own_handshake import INITIALIZE
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

SEALED = StoreError("the keyring is locked")
RENEW = "let the bridge renew the login, and log in again if that does not help: mcp-auth-bridge tools acme"
NOTHING = LoginRequired("there is no token that could be presented now")


def looked(check, evidence):
    return anyio.run(check, evidence)


def symptoms(finding):
    return [each.symptom for each in finding.signs]


# What it is


def test_a_configured_token_is_told_by_its_place_and_with_the_headers_beside_it(tmp_path):
    more = 'headers = { "X-Org" = "env:ORG" }'
    found = looked(presented.kind, known(tmp_path, BEARER, access="canary", more=more))
    assert (found.outcome, found.says) == (Outcome.OK, "the token, from the environment variable ACME_TOKEN")
    assert found.details == ("the header X-Org, from the environment variable ORG",)
    keys = '{ kind = "headers", headers = { "X-Api-Key" = "file:/run/key" } }'
    assert looked(presented.kind, known(tmp_path, keys)).says == "the header X-Api-Key, from the file /run/key"


def test_a_credential_that_cannot_be_read_is_not_looked_at(tmp_path):
    missing = known(tmp_path, BEARER, error=CredentialMissing("ACME_TOKEN is not set"))
    found = looked(presented.kind, missing)
    assert (found.outcome, found.says) == (Outcome.SKIP, "it cannot be read: ACME_TOKEN is not set")


NONE = '{ kind = "none" }'


def test_settings_without_a_credential_are_right_at_an_open_server_only(tmp_path):
    open_ = looked(presented.kind, known(tmp_path, NONE, answers=answers()))
    assert (open_.outcome, open_.says) == (Outcome.OK, f"none is configured: auth = {NONE}")
    closed = looked(presented.kind, known(tmp_path, NONE, answers=answers(stranger=refusal())))
    assert closed.outcome is Outcome.FAIL
    assert [each.symptom for each in closed.signs] == [Symptom.NONE_CONFIGURED]


def test_a_login_is_told_with_its_account_its_issuer_and_its_headers(tmp_path):
    client = Client(issuer=ISSUER, id="c", secret_expires_at=time.time() - 7260)
    held = login(account="mia@acme.example", scope="read", headers={"X-Org": Secret("env:ORG")}, client=client)
    found = looked(presented.kind, known(tmp_path, BROWSER, session=held))
    assert (found.outcome, found.says) == (Outcome.OK, f"a login of “mia@acme.example” at “{ISSUER}”")
    issued, granted, ended, kept, header = found.details
    assert (issued, granted) == ("issued to the client “c”, which the bridge registered", "granted: “read”")
    assert ended.startswith("that registration ended 2 hours ago")
    assert kept.startswith("kept in ")
    assert header == "the header X-Org, from the environment variable ORG, kept with the login"
    coming = Client(issuer=ISSUER, id="c", registered=False, secret_expires_at=time.time() + 7260)
    issued, ends, _ = looked(presented.kind, known(tmp_path, BROWSER, session=login(client=coming))).details
    assert issued == "issued to the client “c”, configured"
    assert ends.startswith("that registration is valid for 2 more hours")


def test_a_login_of_another_account_is_told(tmp_path):
    auth = '{ kind = "browser", account = "mia@acme.example" }'
    held = login(account="leo@acme.example", names=("leo@acme.example",), client=Client(issuer=ISSUER, id=""))
    found = looked(presented.kind, known(tmp_path, auth, session=held))
    assert (found.outcome, symptoms(found)) == (Outcome.FAIL, [Symptom.OTHER_ACCOUNT])
    assert found.hint == "run: mcp-auth-bridge login acme"


@pytest.mark.parametrize(
    ("given", "outcome", "told"),
    [
        (answers(stranger=refusal()), Outcome.FAIL, [Symptom.NO_LOGIN]),
        (answers(), Outcome.OK, [Symptom.NO_LOGIN]),
        (answers(cut_off=True), Outcome.WARN, [Symptom.NO_LOGIN]),
    ],
)
def test_a_missing_login_is_a_fault_only_if_the_server_asks_for_it(tmp_path, given, outcome, told):
    found = looked(presented.kind, known(tmp_path, BROWSER, error=NOTHING, answers=given))
    assert (found.outcome, symptoms(found), found.hint) == (outcome, told, "")


def test_where_a_login_would_work_its_command_is_the_hint(tmp_path):
    found = looked(presented.kind, evidence(tmp_path, HONEST))
    assert (found.outcome, found.says) == (Outcome.FAIL, "you are not logged in")
    assert found.hint.startswith("run: mcp-auth-bridge login acme")


def test_a_server_that_opens_and_then_asks_to_wait_may_need_no_login(tmp_path):
    opened = Answer("POST initialize", 200, reply=replies.result(INITIALIZE, {}))
    given = msgspec.structs.replace(answers(), bare=opened, stranger_session=Opened(error=LoginRequired("HTTP 429")))
    found = looked(presented.kind, known(tmp_path, BROWSER, error=NOTHING, answers=given))
    assert (found.outcome, found.signs) == (Outcome.WARN, ())
    assert found.says == "there is no login, and it is not known whether the server asks for one"


@pytest.mark.parametrize("auth", [BROWSER, MACHINE])
def test_a_store_that_cannot_be_opened_says_nothing_about_the_login(tmp_path, auth):
    found = looked(presented.kind, known(tmp_path, auth, error=SEALED, closed=SEALED))
    assert (found.outcome, found.says) == (Outcome.SKIP, "the store cannot be opened: the keyring is locked")


def test_a_login_that_cannot_be_read_is_a_fault(tmp_path):
    later = StoreError("a stored login was written by another version of the bridge", "use that version")
    found = looked(presented.kind, known(tmp_path, BROWSER, error=later))
    assert (found.outcome, found.hint, symptoms(found)) == (Outcome.FAIL, "use that version", [Symptom.LOGIN_DAMAGED])


def test_a_machines_token_is_told_by_its_grant(tmp_path):
    found = looked(presented.kind, known(tmp_path, MACHINE, error=NOTHING))
    assert (found.outcome, found.says) == (
        Outcome.SKIP,
        f"a token is obtained by client_credentials at {ISSUER} when one is needed",
    )
    assert found.hint == "to ask for one now, run: mcp-auth-bridge doctor acme --register"
    found = looked(presented.kind, known(tmp_path, MACHINE, session=login(machine=True)))
    assert found.says == f"a token obtained by client_credentials at {ISSUER}"


# What is in it


def test_the_claims_stand_beside_what_the_server_publishes(tmp_path):
    place = gate("https://mcp.example/.well-known/oauth-protected-resource/mcp", Purpose.LOCATION)
    body = b'{"resource":"urn:acme:mcp:files","authorization_servers":["https://as.example"]}'
    response = Response(200, {}, body, 0.0)
    documents = Documents((Fetched(place, response, response),), ())
    given = answers(refusal(scope="read write"))
    access = token(aud="urn:acme:mcp:files", scope="read")
    found = looked(presented.claims, known(tmp_path, BEARER, access=access, answers=given, documents=documents))
    assert found.says.startswith(f"a JWT of “{ISSUER}”, valid for 53 more minutes (until ")
    assert found.details[0] == f"iss “{ISSUER}”: the server's authorization server"
    assert found.details[1] == "aud “urn:acme:mcp:files”: this server"
    assert found.details[-1] == "scope “read”; the server asks for “write” too"
    assert access not in repr(found)


def test_a_login_brings_its_own_issuer_client_and_scopes(tmp_path):
    held = login(token(azp="other"), scope="read")
    found = looked(presented.claims, known(tmp_path, BROWSER, session=held, answers=answers()))
    assert found.details[0].endswith("the server's authorization server")
    assert found.details[-2:] == (
        "scope “read”",
        "azp “other”: the client that it was issued to, which is not this bridge's, “c”",
    )


@pytest.mark.parametrize(
    ("claims", "outcome", "says"),
    [
        ({"exp": None, "iss": None}, Outcome.OK, "a JWT that names no issuer"),
        ({"exp": time.time() - 259_300}, Outcome.WARN, "which expired 3 days ago"),
        ({"nbf": time.time() + 9999}, Outcome.WARN, "which is not valid yet by this machine's clock"),
    ],
)
def test_a_token_without_or_out_of_its_time_is_told(tmp_path, claims, outcome, says):
    given = known(tmp_path, BEARER, access=token(**claims), answers=answers(cut_off=True))
    found = looked(presented.claims, given)
    assert found.outcome is outcome
    assert says in found.says
    assert found.hint == (
        "" if outcome is Outcome.OK else "replace the token, which comes from the environment variable ACME_TOKEN"
    )


def test_a_server_that_takes_an_expired_token_is_not_contradicted(tmp_path):
    given = answers(stranger=refusal(), session=SERVED)
    found = looked(presented.claims, known(tmp_path, BEARER, access=token(exp=time.time() - 90), answers=given))
    assert found.outcome is Outcome.OK
    assert found.says.endswith("; the server accepts it all the same")


def test_an_expired_token_of_a_login_is_in_no_place_of_the_configuration(tmp_path):
    held = login(token(exp=time.time() - 90), refresh=None)
    found = looked(presented.claims, known(tmp_path, BROWSER, session=held, error=NOTHING, answers=answers()))
    assert (found.outcome, found.hint) == (Outcome.WARN, "")


def test_an_expired_token_that_renews_itself_is_no_fault(tmp_path):
    held = login(token(exp=time.time() - 90))
    found = looked(presented.claims, known(tmp_path, BROWSER, session=held, error=NOTHING, answers=answers()))
    assert found.outcome is Outcome.OK
    assert found.says.endswith("; the next use renews it")


def test_text_without_claims_is_opaque_or_not_a_token(tmp_path):
    assert looked(presented.claims, known(tmp_path, BEARER)).says == "there is no token"
    found = looked(presented.claims, known(tmp_path, BEARER, access="0123456789abcdef0123"))
    assert (found.outcome, found.says) == (Outcome.OK, "it is opaque: only its issuer can look into it")
    found = looked(presented.claims, known(tmp_path, BEARER, access="placeholder", answers=answers()))
    assert (found.outcome, found.says) == (Outcome.WARN, "it looks like a placeholder and not like a token")


# What the server says


def test_a_credential_is_accepted_if_it_is_what_makes_the_difference(tmp_path):
    held = known(tmp_path, BEARER, access="t", answers=answers(stranger=refusal(), session=SERVED))
    assert symptoms(looked(presented.acceptance, held)) == [Symptom.ACCEPTED]
    held = known(tmp_path, BEARER, access="t", answers=answers(session=SERVED))
    found = looked(presented.acceptance, held)
    assert (found.outcome, symptoms(found)) == (Outcome.OK, [])
    assert "with and without it" in found.says


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (answers(cut_off=True), "there is no connection to mcp.example"),
        (answers(credential=None), "there is nothing to present"),
        (answers(), "the server does not say: it answers with an error"),
        (answers(session=Opened(error=TheirProtocolError("it is broken"))), "the server does not say: it is broken"),
    ],
)
def test_what_the_server_did_not_say_is_not_guessed(tmp_path, given, says):
    found = looked(presented.acceptance, known(tmp_path, BEARER, access="t", answers=given))
    assert (found.outcome, found.says) == (Outcome.SKIP, says)


@pytest.mark.parametrize(
    ("auth", "session", "origin", "remedy"),
    [
        (
            BEARER,
            None,
            Symptom.FROM_CONFIGURATION,
            "replace the token, which comes from the environment variable ACME_TOKEN",
        ),
        (BROWSER, login(token(), refresh=None), Symptom.FROM_LOGIN, "run: mcp-auth-bridge login acme"),
        (BROWSER, login(token()), Symptom.FROM_LOGIN, RENEW),
        (
            MACHINE,
            login(token()),
            Symptom.FROM_MACHINE,
            "check resource, audience, scopes and issuer under auth for acme",
        ),
    ],
)
def test_a_refusal_is_explained_with_the_remedy_for_its_kind(tmp_path, auth, session, origin, remedy):
    given = answers(refusal("bad audience"))
    held = known(tmp_path, auth, access="" if session else token(), session=session, answers=given)
    found = looked(presented.acceptance, held)
    assert (found.outcome, symptoms(found), found.hint) == (Outcome.FAIL, [origin, Symptom.AUDIENCE_DISPUTED], remedy)
    assert MCP not in found.hint


def test_a_token_that_was_issued_a_moment_ago_is_told_from_one_that_may_have_been_revoked(tmp_path):
    given = answers(refusal())
    for age, is_new in ((5, True), (90, False)):
        held = known(tmp_path, BROWSER, session=login(obtained_at=time.time() - age), answers=given)
        assert (Symptom.FRESHLY_ISSUED in symptoms(looked(presented.acceptance, held))) is is_new


def test_a_key_that_is_refused_is_named_by_its_header(tmp_path):
    keys = '{ kind = "headers", headers = { "X-Api-Key" = "env:KEY" } }'
    found = looked(presented.acceptance, known(tmp_path, keys, answers=answers(refusal())))
    assert found.says.startswith("the server refuses the header X-Api-Key (HTTP 401): it is a key")
    assert symptoms(found) == [Symptom.FROM_CONFIGURATION, Symptom.TOKEN_REFUSED]
