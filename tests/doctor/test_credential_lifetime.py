"""How long a credential lasts, and whether it is renewed without the user."""

import time

import anyio
import pytest
from held import BEARER, BROWSER, MACHINE, answers, known, login, refusal

from mcp_auth_bridge.doctor.credential_lifetime import renewal
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.oauth.session import Strikes

REFUSED = refusal()


def found(folder, auth=BROWSER, session=None, stranger=REFUSED):
    finding = anyio.run(renewal, known(folder, auth, session=session, answers=answers(stranger=stranger)))
    return finding.outcome, finding.says, [each.symptom for each in finding.signs], finding.details


def test_what_is_not_a_login_is_read_or_obtained_again(tmp_path):
    assert found(tmp_path, BEARER)[1].endswith("it reads it again when the server refuses it")
    assert found(tmp_path, MACHINE)[1] == "it is obtained anew by client_credentials"
    assert found(tmp_path)[:2] == (Outcome.SKIP, "there is no login")


def test_a_login_with_a_refresh_token_renews_itself_and_tells_its_age_and_its_doubts(tmp_path):
    outcome, says, signs, details = found(tmp_path, session=login())
    assert (outcome, says, signs) == (Outcome.OK, "it is renewed when it expires, without you", [])
    assert details[0].startswith("it was made or renewed 6 minutes ago")
    doubted = login(in_doubt=True, strikes=Strikes(count=1, status=403))
    assert [line.partition(":")[0] for line in found(tmp_path, session=doubted)[3][1:]] == [
        "the last renewal got no response",
        "renewals that were refused in a row",
    ]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "there is no refresh token, so the login is valid for 53 more minutes (until "),
        ({"expires_at": None}, "there is no refresh token, so the login is valid until the server refuses it"),
    ],
)
def test_a_login_without_a_refresh_token_ends(tmp_path, more, says):
    outcome, told, signs, _ = found(tmp_path, session=login(refresh=None, **more))
    assert (outcome, signs) == (Outcome.WARN, [])
    assert told.startswith(says)


def test_a_login_that_has_ended_is_told_with_the_reason(tmp_path):
    ended = login(ended="invalid_grant", ended_saying=", saying “the session was revoked”")
    outcome, says, signs, _ = found(tmp_path, session=ended)
    assert (outcome, signs) == (Outcome.FAIL, [Symptom.LOGIN_ENDED])
    assert says.endswith("the authorization server ended it (invalid_grant, saying “the session was revoked”)")
    expired = login(refresh=None, expires_at=time.time() - 7260)
    outcome, says, signs, _ = found(tmp_path, session=expired)
    assert (outcome, signs) == (Outcome.FAIL, [Symptom.LOGIN_ENDED])
    assert says.startswith("the login has ended: its token expired 2 hours ago")
    outcome, says, signs, _ = found(tmp_path, session=expired, stranger=None)
    assert (outcome, signs) == (Outcome.OK, [])
    assert says.startswith("the login has ended, and the server asks for none")


def test_a_login_whose_renewals_are_refused_again_and_again_needs_the_user(tmp_path):
    refused = login(strikes=Strikes(count=5, status=403, said=", saying “no”"))
    outcome, says, signs, _ = found(tmp_path, session=refused)
    assert (outcome, signs) == (Outcome.FAIL, [Symptom.RENEWAL_REFUSED])
    assert says == "the authorization server refused the last 5 renewals (HTTP 403, saying “no”)"
