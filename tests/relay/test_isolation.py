"""An exception in a relay costs the message that met it, and every request still gets exactly one reply."""

import pytest
from relaying import (
    Playbook,
    answer,
    cancelled,
    fail,
    hangup,
    message,
    note,
    notification,
    report,
    request,
    sizes,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import BridgeError, Unreachable
from mcp_auth_bridge.relay.base import Fail, Hangup, Note, Report, ToClient, ToServer, collected
from mcp_auth_bridge.relay.call_numbers import STREAM
from mcp_auth_bridge.relay.isolation import Isolation

WATCH = wake("isolation", 120.0)
FAULT = report(BridgeError)


class Scripted:
    """A relay that does what the test says next: a list of actions, of which an exception is raised."""

    def __init__(self):
        self.next = []

    @collected
    def _do(self, *_):
        actions, self.next = self.next, []
        for action in actions:
            if isinstance(action, Exception):
                raise action
            yield action

    from_client = from_server = alive = ended = woke = _do


class Bug(Exception):
    pass


class Play(Playbook):
    def __init__(self):
        self.inner = Scripted()
        super().__init__(Isolation(self.inner))

    def then(self, *actions):
        self.inner.next = list(actions)
        return self


@pytest.fixture
def play():
    return Play()


def sent(call, value):
    return ToServer(call, message(value), {})


def asked(play, id_=1, call=1):
    play.then(sent(call, request(id_))).client(request(id_))


def test_without_a_fault_everything_passes(play):
    assert play.then(sent(1, request(1))).client(request(1)) == [to_server(1, request(1))]
    assert play.then(ToClient(message(answer(1)))).server(1, answer(1)) == [to_client(answer(1))]
    assert play.then(Note("alive")).alive(1) == [note("alive")]
    assert play.then().ended(1) == []
    assert play.then().woke("clock") == []


def test_a_bug_at_a_sign_of_life_costs_nothing_else(play):
    asked(play)
    assert play.then(Bug()).alive(1) == [FAULT, WATCH]
    assert play.then(ToClient(message(answer(1)))).server(1, answer(1)) == [to_client(answer(1))]


def test_a_request_that_meets_a_bug_is_answered_and_the_bug_is_reported_once(play):
    assert play.then(Bug()).client(request(1)) == [FAULT, WATCH, fail(request(1), BridgeError)]
    assert play.then(Bug()).client(request(2)) == [fail(request(2), BridgeError)]


def test_the_actions_before_the_bug_are_lost_and_the_relay_is_told_to_forget_the_request(play):
    class Forgetting(Scripted):
        def from_client(self, message):
            is_told = message.method == "notifications/cancelled"
            return [sent(2, cancelled(1)), Hangup(1)] if is_told else super().from_client(message)

    play.inner = play.relay._inner = Forgetting()
    actions = play.then(sent(1, request(1)), Bug()).client(request(1))
    assert actions == [FAULT, WATCH, fail(request(1), BridgeError), hangup(1)]


def test_a_relay_that_cannot_forget_the_request_either_is_reported_as_well(play):
    class Twice(Scripted):
        def from_client(self, message):
            if message.method == "notifications/cancelled":
                raise ValueError
            return super().from_client(message)

    play.inner = play.relay._inner = Twice()
    assert play.then(Bug()).client(request(1)) == [FAULT, WATCH, fail(request(1), BridgeError), FAULT]


def test_an_initialize_that_meets_a_bug_is_answered_and_not_cancelled(play):
    opening = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
    assert play.then(Bug()).client(opening) == [FAULT, WATCH, fail(opening, BridgeError)]


def test_a_notification_that_meets_a_bug_costs_nothing_else(play):
    assert play.then(Bug()).client(notification("notifications/x")) == [FAULT, WATCH]


def test_a_reply_that_meets_a_bug_becomes_an_error(play):
    asked(play)
    assert play.then(Bug()).server(1, answer(1)) == [FAULT, WATCH, hangup(1), fail(request(1), BridgeError)]


def test_a_message_of_the_servers_own_stream_that_meets_a_bug_ends_no_call(play):
    asked(play)
    assert play.then(Bug()).server(STREAM, notification("notifications/x")) == [FAULT, WATCH]
    assert play.then(ToClient(message(answer(1)))).server(1, answer(1)) == [to_client(answer(1))]


def test_the_end_of_a_call_that_meets_a_bug_answers_its_request(play):
    asked(play)
    assert play.then(Bug()).ended(1, Unreachable("x")) == [FAULT, WATCH, fail(request(1), BridgeError)]


def test_a_request_that_goes_on_in_another_call_is_not_answered_for_the_ended_one(play):
    asked(play)
    play.then(sent(2, request(1))).ended(1)
    assert play.then(Bug()).ended(1, None) == [FAULT, WATCH]
    assert play.then(ToClient(message(answer(1)))).server(2, answer(1)) == [to_client(answer(1))]


@pytest.mark.parametrize("end", ["reply", "cancellation"])
def test_nothing_is_kept_of_calls_that_ended_before_their_request(play, end):
    for id_ in range(10):
        asked(play, id_, 2 * id_)
        play.then(sent(2 * id_ + 1, request(id_))).ended(2 * id_)
        if end == "reply":
            play.then(ToClient(message(answer(id_)))).server(2 * id_ + 1, answer(id_))
            play.ended(2 * id_ + 1)
        else:
            play.then(Hangup(2 * id_ + 1)).client(cancelled(id_))
    assert sizes(play.relay) == {}


def test_a_call_that_is_made_again_is_kept_until_it_ends(play):
    asked(play)
    play.then(sent(1, request("again"))).ended(1)
    play.then(ToClient(message(answer(1)))).server(1, answer(1))
    assert sizes(play.relay) == {"_calls": 1, "_running": 1}
    play.ended(1)
    assert sizes(play.relay) == {}


def test_a_second_bug_while_a_call_is_ended_is_reported_as_well(play):
    class Twice(Scripted):
        def ended(self, *_):
            raise ValueError

    play.inner = play.relay._inner = Twice()
    asked(play)
    actions = play.then(Bug()).server(1, answer(1))
    assert actions == [FAULT, WATCH, hangup(1), FAULT, fail(request(1), BridgeError)]


def test_a_reply_after_the_error_is_dropped_once(play):
    play.then(Bug()).client(request(1))
    assert play.then(ToClient(message(answer(1)))).server(1, answer(1)) == []


def test_an_id_that_is_used_again_after_its_error_gets_its_reply(play):
    play.then(Bug()).client(request(1))
    asked(play, 1, 2)
    assert play.then(ToClient(message(answer(1)))).server(2, answer(1)) == [to_client(answer(1))]


def test_a_failure_after_the_error_is_dropped_and_one_of_a_second_request_under_its_id_is_not(play):
    asked(play)
    first, second = message(request(1)), message(request(1))
    assert play.then(Fail(second, Unreachable("x"))).client(request(1)) == [fail(request(1), Unreachable)]
    play.then(Bug()).server(1, answer(1))
    assert play.then(Fail(first, Unreachable("x"))).woke("x") == []


def test_a_cancelled_request_that_meets_a_bug_is_never_answered(play):
    asked(play)
    assert play.then(Bug()).client(cancelled(1)) == [FAULT, WATCH]
    assert play.then(ToClient(message(answer(1)))).server(1, answer(1)) == []


def test_an_initialize_cannot_be_cancelled(play):
    opening = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}
    play.then(sent(1, opening)).client(opening)
    play.then().client(cancelled(1))
    assert play.then(Bug()).server(1, answer(1)) == [FAULT, WATCH, hangup(1), fail(opening, BridgeError)]


def test_a_timer_that_meets_a_bug_comes_again(play):
    assert play.then(Bug()).woke("clock") == [wake("clock", 30.0), FAULT, WATCH]


def test_a_request_that_a_bug_has_lost_is_answered_at_the_second_look(play):
    asked(play)
    play.then(Hangup(1)).woke("x")  # the relay has forgotten what the call was for
    play.then(Bug()).client(notification("notifications/x"))
    assert play.woke("isolation") == [WATCH]
    assert play.woke("isolation") == [fail(request(1), BridgeError), WATCH]
    assert play.woke("isolation") == [WATCH]


def test_a_request_whose_call_runs_is_never_taken_for_lost(play):
    asked(play)
    play.then(Bug()).client(notification("notifications/x"))
    for _ in range(3):
        assert play.woke("isolation") == [WATCH]


def test_reports_of_the_relay_itself_pass(play):
    assert play.then(Report(Unreachable("x"))).woke("x") == [report(Unreachable)]


def test_only_so_many_answered_requests_are_remembered(play):
    for number in range(1002):
        play.then(Bug()).client(request(number))
    assert play.then(ToClient(message(answer(0)))).server(1, answer(0)) == [to_client(answer(0))]
    assert play.then(ToClient(message(answer(1001)))).server(1, answer(1001)) == []


def test_a_second_request_under_an_open_id_that_meets_a_bug_leaves_the_first_one_open(play):
    asked(play)
    assert play.then(Bug()).client(request(1)) == [FAULT, WATCH]
    assert play.then(ToClient(message(answer(1)))).server(1, answer(1)) == [to_client(answer(1))]
