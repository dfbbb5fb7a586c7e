"""The `requestState` handles of parked calls."""

from itertools import count

import pytest
from modern_client import modern
from relaying import message

from mcp_auth_bridge.relay.exchanges import Exchanges
from mcp_auth_bridge.relay.request_states import RequestStates


@pytest.fixture
def states():
    numbers = count(1)
    return RequestStates(lambda size: next(numbers).to_bytes(size))


def exchange(id_=1, **params):
    return Exchanges().begin(message(modern(id_, **params)))


def retry(**params):
    return message(modern(2, **params))


def test_a_handle_is_as_long_as_the_entropy_that_was_asked_for(states):
    assert states.issue(exchange()) == ("00" * 23 + "01", 1)


def test_a_handle_leads_back_to_its_exchange_once(states):
    parked = exchange(name="add")
    handle, _ = states.issue(parked)
    assert states.redeem(handle, retry(name="add")) is parked
    assert states.redeem(handle, retry(name="add")) is None


@pytest.mark.parametrize("handle", ["", "00" * 24, 5, None, [], {}])
def test_anything_else_leads_nowhere(states, handle):
    states.issue(exchange())
    assert states.redeem(handle, retry()) is None


def test_a_handle_is_bound_to_its_request_and_survives_an_attempt_with_another(states):
    parked = exchange(name="add")
    handle, _ = states.issue(parked)
    assert states.redeem(handle, retry(name="delete")) is None
    assert states.redeem(handle, retry(name="add")) is parked


def test_an_expired_handle_is_not_good_any_more(states):
    parked = exchange()
    handle, number = states.issue(parked)
    assert states.expire(number) is parked
    assert states.redeem(handle, retry()) is None
    assert states.expire(number) is None


def test_a_used_handle_does_not_expire(states):
    handle, number = states.issue(exchange())
    states.redeem(handle, retry())
    assert states.expire(number) is None


def test_the_oldest_is_dropped_when_there_are_too_many(states):
    parked = [exchange() for _ in range(65)]
    handles = [states.issue(each)[0] for each in parked[:64]]
    assert states.drop_oldest() is None
    states.issue(parked[64])
    assert states.drop_oldest() is parked[0]
    assert states.redeem(handles[0], retry()) is None
    assert states.redeem(handles[1], retry()) is parked[1]


def test_the_handle_of_a_forgotten_exchange_is_not_good_any_more(states):
    one, other = exchange(), exchange()
    forgotten, _ = states.issue(one)
    kept, _ = states.issue(other)
    states.forget(one)
    assert states.redeem(forgotten, retry()) is None
    assert states.redeem(kept, retry()) is other
