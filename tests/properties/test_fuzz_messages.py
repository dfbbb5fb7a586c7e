"""Whatever a client or server sends, the bridge survives without an internal error, and each request gets one reply."""

import random
import sys

import pytest
from hostile_session import session
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import times


def check(chance, lines, kind):
    played = session(chance, lines, modern=kind == 1, older=kind == 2)
    assert played.faults == []
    assert played.heard == played.due


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 2))
def test_each_request_gets_one_reply_whatever_is_sent(chance, kind):
    check(chance, 4, kind)


def test_each_of_a_thousand_lines_gets_its_reply():
    for seed in range(100):
        check(random.Random(seed), 10, seed % 3)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_of_a_multitude_of_lines_gets_its_reply():
    """In sessions of a hundred lines, which are cheaper."""
    first = random.randrange(sys.maxsize)
    for seed in range(first, first + times(1000)):
        try:
            check(random.Random(seed), 100, seed % 3)
        except BaseException:
            print(f"seed {seed}")  # noqa: T201 - what repeats this session
            raise
