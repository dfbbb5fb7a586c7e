"""A call that is parked while the user gives input, and goes on with the client's retry."""

import pytest
from modern_client import EVERYTHING, modern
from parking import (
    ACCEPTED,
    LONG,
    SOON,
    Client,
    as_input,
    call,
    done,
    form,
    input_required,
    refusals,
    result,
    retry,
    roots,
    sent,
)
from relaying import answer, cancelled, fail, hangup, notification, request, to_client, to_server, wake

from mcp_auth_bridge.errors import InvalidParams, OutcomeUnknown

IDLE = "the input did not come"


@pytest.fixture
def client():
    return Client()


def test_a_request_reaches_the_server_in_its_legacy_form_and_its_result_the_client_in_its_modern_form(client):
    assert client.says(call()) == [to_server(1, sent())]
    assert client.hears(1, result(1)) == [done(1)]


def test_the_servers_request_becomes_the_result_and_the_retry_the_reply(client):
    client.says(call())
    assert client.hears(1, form("s1")) == [wake("ask for input 1", SOON)]
    parked = [input_required(1, 1, input_1=as_input(form("s1"))), wake("parked call 1", LONG)]
    assert client.woke("ask for input 1") == parked
    assert client.says(retry(2, f"{1:048x}", input_1=ACCEPTED)) == [to_server(2, answer("s1", ACCEPTED))]
    assert client.hears(1, result(1)) == [done(2)]


def test_requests_that_come_together_are_asked_for_together(client):
    client.says(call())
    client.hears(1, form("s1"))
    client.hears(1, roots("s2"))
    told, _ = client.woke("ask for input 1")
    assert told == input_required(1, 1, input_1=as_input(form("s1")), input_2=as_input(roots("s2")))
    assert client.says(retry(2, f"{1:048x}", input_1=ACCEPTED, input_2={"roots": []}, more={})) == [
        to_server(2, answer("s1", ACCEPTED)),
        to_server(3, answer("s2", {"roots": []})),
    ]


def test_what_the_retry_leaves_out_is_asked_for_again(client):
    client.says(call())
    client.hears(1, form("s1"))
    client.hears(1, roots("s2"))
    client.woke("ask for input 1")
    assert client.says(retry(2, f"{1:048x}", input_2={"roots": []}, input_1=None)) == [
        to_server(2, answer("s2", {"roots": []})),
        wake("ask for input 1", SOON),
    ]
    told, _ = client.woke("ask for input 1")
    assert told == input_required(2, 2, input_1=as_input(form("s1")))


def test_what_the_server_asks_for_meanwhile_is_asked_for_after_the_retry(client):
    handle = client.parks()
    assert client.hears(1, roots("s2")) == []
    assert client.woke("ask for input 1") == []
    assert client.says(retry(2, handle, input_1=ACCEPTED))[1:] == [wake("ask for input 1", SOON)]
    assert client.woke("ask for input 1")[0] == input_required(2, 2, input_2=as_input(roots("s2")))


def test_several_rounds_lead_to_one_result(client):
    handle = client.parks()
    for round_ in range(2, 5):
        client.says(retry(round_, handle, **{f"input_{round_ - 1}": ACCEPTED}))
        client.hears(1, form(f"s{round_}"))
        told, _ = client.woke("ask for input 1")
        handle = told[1]["result"]["requestState"]
    client.says(retry(9, handle, input_4=ACCEPTED))
    assert client.hears(1, result(1)) == [done(9)]


def test_a_server_that_goes_on_without_the_input_answers_the_retry(client):
    handle = client.parks()
    assert client.hears(1, result(1)) == []
    assert client.says(retry(2, handle, input_1=ACCEPTED)) == [done(2)]


def test_a_server_that_goes_on_before_the_client_is_asked_answers_the_request(client):
    client.says(call())
    client.hears(1, form("s1"))
    assert client.hears(1, result(1)) == [done(1)]
    assert client.woke("ask for input 1") == []


def test_a_parked_call_that_failed_fails_the_retry(client):
    handle = client.parks()
    assert client.ended(1, OutcomeUnknown("cut")) == []
    assert client.says(retry(2, handle, input_1=ACCEPTED)) == [fail(retry(2, handle, input_1=ACCEPTED), OutcomeUnknown)]


def test_a_call_that_fails_fails_the_clients_own_request(client):
    client.says(call())
    assert client.ended(1, OutcomeUnknown("cut")) == [fail(call(), OutcomeUnknown)]


@pytest.mark.parametrize("handle", ["", "00", 5, [], {}])
def test_an_unknown_handle_has_invalid_params(client, handle):
    client.parks()
    assert client.says(retry(2, handle)) == [fail(retry(2, handle), InvalidParams)]


def test_a_handle_is_good_once(client):
    handle = client.parks()
    client.says(retry(2, handle, input_1=ACCEPTED))
    assert client.says(retry(3, handle, input_1=ACCEPTED)) == [fail(retry(3, handle, input_1=ACCEPTED), InvalidParams)]
    assert client.hears(1, result(1)) == [done(2)]


def test_a_handle_is_not_good_for_another_call(client):
    handle = client.parks()
    other = {**retry(2, handle), "params": {**retry(2, handle)["params"], "name": "delete"}}
    assert client.says(other) == [fail(other, InvalidParams)]
    assert client.says(retry(3, handle, input_1=ACCEPTED)) == [to_server(2, answer("s1", ACCEPTED))]


def test_a_method_that_asks_for_no_input_has_no_handles(client):
    listing = modern(1, "tools/list", requestState="x")
    assert client.play.client(listing) == [to_server(1, request(1, "tools/list", requestState="x"))]


def test_a_call_that_is_not_continued_is_cancelled(client):
    client.parks()
    assert client.woke("parked call 1") == [
        to_server(2, notification("notifications/cancelled", requestId=1, reason=IDLE)),
        hangup(1),
    ]
    assert client.says(retry(2, f"{1:048x}")) == [fail(retry(2, f"{1:048x}"), InvalidParams)]
    assert client.woke("parked call 1") == []


def given_up(call):
    return to_server(call, notification("notifications/cancelled", requestId=1, reason=IDLE))


def test_a_call_whose_input_does_not_reach_the_server_fails_and_is_cancelled(client):
    handle = client.parks()
    again = retry(2, handle, input_1=ACCEPTED)
    client.says(again)
    assert client.ended(2, OutcomeUnknown("cut")) == [given_up(3), hangup(1), fail(again, OutcomeUnknown)]


def test_a_call_that_asks_again_fails_with_the_next_retry_if_the_first_input_did_not_arrive(client):
    client.says(retry(2, client.parks(), input_1=ACCEPTED))
    client.hears(1, form("s2"))
    client.woke("ask for input 1")
    assert client.ended(2, OutcomeUnknown("cut")) == [given_up(3), hangup(1)]
    again = retry(3, f"{2:048x}", input_2=ACCEPTED)
    assert client.says(again) == [fail(again, OutcomeUnknown)]


def test_input_that_reaches_the_server_leaves_the_call_alone(client):
    client.says(retry(2, client.parks(), input_1=ACCEPTED))
    assert client.ended(2) == []
    assert client.hears(1, result(1)) == [done(2)]


def test_input_that_did_not_arrive_is_of_no_account_once_the_call_is_answered(client):
    client.says(retry(2, client.parks(), input_1=ACCEPTED))
    client.hears(1, result(1))
    assert client.ended(2, OutcomeUnknown("cut")) == []


def test_the_oldest_of_too_many_parked_calls_is_cancelled(client):
    for number in range(1, 66):
        client.says(call(number))
        client.hears(number, form(f"s{number}"))
        *_, last = client.woke(f"ask for input {number}")
    assert last == hangup(1)
    assert client.says(retry(99, f"{2:048x}", input_1=ACCEPTED)) == [to_server(67, answer("s2", ACCEPTED))]


def test_a_client_cancels_a_parked_call_by_its_request(client):
    handle = client.parks()
    assert client.says(cancelled(1)) == [to_server(2, cancelled(1)), hangup(1)]
    assert client.says(retry(2, handle)) == [fail(retry(2, handle), InvalidParams)]


def test_a_client_cancels_a_retry_by_its_own_id_and_the_server_hears_the_first(client):
    handle = client.parks()
    client.says(retry("two", handle, input_1=ACCEPTED))
    assert client.says(cancelled("two")) == [to_server(3, cancelled(1)), hangup(1)]
    assert client.hears(1, result(1)) == []


def test_a_client_cancels_nothing_that_it_has_not_asked_for(client):
    assert client.says(cancelled(7)) == []


def test_a_parked_call_that_ended_need_not_be_cancelled(client):
    client.parks()
    client.hears(1, result(1))
    assert client.says(cancelled(1)) == []


def test_a_client_may_use_the_id_of_a_parked_request_again(client):
    handle = client.parks()
    fresh = "mcp-auth-bridge/exchange/2"
    assert client.says(call(1)) == [to_server(2, sent(fresh))]
    assert client.hears(2, result(fresh)) == [done(1)]
    assert client.says(retry(1, handle, input_1=ACCEPTED)) == [to_server(3, answer("s1", ACCEPTED))]
    assert client.hears(1, result(1)) == [done(1)]


@pytest.mark.parametrize(
    ("capabilities", "asked", "code"),
    [
        ({}, form("s1"), -32601),
        ({"elicitation": {"url": {}}}, form("s1"), -32602),
        (EVERYTHING, request("s1", "tasks/list"), -32601),
    ],
)
def test_what_the_client_did_not_declare_is_refused(client, capabilities, asked, code):
    client.says(call(capabilities=capabilities))
    assert refusals(client.hears(1, asked)) == [("s1", code)]


def test_what_the_retry_does_not_declare_any_more_is_refused(client):
    handle = client.parks()
    client.hears(1, roots("s2"))
    client.says(call(2, capabilities={"elicitation": {}}, requestState=handle, inputResponses={"input-1": ACCEPTED}))
    assert refusals(client.woke("ask for input 1")) == [("s2", -32601)]


def test_a_method_that_may_not_ask_for_input_does_not(client):
    client.says(modern(1, "tools/list", capabilities=EVERYTHING))
    assert refusals(client.hears(1, form("s1"))) == [("s1", -32601)]


def test_a_request_that_belongs_to_no_call_is_refused(client):
    assert refusals(client.hears(0, form("s1"))) == [("s1", -32601)]


def test_too_many_requests_of_one_call_are_refused(client):
    client.says(call())
    for number in range(100):
        client.hears(1, roots(f"s{number}"))
    assert refusals(client.hears(1, roots("more"))) == [("more", -32603)]


def test_a_ping_is_answered_here(client):
    assert client.hears(0, request("p", "ping")) == [to_server(1, answer("p"))]


def test_a_request_on_the_servers_own_stream_belongs_to_the_call_that_runs(client):
    client.says(modern(1, "tools/list", capabilities=EVERYTHING), call(2))
    assert client.hears(0, form("s1")) == [wake("ask for input 2", SOON)]


def test_of_several_calls_the_newest_that_declared_it_is_taken(client):
    client.says(call(1), call(2), call(3, capabilities={"roots": {}}))
    assert client.hears(0, form("s1")) == [wake("ask for input 2", SOON)]


def test_an_awaited_call_is_taken_before_a_parked_one(client):
    client.says(call(1), call(2))
    client.hears(2, form("s1"))
    client.woke("ask for input 2")
    assert client.hears(0, form("s2")) == [wake("ask for input 1", SOON)]
    client.woke("ask for input 1")
    assert client.hears(0, roots("s3")) == []
    told = client.says(retry(3, f"{1:048x}", input_1=ACCEPTED))
    assert told == [to_server(3, answer("s1", ACCEPTED)), wake("ask for input 2", SOON)]


def test_a_request_that_the_server_withdraws_is_not_asked_for(client):
    client.says(call())
    client.hears(1, form("s1"))
    assert client.hears(1, cancelled("s1")) == []
    assert client.woke("ask for input 1") == []


def test_the_answer_to_a_request_that_the_server_withdrew_is_ignored(client):
    handle = client.parks()
    client.hears(1, cancelled("other"))
    client.hears(1, cancelled("s1"))
    assert client.says(retry(2, handle, input_1=ACCEPTED)) == []
    assert client.hears(1, result(1)) == [done(2)]


def test_progress_goes_on_under_the_token_of_the_retry(client):
    client.says(call(1, token="a"))
    client.hears(1, form("s1"))
    client.woke("ask for input 1")
    progress = notification("notifications/progress", progressToken="a", progress=1)
    assert client.hears(1, progress) == []
    client.says(call(2, token="b", requestState=f"{1:048x}", inputResponses={"input-1": ACCEPTED}))
    assert client.hears(1, progress) == [
        to_client(notification("notifications/progress", progressToken="b", progress=1))
    ]


def test_log_messages_belong_to_the_call_under_which_they_arrive(client):
    client.says(call(1), call(2, level="info"))
    message = notification("notifications/message", level="info", data="x")
    assert client.hears(1, message) == []
    assert client.hears(2, message) == [to_client(message)]


def test_a_reply_to_nothing_is_silent(client):
    client.says(call(1))
    client.says(cancelled(1))
    assert client.hears(1, result(1)) == []


def test_other_notifications_of_the_client_pass(client):
    initialized = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert client.says(initialized) == [to_server(1, initialized)]


def test_timers_of_others_pass(client):
    assert client.woke("reopen") == []
