"""Records and their generations."""

import pytest

from mcp_auth_bridge.stores.base import Record, is_older


@pytest.mark.parametrize(
    ("generation", "other", "older"),
    [(1, 2, True), (1, 1 << 20, True), (1, (1 << 20) + 1, False), (2, 2, False), (3, 2, False), (5, 1 << 50, False)],
)
def test_a_generation_is_older_only_within_the_life_of_one_login(generation, other, older):
    assert is_older(generation, other) is older


def test_a_record_does_not_show_its_secret():
    assert repr(Record(7, "hunter2")) == "Record(generation=7)"
