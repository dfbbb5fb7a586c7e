"""From which event, and when, a stream is resumed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.relay.resumption import Resumption


def test_a_new_stream_has_no_position():
    assert Resumption().headers == {}


def test_the_last_event_id_is_the_position():
    place = Resumption()
    place.advance(b"a", None)
    place.advance(b"b-2", None)
    assert place.headers == {"last-event-id": "b-2"}


@pytest.mark.parametrize("odd", [b"", b"two words", b"x\x7f", "é".encode(), b"x" * (32 * 1024 + 1)])
def test_an_id_that_a_header_cannot_carry_leaves_no_position(odd):
    place = Resumption()
    place.advance(b"a", None)
    place.advance(odd, None)
    assert place.headers == {}


def test_the_servers_retry_comes_first_and_exactly():
    place = Resumption()
    place.advance(b"a", 500)
    assert place.pause(0.9) == 0.5


@pytest.mark.parametrize(("said", "waited"), [(0, 0.1), (99, 0.1), (60_000, 60.0), (999_999_999, 60.0)])
def test_a_retry_is_held_between_a_tenth_of_a_second_and_a_minute(said, waited):
    place = Resumption()
    place.advance(b"a", said)
    assert place.pause(0.0) == waited


def test_without_new_events_the_pauses_grow_to_half_a_minute():
    place = Resumption()
    assert [place.pause(0.0) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_a_new_event_resets_the_pauses():
    place = Resumption()
    place.advance(b"a", 200)
    assert [place.pause(0.0) for _ in range(3)] == [0.2, 0.4, 0.8]
    place.advance(b"b", None)
    assert (place.tries, place.pause(0.0)) == (0, 0.2)


def test_a_connection_that_lasted_long_does_not_count_as_a_failure():
    place = Resumption()
    for _ in range(9):
        place.pause(0.0)
    place.lived(29.9)
    assert place.tries == 9
    place.lived(30.0)
    assert place.pause(0.0) == 1.0


@given(st.lists(st.tuples(st.none() | st.integers(0, 10**9), st.floats(0, 1)), max_size=40))
def test_a_pause_is_always_positive_and_never_endless(history):
    place = Resumption()
    for retry, chance in history:
        place.advance(b"", retry)
        assert 0.1 <= place.pause(chance) <= 75


def test_a_position_that_was_given_up_is_not_sent_again():
    place = Resumption()
    place.advance(b"a", None)
    place.forget()
    assert place.headers == {}
