"""The relay of the era that the server proves to speak is in use; a refused era gives way to the other, once."""

import json

import pytest
from relaying import (
    INITIALIZE,
    INITIALIZED,
    Playbook,
    answer,
    cancelled,
    fail,
    hangup,
    message,
    note,
    remember,
    request,
    sizes,
    to_client,
    to_server,
)

from mcp_auth_bridge.errors import EraRefused, LoginRequired, TheirProtocolError, Unreachable
from mcp_auth_bridge.relay.base import Fail, Hangup, Note, OpenStream, ToClient, Wake, collected
from mcp_auth_bridge.relay.call_numbers import FORWARDED, STREAM, CallNumbers
from mcp_auth_bridge.relay.era import Era
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.server_era import ServerEra


class Of(Passthrough):
    """The relay of one era, by script: a call that ends with an error of the server's refuses the era."""

    def __init__(self, era, numbers):
        super().__init__(numbers)
        self.era = era
        self.heard = []

    def from_client(self, told):
        self.heard.append(told.method)
        return super().from_client(told)

    @collected
    def ended(self, call, error):
        for action in super().ended(call, error):
            if isinstance(action, Fail) and isinstance(error, TheirProtocolError):
                yield Fail(action.request, EraRefused(error))
            else:
                yield action

    @collected
    def alive(self, call):
        yield Note(f"alive: {self.era.value} {call}")

    @collected
    def woke(self, timer):
        yield Wake(f"{timer} again", 1)


class Stage:
    """`ServerEra` for a client of the era `own`; `made` are the relays that it has made."""

    def __init__(self, own, **memory):
        numbers = CallNumbers(FORWARDED)
        self.made = []
        build = {era: lambda era=era: self.made.append(Of(era, numbers)) or self.made[-1] for era in Era}
        self.play = Playbook(ServerEra(build, own, memory))

    def heard(self):
        return [(relay.era.value, *relay.heard) for relay in self.made]


REFUSAL = TheirProtocolError("no such era")
LISTING = request(1, "tools/list")
WELCOME = answer(0, {"capabilities": {}})


def test_signs_of_life_go_to_the_relay_that_made_the_call():
    stage = Stage(Era.LEGACY)
    stage.play.client(request(9), LISTING)
    assert stage.play.alive(1) == [note("alive: legacy 1")]
    stage.play.ended(2, REFUSAL)
    assert [stage.play.alive(call) for call in (1, 3)] == [[note("alive: legacy 1")], [note("alive: modern 3")]]


@pytest.mark.parametrize("own", list(Era))
def test_a_server_that_is_not_known_is_met_in_the_clients_era(own):
    stage = Stage(own)
    assert stage.play.client(LISTING) == [to_server(1, LISTING)]
    assert stage.heard() == [(own.value, "tools/list")]


@pytest.mark.parametrize("own", list(Era))
@pytest.mark.parametrize("known", list(Era))
def test_memory_names_the_era_to_begin_with(own, known):
    stage = Stage(own, era=b'"%b"' % known.value.encode())
    stage.play.client(LISTING)
    assert stage.heard() == [(known.value, "tools/list")]


@pytest.mark.parametrize("own", list(Era))
def test_a_refused_request_is_handed_to_the_other_era(own):
    stage = Stage(own)
    stage.play.client(LISTING)
    assert stage.play.ended(1, REFUSAL) == [to_server(2, LISTING)]
    assert stage.play.server(2, answer(1)) == [to_client(answer(1))]
    assert stage.heard() == [(own.value, "tools/list"), (own.other.value, "tools/list")]


def test_a_request_that_both_eras_refuse_fails_with_the_error_of_the_clients_own():
    for own, known in ((Era.LEGACY, Era.LEGACY), (Era.LEGACY, Era.MODERN), (Era.MODERN, Era.LEGACY)):
        relay = Stage(own, era=b'"%b"' % known.value.encode()).play.relay
        list(relay.from_client(message(LISTING)))
        list(relay.ended(1, TheirProtocolError(f"{known.value} refused")))
        (failed,) = relay.ended(2, TheirProtocolError(f"{known.other.value} refused"))
        assert failed.error.message == f"{own.value} refused"


def test_a_server_that_refuses_both_is_asked_again_by_the_next_request():
    stage = Stage(Era.LEGACY)
    stage.play.client(LISTING)
    stage.play.ended(1, REFUSAL)
    assert stage.play.ended(2, REFUSAL) == [fail(LISTING, TheirProtocolError)]
    again = request(2, "tools/list")
    assert stage.play.client(again) == [to_server(3, again)]
    assert stage.play.ended(3, REFUSAL) == [to_server(4, again)]


@pytest.mark.parametrize("error", [LoginRequired("log in"), Unreachable("away")])
def test_a_missing_login_and_an_absence_change_no_era(error):
    stage = Stage(Era.LEGACY)
    stage.play.client(LISTING)
    assert stage.play.ended(1, error) == [fail(LISTING, type(error))]
    assert len(stage.made) == 1


def test_the_error_of_the_second_era_counts_if_it_is_not_a_refusal():
    stage = Stage(Era.LEGACY)
    stage.play.client(LISTING)
    stage.play.ended(1, REFUSAL)
    assert stage.play.ended(2, LoginRequired("log in")) == [fail(LISTING, LoginRequired)]


# What is remembered.


@pytest.mark.parametrize(("own", "opening"), [(Era.LEGACY, INITIALIZE), (Era.MODERN, request(0, "server/discover"))])
def test_an_era_is_remembered_when_the_server_opens_it(own, opening):
    stage = Stage(own)
    stage.play.client(opening)
    assert stage.play.server(1, WELCOME) == [remember("era", own.value), to_client(WELCOME)]


def test_an_era_that_is_known_is_not_remembered_again():
    stage = Stage(Era.LEGACY, era=b'"legacy"')
    stage.play.client(INITIALIZE)
    assert stage.play.server(1, WELCOME) == [to_client(WELCOME)]


def test_memory_that_was_wrong_is_replaced():
    stage = Stage(Era.MODERN, era=b'"legacy"')
    stage.play.client(request(0, "server/discover"))
    assert stage.play.ended(1, REFUSAL) == [to_server(2, request(0, "server/discover"))]
    assert stage.play.server(2, WELCOME) == [remember("era", "modern"), to_client(WELCOME)]


def test_an_error_or_the_reply_to_another_request_proves_nothing():
    stage = Stage(Era.LEGACY)
    no = {"jsonrpc": "2.0", "id": 0, "error": {"code": 1, "message": "no"}}
    stage.play.client(INITIALIZE)
    assert stage.play.server(1, no) == [to_client(no)]
    stage.play.client(LISTING)
    assert stage.play.server(2, answer(1)) == [to_client(answer(1))]


# A legacy client with an open session, whose server changes its era.


def opened():
    stage = Stage(Era.LEGACY)
    stage.play.client(INITIALIZE)
    stage.play.server(1, WELCOME)
    stage.play.client(INITIALIZED)
    stage.play.client(LISTING)
    return stage


def test_the_other_era_is_opened_as_the_client_opened_the_first():
    stage = opened()
    assert stage.play.ended(3, REFUSAL) == [
        to_server(4, INITIALIZE),
        to_server(5, INITIALIZED),
        to_server(6, LISTING),
    ]
    assert stage.heard()[1] == ("modern", "initialize", "notifications/initialized", "tools/list")


def test_the_client_gets_no_second_reply_to_its_initialize():
    stage = opened()
    stage.play.ended(3, REFUSAL)
    assert stage.play.server(4, WELCOME) == [remember("era", "modern")]
    assert stage.play.server(6, answer(1)) == [to_client(answer(1))]


def test_the_client_does_not_hear_that_its_initialize_failed_later():
    stage = opened()
    stage.play.ended(3, REFUSAL)
    assert stage.play.ended(4, REFUSAL) == []
    assert stage.play.ended(6, REFUSAL) == [fail(LISTING, TheirProtocolError)]


def test_an_initialize_of_the_client_after_that_is_answered():
    stage = opened()
    stage.play.ended(3, REFUSAL)
    stage.play.server(4, WELCOME)
    again = {**INITIALIZE, "id": 9}
    stage.play.client(again)
    assert stage.play.server(7, answer(9)) == [to_client(answer(9))]


def test_a_new_initialize_while_an_earlier_one_is_repeated_gets_the_only_reply():
    stage = opened()
    stage.play.ended(3, REFUSAL)
    again = {**INITIALIZE, "id": 9}
    stage.play.client(again)
    assert stage.play.server(4, WELCOME) == [remember("era", "modern")]
    assert stage.play.server(7, answer(9)) == [to_client(answer(9))]


def test_requests_that_were_refused_together_follow_each_other():
    stage = opened()
    stage.play.client(request(2))
    stage.play.ended(3, REFUSAL)
    assert stage.play.ended(4, REFUSAL) == [to_server(8, request(2))]


def test_an_initialize_that_is_refused_is_the_first_message_of_the_other_era():
    stage = Stage(Era.LEGACY)
    stage.play.client(INITIALIZE)
    assert stage.play.ended(1, REFUSAL) == [to_server(2, INITIALIZE)]
    assert stage.play.server(2, WELCOME) == [remember("era", "modern"), to_client(WELCOME)]


# The relay that is no longer in use.


def test_it_stays_for_the_calls_that_it_has_under_way():
    stage = opened()
    stage.play.client(request(2))
    stage.play.ended(1)
    stage.play.ended(2)
    stage.play.ended(3, REFUSAL)
    assert stage.play.woke("0/deadline") == [("wake", "0/deadline again", 1)]
    assert stage.play.server(4, answer(2)) == [to_client(answer(2))]
    assert stage.play.ended(4) == []
    assert stage.play.woke("0/deadline") == []


def test_it_does_not_open_a_session_any_more():
    stage = opened()
    stage.play.client(request(2))
    stage.play.ended(3, REFUSAL)
    assert stage.play.woke("0/reopen") == []
    assert stage.play.woke("reopen") == [("wake", "1/reopen again", 1)]


@pytest.mark.parametrize("error", [None, REFUSAL, Unreachable("away")])
def test_it_does_not_answer_an_initialize_that_the_relay_in_use_has_too(error):
    stage = opened()
    again = {**INITIALIZE, "id": 9}
    stage.play.client(again)
    assert stage.play.ended(3, REFUSAL) == [to_server(5, again), to_server(6, LISTING)]
    assert (stage.play.server(4, answer(9)) if error is None else stage.play.ended(4, error)) == []
    assert stage.play.server(5, answer(9)) == [remember("era", "modern"), to_client(answer(9))]


def test_it_does_not_answer_such_an_initialize_after_the_relay_in_use_has_either():
    stage = opened()
    again = {**INITIALIZE, "id": 9}
    stage.play.client(again)
    stage.play.ended(3, REFUSAL)
    stage.play.server(5, answer(9))
    assert stage.play.ended(4, Unreachable("away")) == []


def test_a_request_with_the_id_of_an_initialize_that_was_answered_is_answered_by_the_relay_that_has_it():
    stage = opened()
    stage.play.client(request(0))
    stage.play.ended(3, REFUSAL)
    assert stage.play.server(4, answer(0)) == [to_client(answer(0))]


def test_it_does_not_answer_an_initialize_that_was_repeated_twice():
    stage = opened()
    assert stage.play.ended(3, REFUSAL)[0] == to_server(4, INITIALIZE)
    stage.play.client(request(2))
    assert stage.play.ended(7, REFUSAL)[0] == to_server(8, INITIALIZE)
    assert stage.play.server(4, WELCOME) == []
    assert stage.play.server(8, WELCOME) == []


def test_its_stream_from_the_server_is_closed():
    stage = opened()
    stage.made[0].woke = lambda _: [OpenStream()]
    stage.play.woke("listen")
    assert stage.play.ended(3, REFUSAL)[0] == hangup(STREAM)
    assert stage.play.stream(request("s", "ping")) == [to_client(request("s", "ping"))]


def test_the_servers_own_stream_reaches_the_relay_in_use():
    stage = Stage(Era.LEGACY)
    assert stage.play.server(STREAM, request("s", "ping")) == [to_client(request("s", "ping"))]


@pytest.mark.parametrize("end", ["reply", "cancellation"])
def test_nothing_is_kept_of_the_eras_that_a_server_has_had(end):
    stage = Stage(Era.MODERN)
    makers = stage.play.relay._relays.makers
    for id_ in range(10):
        stage.play.client(request(id_))
        (call,) = makers
        stage.play.ended(call, REFUSAL)
        if end == "reply":
            stage.play.server(call + 1, answer(id_))
        else:
            list(stage.play.relay.from_client(message(cancelled(id_))))
        for call in list(makers):
            stage.play.ended(call)
    assert len(stage.made) == 11
    assert sizes(stage.play.relay) == {"_build": 2}
    assert sizes(stage.play.relay._relays) == {"by_number": 1}


def test_a_call_that_is_hung_up_on_is_not_waited_for():
    stage = opened()
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    actions = list(stage.play.relay.from_client(message(cancelled)))
    assert Hangup(3) in actions
    assert not any(isinstance(action, ToClient) for action in actions)
    assert json.loads(actions[0].message.raw) == cancelled
