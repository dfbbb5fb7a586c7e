"""Which failures of a refresh count against the login, and what the login is after each of them."""

import pytest
from refreshing import session

from mcp_auth_bridge.credentials.refresh_policy import (
    as_unsent,
    failed,
    is_refusal,
    last_words,
    pause,
    succeeded,
    wants_login,
    why_ended,
)
from mcp_auth_bridge.errors import (
    GrantEnded,
    OAuthRefused,
    OutcomeUnknown,
    Overdue,
    Sent,
    TheirProtocolError,
    TimedOut,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.oauth.session import Client

REFUSING = (400, 401, 403, 404, 407, 422, 499)
PASSING = (408, 425, 429, 500, 502, 503, 599)


@pytest.mark.parametrize("status", REFUSING)
def test_a_status_that_repeating_the_request_does_not_change_is_a_refusal(status):
    assert is_refusal(OAuthRefused("refused", error="invalid_request", status=status))
    assert is_refusal(UpstreamFailed("refused", status=status))


@pytest.mark.parametrize("status", PASSING)
def test_a_status_of_a_fault_that_passes_is_not_a_refusal_whatever_code_comes_with_it(status):
    assert not is_refusal(OAuthRefused("refused", error="invalid_request", status=status))
    assert not is_refusal(UpstreamFailed("failed", status=status))


@pytest.mark.parametrize("error", ["server_error", "slow_down", "temporarily_unavailable"])
def test_a_code_of_a_fault_that_passes_is_not_a_refusal_whatever_status_comes_with_it(error):
    assert not is_refusal(OAuthRefused("not now", error=error, status=400))


@pytest.mark.parametrize(
    "error",
    [
        UpstreamFailed("a page in place of an answer", status=200),
        UpstreamFailed("no answer", status=399),
        Unreachable("nothing answered"),
        TheirProtocolError("the answer is malformed"),
    ],
)
def test_an_error_without_a_refusing_status_is_not_a_refusal(error):
    assert not is_refusal(error)


# The login after a refresh

NOW = 100_000.0


def refused(error="invalid_request", status=400, **more):
    return OAuthRefused("refused", error=error, status=status, **more)


def after(*errors, at=NOW, **more):
    """The session after refreshes that ended with `errors`, an hour apart."""
    failing = session(**more)
    for number, error in enumerate(errors):
        failing = failed(failing, error, at + 3600.0 * number)
    return failing


def test_invalid_grant_alone_ends_a_login_at_once_and_its_refresh_token():
    ended = after(GrantEnded("ended", error="invalid_grant", said=", saying “revoked”"))
    assert (ended.refresh, ended.ended) == (None, "invalid_grant")
    assert why_ended(ended, NOW) == "the authorization server ended it (invalid_grant, saying “revoked”)"


def test_a_forgotten_client_ends_a_login_at_the_second_refusal_and_at_the_first_if_its_secret_has_expired():
    forgotten = refused("invalid_client", 401)
    assert after(forgotten).ended == ""
    assert after(forgotten, forgotten).ended == "invalid_client"
    expired = Client(issuer="https://as.example", id="abc", secret_expires_at=NOW - 1)
    ended = after(forgotten, client=expired)
    assert ended.ended == "invalid_client"
    assert why_ended(ended, NOW) == "the registration of this bridge at the authorization server has expired"


def test_another_kind_of_refusal_starts_counting_anew():
    assert after(refused(), refused(), refused("invalid_client", 401)).strikes.count == 1


def test_a_page_is_counted_once_while_its_pause_lasts_and_pauses_nothing():
    page = UpstreamFailed("a page", status=403)
    once = failed(session(), page, NOW)
    assert failed(once, page, NOW + 10.0) is once
    assert failed(once, page, NOW + 31.0).strikes.count == 2
    assert pause(once.strikes, NOW + 1.0) == 0.0
    assert last_words(once.strikes) == "HTTP 403"


def test_a_refusal_pauses_for_twice_as_long_each_time_and_the_fifth_wants_a_login():
    strikes = [after(*[refused()] * count).strikes for count in range(1, 6)]
    assert [pause(each, each.at) for each in strikes] == [30.0, 60.0, 120.0, 240.0, 480.0]
    assert [wants_login(each) for each in strikes] == [False] * 4 + [True]
    assert pause(after(*[refused()] * 20).strikes, NOW + 19 * 3600.0) == 3600.0
    assert last_words(strikes[0]) == "invalid_request"


def test_a_pause_passes_and_ends_when_the_clock_is_set_back():
    strikes = after(refused()).strikes
    assert pause(strikes, NOW + 20.0) == 10.0
    assert pause(strikes, NOW + 30.0) == 0.0
    assert pause(strikes, NOW - 1.0) == 0.0


def test_a_fault_before_the_request_was_sent_changes_nothing_and_one_after_it_leaves_a_doubt():
    unsent = Unreachable("refused connections")
    unsent.sent = Sent.NO
    before = session()
    assert failed(before, unsent, NOW) is before
    assert failed(before, OutcomeUnknown("no answer"), NOW).in_doubt


def test_a_success_removes_doubt_and_strikes():
    doubtful = after(refused(), in_doubt=True)
    assert succeeded(doubtful) == session()
    ended = after(GrantEnded("ended", error="invalid_grant"), in_doubt=True)
    assert "after a refresh that got no response" in why_ended(ended, NOW)


def test_of_the_request_that_needed_the_refresh_nothing_was_sent():
    for error, kind in ((OutcomeUnknown("no answer", "wait"), Unreachable), (Overdue("late", "wait"), TimedOut)):
        error.facts["seconds"] = 90
        unsent = as_unsent(error)
        assert (type(unsent), unsent.sent, unsent.message, unsent.hint) == (kind, Sent.NO, error.message, "wait")
        assert unsent.facts["seconds"] == 90
    partial = refused()
    assert as_unsent(partial) is partial
    assert partial.sent is Sent.NO
