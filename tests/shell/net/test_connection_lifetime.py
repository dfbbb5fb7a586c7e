"""When an idle connection is too near to its end to be used again: as announced, and as observed."""

import math

import pytest

from mcp_auth_bridge.shell.net.connection_lifetime import IdleLimit, Lifetime

WAY = 0.05


def lifetime(*fields, round_trip=WAY):
    """The lifetime of a connection on which each of `fields` came with a response, after a second each."""
    noted = Lifetime(round_trip)
    for field in fields:
        noted.note((field,), 1.0)
    return noted


def last_moment(noted, observed=math.inf):
    """The longest idle time, in milliseconds, after which the connection is used again."""
    return max((ms for ms in range(20_000) if noted.allows(ms / 1000, observed)), default=-1)


@pytest.mark.parametrize("field", ["", "max=100", "timeout", "timeout=", "timeout=soon", "xtimeout=1", "timeout=-1"])
def test_without_an_announced_time_a_connection_is_used_for_as_long_as_it_is_kept(field):
    assert lifetime(field).allows(1e6, math.inf)


@pytest.mark.parametrize(
    "field",
    [
        "timeout=8",
        "timeout = 8",
        'timeout="8"',
        "TIMEOUT=8, max=9",
        "max=9, timeout=8",
        "max=9;timeout=8",
        "timeout=08",
    ],
)
def test_a_connection_is_not_used_in_the_last_second_and_two_round_trips_before_its_announced_end(field):
    assert last_moment(lifetime(field)) == 6899


def test_a_short_time_has_a_margin_in_proportion():
    assert last_moment(lifetime("timeout=2")) == 1399


@pytest.mark.parametrize("field", ["timeout=0", "timeout=1"])
def test_a_time_that_is_over_before_a_request_can_arrive_leaves_none(field):
    assert last_moment(lifetime(field, round_trip=0.4)) == -1


def test_the_last_announcement_counts():
    assert last_moment(lifetime("timeout=2", "timeout=8")) == 6899
    assert lifetime("timeout=2").allows(0, math.inf)


def test_the_way_is_no_longer_than_the_fastest_response():
    noted = Lifetime(1.0)
    noted.note(("timeout=8",), 0.5)
    noted.note(("timeout=8",), 0.05)
    noted.note(("timeout=8",), 0.7)
    assert last_moment(noted) == 6899


def test_the_number_of_requests_is_kept_if_the_server_counts_down():
    assert [lifetime(*[f"max={n}" for n in range(3, 3 - k, -1)]).allows(0, math.inf) for k in (1, 2, 3)] == [
        True,
        True,
        False,
    ]


def test_the_number_of_requests_is_kept_if_the_server_repeats_it():
    assert [lifetime(*["max=3"] * k).allows(0, math.inf) for k in (1, 2, 3)] == [True, True, False]


def test_no_request_follows_a_response_that_says_it_is_the_last():
    assert not lifetime("max=100", "max=0").allows(0, math.inf)
    assert not lifetime("max=0").allows(0, math.inf)


def test_a_limit_that_was_observed_counts_like_an_announced_one():
    assert last_moment(lifetime(""), observed=8.0) == 6899
    assert last_moment(lifetime("timeout=2"), observed=8.0) == 1399


def limit(*times):
    observed = IdleLimit()
    for seconds in times:
        observed.ended(seconds)
    return observed


def test_two_ends_after_the_same_time_show_a_limit_and_the_shorter_one_counts():
    assert limit(5.02, 5.0).seconds == 5.0
    assert limit(1.0, 5.0, 5.02).seconds == 5.0


@pytest.mark.parametrize("times", [(), (5.0,), (5.0, 1.0), (5.0, 5.0, 1.0), (0.0, 1.0)])
def test_other_ends_show_no_limit(times):
    assert limit(*times).seconds == math.inf


def test_a_connection_that_outlives_a_limit_disproves_it():
    observed = limit(5.0, 5.0)
    observed.outlived(5.4)
    assert observed.seconds == 5.0
    observed.outlived(5.6)
    observed.ended(5.0)
    assert observed.seconds == math.inf
