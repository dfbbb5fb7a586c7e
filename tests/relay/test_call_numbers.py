"""The ranges of call numbers: each relay has its own, and none runs into another."""

from itertools import combinations

import pytest

from mcp_auth_bridge.relay.call_numbers import FORWARDED, LISTINGS, OWN, PROBES, SIGN_IN, STREAM, CallNumbers


@pytest.mark.parametrize(("one", "other"), [*combinations([FORWARDED, OWN, LISTINGS, PROBES], 2)])
def test_no_two_ranges_share_a_number(one, other):
    assert one[0] not in other
    assert one[-1] not in other
    assert other[0] not in one
    assert other[-1] not in one


@pytest.mark.parametrize("numbers", [FORWARDED, OWN, LISTINGS, PROBES])
def test_no_range_holds_the_number_of_the_stream_or_of_a_login(numbers):
    assert STREAM not in numbers
    assert SIGN_IN not in numbers


@pytest.mark.parametrize("numbers", [FORWARDED, OWN, LISTINGS, PROBES])
def test_numbers_are_handed_out_in_their_order_and_each_once(numbers):
    calls = CallNumbers(numbers)
    assert [calls.take() for _ in range(3)] == list(numbers[:3])
