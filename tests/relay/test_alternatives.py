"""Of several relays, the one that made a call or set a timer hears of it."""

import pytest
from relaying import answer, cancelled, message, notification, request

from mcp_auth_bridge.errors import Unreachable
from mcp_auth_bridge.relay.alternatives import Alternatives
from mcp_auth_bridge.relay.base import Fail, Hangup, Note, OpenStream, ToClient, ToServer, Wake
from mcp_auth_bridge.relay.call_numbers import STREAM
from mcp_auth_bridge.relay.passthrough import Passthrough

CALL = ToServer(7, message(request(1)))


def two():
    relays = Alternatives()
    return relays, relays.add(Passthrough()), relays.add(Passthrough())


def test_each_relay_is_found_by_its_number():
    relays, first, second = two()
    assert relays.by_number[first] is not relays.by_number[second]


def test_a_call_belongs_to_the_relay_that_made_it_until_it_ends():
    relays, first, second = two()
    assert list(relays.noted(first, [CALL, Note("n")])) == [CALL, Note("n")]
    assert relays.makers.get(7, second) == first
    del relays.makers[7]
    assert relays.makers.get(7, second) == second


def test_the_servers_stream_belongs_to_the_relay_that_opened_it():
    relays, first, second = two()
    list(relays.noted(first, [OpenStream()]))
    assert relays.makers.get(STREAM, second) == first


def test_a_call_that_is_hung_up_on_is_forgotten():
    relays, first, second = two()
    list(relays.noted(first, [CALL, Hangup(7)]))
    assert relays.makers.get(7, second) == second


def test_timers_of_the_same_name_are_told_apart():
    relays, first, second = two()
    (one,) = relays.noted(first, [Wake("deadline", 2)])
    (other,) = relays.noted(second, [Wake("deadline", 3)])
    assert relays.timer(one.timer, second) == (first, "deadline")
    assert relays.timer(other.timer, first) == (second, "deadline")


def test_a_timer_of_nested_alternatives_keeps_its_inner_number():
    relays, _, second = two()
    (outer,) = relays.noted(second, [Wake("4/again 1", 2)])
    assert relays.timer(outer.timer, 0) == (second, "4/again 1")


def test_a_timer_that_none_of_them_set_is_for_the_one_in_use():
    relays, first, _ = two()
    assert relays.timer("reopen", first) == (first, "reopen")
    assert relays.timer("a/b", first) == (first, "a/b")


def test_a_retired_relay_stays_for_its_calls_and_is_forgotten_then():
    relays, first, second = two()
    list(relays.noted(first, [CALL]))
    relays.retire(first)
    assert relays.timer(f"{first}/deadline", second) == (first, "deadline")
    del relays.makers[7]
    relays.retire(first)
    assert relays.timer(f"{first}/deadline", second) is None
    assert relays.by_number[second]


def test_the_others_are_forgotten_once_they_have_nothing_to_do():
    relays, first, second = two()
    third = relays.add(Passthrough())
    list(relays.noted(first, [CALL]))
    relays.retire_others(third)
    known = [relays.timer(f"{number}/deadline", third) is not None for number in (first, second, third)]
    assert known == [True, False, True]


def test_a_cancellation_reaches_the_relay_that_has_the_request():
    relays, first, second = two()
    assert relays.addressee(message(request(1)), first) == first
    assert relays.addressee(message(cancelled(1)), second) == first
    assert relays.addressee(message(cancelled(1)), second) == second


@pytest.mark.parametrize("reply", [ToClient(message(answer(1))), Fail(message(request(1)), Unreachable("away"))])
def test_a_request_with_a_reply_belongs_to_no_relay(reply):
    relays, first, second = two()
    relays.addressee(message(request(1)), first)
    list(relays.noted(first, [reply]))
    assert relays.addressee(message(cancelled(1)), second) == second


def test_the_clients_reply_reaches_the_relay_that_asked():
    relays, first, second = two()
    list(relays.noted(first, [ToClient(message(request("s", "ping")))]))
    assert relays.addressee(message(answer("s")), second) == first
    assert relays.addressee(message(answer("s")), second) == second


def test_other_messages_are_for_the_relay_in_use():
    relays, _, second = two()
    assert relays.addressee(message(notification("n")), second) == second
    assert list(relays.noted(second, [ToClient(message(notification("n")))]))


def test_a_retired_relay_stays_for_its_requests():
    relays, first, second = two()
    relays.addressee(message(request(1)), first)
    relays.retire(first)
    assert relays.addressee(message(cancelled(1)), second) == first
    list(relays.noted(first, [ToClient(message(request("s", "ping")))]))
    relays.retire(first)
    assert relays.addressee(message(answer("s")), second) == second
