"""Moments in words."""

import pytest

from mcp_auth_bridge.oauth.time_words import ago, ahead, span, timestamp

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds ago (2023-11-14 22:13 UTC)"),
        (1, "1 second ago (2023-11-14 22:13 UTC)"),
        (119, "119 seconds ago (2023-11-14 22:11 UTC)"),
        (7199, "119 minutes ago (2023-11-14 20:13 UTC)"),
        (7200, "2 hours ago (2023-11-14 20:13 UTC)"),
        (259_201, "3 days ago (2023-11-11 22:13 UTC)"),
    ],
)
def test_a_time_that_has_passed_is_told_in_units_that_people_use(seconds, words):
    assert ago(NOW - seconds, NOW) == words


def test_a_time_to_come_is_told_in_the_same_units():
    assert ahead(NOW + 52 * 60, NOW) == "for 52 more minutes (until 2023-11-14 23:05 UTC)"
    assert ahead(NOW + 1, NOW) == "for 1 more second (until 2023-11-14 22:13 UTC)"
    assert span(3600) == "60 minutes"


def test_a_program_gets_whole_seconds_in_utc():
    assert timestamp(NOW + 0.9) == "2023-11-14T22:13:20Z"
