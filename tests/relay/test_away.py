"""What counts as a server that is away, and how long the bridge waits before it asks again."""

import pytest

from mcp_auth_bridge.errors import (
    AccessDenied,
    LoginRequired,
    OutcomeUnknown,
    StoreError,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
)
from mcp_auth_bridge.relay.away import LONGEST_PAUSE, Pauses, is_away, may_be_wrong_url, may_pass, requested_pause


def refused(status, retry_after=None):
    return UpstreamFailed("…", status=status, retry_after=retry_after)


@pytest.mark.parametrize("status", [200, 302, 404, 405, 408, 425, 429, 500, 502, 503, 504, 511, 520, 530])
def test_a_status_that_a_balancer_or_a_portal_gives_means_away(status):
    assert is_away(refused(status))


@pytest.mark.parametrize("status", [301, 308, 400, 402, 403, 406, 413, 415, 422, 451])
def test_a_status_about_the_request_itself_does_not(status):
    assert not is_away(refused(status))


@pytest.mark.parametrize("error", [Unreachable("no route"), OutcomeUnknown("cut")])
def test_a_network_that_fails_means_away(error):
    assert is_away(error)


@pytest.mark.parametrize("error", [None, AccessDenied("no"), StoreError("locked"), TheirProtocolError("odd")])
def test_other_errors_do_not_and_do_not_pass_either(error):
    assert not is_away(error)
    assert not may_pass(error)


@pytest.mark.parametrize(
    ("status", "may_be"), [(200, True), (302, True), (404, True), (405, True), (501, True), (429, False)]
)
def test_a_server_that_is_not_there_may_be_at_another_url(status, may_be):
    assert may_be_wrong_url(refused(status)) is may_be
    assert not may_be_wrong_url(Unreachable("no route"))


def test_a_missing_login_is_not_away_and_may_pass():
    assert not is_away(LoginRequired("log in"))
    assert may_pass(LoginRequired("log in"))
    assert may_pass(refused(503))


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (refused(503, 7.0), 7),
        (refused(503), 0),
        (refused(429, 86400.0), 300),
        (Unreachable("no route"), 0),
        (None, 0),
    ],
)
def test_a_server_may_ask_for_a_pause_of_five_minutes_at_most(error, seconds):
    assert requested_pause(error) == seconds


def seconds(pauses, *errors):
    """The pause after each of these errors, with an attempt of the bridge's own between them."""
    found = []
    for error in errors:
        found.append(pauses.after(error))
        pauses.attempt()
    return found


BUSY, AWAY, NO_LOGIN = refused(503), Unreachable("no route"), LoginRequired("log in")


def test_pauses_double_up_to_half_a_minute_and_begin_anew():
    pauses = Pauses()
    assert seconds(pauses, *[BUSY] * 7) == [1, 2, 4, 8, 16, 30, LONGEST_PAUSE]
    pauses.reset()
    assert pauses.after(None) == 1


def test_attempts_of_a_client_do_not_lengthen_the_pauses():
    pauses = Pauses()
    assert [pauses.after(AWAY) for _ in range(4)] == [1, 1, 1, 1]


def test_a_pause_is_as_long_as_the_server_asks():
    assert seconds(Pauses(), refused(503, 20.0), refused(503, 1.0)) == [20, 2]


def test_the_store_is_looked_at_every_second():
    assert seconds(Pauses(), *[NO_LOGIN] * 4, AWAY, AWAY) == [1, 1, 1, 1, 1, 2]
