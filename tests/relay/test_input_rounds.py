"""A server that needs input for a request, and a client that gets requests of its own for it."""

import json

import pytest
from relaying import (
    Playbook,
    answer,
    cancelled,
    fail,
    hangup,
    notification,
    request,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import InputRefused, LoginRequired, OutcomeUnknown, TheirProtocolError
from mcp_auth_bridge.relay.input_rounds import MOST_ROUNDS, InputRounds
from mcp_auth_bridge.relay.passthrough import Passthrough

CAPABILITIES = {"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}}
META = {"io.modelcontextprotocol/clientCapabilities": CAPABILITIES, "progressToken": 3}
FORM = {"method": "elicitation/create", "params": {"message": "who?", "requestedSchema": {"properties": {}}}}
URL = {"method": "elicitation/create", "params": {"mode": "url", "message": "sign", "url": "https://x.example"}}
SAMPLE = {"method": "sampling/createMessage", "params": {"messages": []}}
ROOTS = {"method": "roots/list", "params": {}}
ACCEPTED = {"action": "accept", "content": {"name": "Ada"}}


def call(id_=1, method="tools/call", **params):
    return request(id_, method, name="add", _meta=META, **params)


def required(id_, state=None, **entries):
    """The server's demand for input under the id of the request."""
    given = {"requestState": state} if state is not None else {}
    return answer(id_, {"resultType": "input_required", **({"inputRequests": entries} if entries else {}), **given})


def asked(number, entry, **more):
    params = {**entry["params"], **more}
    method = entry["method"]
    return {"jsonrpc": "2.0", "id": f"mcp-auth-bridge/{method}/{number}", "method": method, "params": params}


def asked_id(number, entry):
    return asked(number, entry)["id"]


def again(number, original, **params):
    """The request of a later round."""
    id_ = f"mcp-auth-bridge/input round/{number}"
    return {**original, "id": id_, "params": {**original["params"], **params}}


def refusal(id_, text="no"):
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": -1, "message": text}}


@pytest.fixture
def book():
    return Playbook(InputRounds(Passthrough()))


@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "resources/read"])
def test_the_client_is_asked_and_the_request_repeated_with_its_answers(book, method):
    original = call(method=method)
    assert book.client(original) == [to_server(1, original)]
    assert book.server(1, required(1, "s\N{GRINNING FACE} \x00", a=FORM, b=ROOTS)) == [
        to_client(asked(2, FORM)),
        to_client(asked(3, ROOTS)),
    ]
    assert book.ended(1) == []
    assert book.client(answer(asked_id(3, ROOTS), {"roots": []})) == []
    assert book.client(answer(asked_id(2, FORM), ACCEPTED)) == [
        to_server(
            2,
            again(
                4, original, inputResponses={"b": {"roots": []}, "a": ACCEPTED}, requestState="s\N{GRINNING FACE} \x00"
            ),
        )
    ]
    assert book.server(2, answer(again(4, original)["id"], {"content": []})) == [to_client(answer(1, {"content": []}))]


def test_each_round_has_its_own_state_and_responses(book):
    book.client(call())
    book.server(1, required(1, "first", a=SAMPLE))
    told = book.client(answer(asked_id(2, SAMPLE), {"role": "assistant"}))
    assert told == [to_server(2, again(3, call(), inputResponses={"a": {"role": "assistant"}}, requestState="first"))]
    book.server(2, required(again(3, call())["id"], b=FORM))
    told = book.client(answer(asked_id(4, FORM), ACCEPTED))
    assert told == [to_server(3, again(5, call(), inputResponses={"b": ACCEPTED}))]


def test_nothing_of_a_round_leaks_into_a_parallel_call(book):
    book.client(call(1), call(2))
    book.server(1, required(1, "mine", a=FORM))
    book.server(2, required(2, "yours", a=FORM))
    told = book.client(answer(asked_id(4, FORM), {"action": "decline"}))
    yours = {"inputResponses": {"a": {"action": "decline"}}, "requestState": "yours"}
    assert told == [to_server(3, again(5, call(2), **yours))]
    assert book.client(call(3)) == [to_server(4, call(3))]
    told = book.client(answer(asked_id(2, FORM), ACCEPTED))
    assert told == [to_server(5, again(6, call(1), inputResponses={"a": ACCEPTED}, requestState="mine"))]


def test_a_state_that_is_not_text_is_returned_as_it_came(book):
    book.client(call())
    book.server(1, required(1, {"a": [1, None]}, a=FORM))
    told = book.client(answer(asked_id(2, FORM), ACCEPTED))
    assert told == [to_server(2, again(3, call(), inputResponses={"a": ACCEPTED}, requestState={"a": [1, None]}))]


def test_a_state_without_questions_is_returned_after_a_growing_pause(book):
    book.client(call())
    assert book.server(1, required(1, "wait")) == [wake("input round 1", 0.1)]
    assert book.woke("input round 1") == [to_server(2, again(2, call(), requestState="wait"))]
    assert book.server(2, required(again(2, call())["id"], "wait")) == [wake("input round 1", 0.2)]
    assert book.woke("input round 1") == [to_server(3, again(3, call(), requestState="wait"))]
    book.server(3, required(again(3, call())["id"], "ask", a=FORM))
    book.client(answer(asked_id(4, FORM), ACCEPTED))
    assert book.server(4, required(again(5, call())["id"], "wait")) == [wake("input round 1", 0.1)]


def test_a_pause_is_never_longer_than_ten_seconds(book):
    book.client(call())
    book.server(1, required(1, "wait"))
    pauses = []
    for number in range(2, 12):
        book.woke("input round 1")
        pauses += [seconds for _, _, seconds in book.server(number, required(again(number, call())["id"], "wait"))]
    assert pauses[-3:] == [10.0, 10.0, 10.0]


def test_a_server_that_never_stops_asking_is_stopped(book):
    book.client(call())
    book.server(1, required(1, "wait"))
    for number in range(2, MOST_ROUNDS + 1):
        book.woke("input round 1")
        book.server(number, required(again(number, call())["id"], "wait"))
    book.woke("input round 1")
    last = book.server(MOST_ROUNDS + 1, required(again(MOST_ROUNDS + 1, call())["id"], "wait"))
    assert last[-1] == fail(call(), TheirProtocolError)
    assert book.woke("input round 1") == []


@pytest.mark.parametrize(
    "odd",
    [{}, {"inputRequests": {}}, {"inputRequests": [FORM]}, {"inputRequests": {"a": 5}}, {"inputRequests": {"a": {}}}],
)
def test_a_demand_that_cannot_be_understood_is_an_error(book, odd):
    book.client(call())
    told = book.server(1, answer(1, {"resultType": "input_required", **odd}))
    assert told[-1] == fail(call(), TheirProtocolError)
    assert not any(kind == "to client" for kind, *_ in told)


def test_what_the_client_did_not_declare_is_not_asked_and_neither_is_the_rest(book):
    original = request(1, _meta={"io.modelcontextprotocol/clientCapabilities": {"roots": {}}})
    book.client(original)
    told = book.server(1, required(1, a=ROOTS, b=FORM))
    assert told == [to_server(2, cancelled(1)), fail(original, InputRefused)]


def test_an_error_of_the_client_cancels_an_elicitation(book):
    book.client(call())
    book.server(1, required(1, a=FORM))
    told = book.client(refusal(asked_id(2, FORM)))
    assert told == [to_server(2, again(3, call(), inputResponses={"a": {"action": "cancel"}}))]


@pytest.mark.parametrize("entry", [SAMPLE, ROOTS])
def test_an_error_of_the_client_for_another_kind_ends_the_request(book, entry):
    book.client(call())
    book.server(1, required(1, a=FORM, b=entry))
    withdrawn = notification("notifications/cancelled", requestId=asked_id(2, FORM), reason="the request has ended")
    assert book.client(refusal(asked_id(3, entry))) == [
        to_server(2, cancelled(1)),
        to_client(withdrawn),
        fail(call(), InputRefused),
    ]
    assert book.client(answer(asked_id(2, FORM), ACCEPTED)) == []


def test_a_form_that_the_revision_cannot_express_is_cancelled(book):
    book.relay.revision = "2025-06-18"
    several = {"method": "elicitation/create", "params": {"requestedSchema": {"properties": {"a": {"type": "array"}}}}}
    book.client(call())
    told = book.server(1, required(1, "s", a=several))
    assert told == [to_server(2, again(2, call(), inputResponses={"a": {"action": "cancel"}}, requestState="s"))]


def test_a_url_gets_an_id_and_the_client_learns_when_it_is_done(book):
    book.client(call())
    id_ = "mcp-auth-bridge/2"
    assert book.server(1, required(1, a=URL)) == [to_client(asked(2, URL, elicitationId=id_))]
    book.client(answer(asked_id(2, URL), {"action": "accept"}))
    assert book.server(2, answer(again(3, call())["id"])) == [
        to_client(answer(1)),
        to_client(notification("notifications/elicitation/complete", elicitationId=id_)),
    ]


@pytest.mark.parametrize("said", [{"action": "decline"}, "accept", None])
def test_a_url_that_the_user_did_not_open_is_never_done(book, said):
    book.client(call())
    book.server(1, required(1, a=URL))
    book.client(b'{"id":"%b","result":%b}' % (asked_id(2, URL).encode(), json.dumps(said).encode()))
    assert book.server(2, answer(again(3, call())["id"])) == [to_client(answer(1))]


def test_an_error_of_the_server_after_a_round_is_the_reply(book):
    book.client(call())
    book.server(1, required(1, a=FORM))
    book.client(answer(asked_id(2, FORM), ACCEPTED))
    assert book.server(2, refusal(again(3, call())["id"])) == [to_client(refusal(1))]


def test_a_failure_in_a_later_round_is_one_of_the_clients_request(book):
    book.client(call())
    book.server(1, required(1, a=FORM))
    book.client(answer(asked_id(2, FORM), ACCEPTED))
    assert book.ended(2, LoginRequired("log in"))[-1] == fail(call(), LoginRequired)
    assert book.client(call()) == [to_server(4, call())], "its id is free again"


def test_other_requests_fail_as_they_are(book):
    book.client(call())
    assert book.ended(1, OutcomeUnknown("cut")) == [fail(call(), OutcomeUnknown)]


def test_a_request_that_is_cancelled_while_the_client_is_asked_withdraws_the_questions(book):
    book.client(call())
    book.server(1, required(1, a=FORM))
    withdrawn = notification("notifications/cancelled", requestId=asked_id(2, FORM), reason="the request has ended")
    assert book.client(cancelled(1)) == [to_server(2, cancelled(1)), to_client(withdrawn)]
    assert book.client(answer(asked_id(2, FORM), ACCEPTED)) == []


def test_a_request_that_is_cancelled_in_a_later_round_is_cancelled_at_the_server(book):
    book.client(call())
    book.server(1, required(1, a=FORM))
    book.client(answer(asked_id(2, FORM), ACCEPTED))
    assert book.client(cancelled(1)) == [to_server(3, cancelled(again(3, call())["id"])), hangup(2)]


def test_a_request_that_is_cancelled_in_a_pause_is_not_repeated(book):
    book.client(call())
    book.server(1, required(1, "wait"))
    book.client(cancelled(1))
    assert book.woke("input round 1") == []


def test_a_request_without_rounds_is_cancelled_as_it_is(book):
    book.client(call())
    assert book.client(cancelled(1)) == [to_server(2, cancelled(1)), hangup(1)]


@pytest.mark.parametrize("method", ["notifications/cancelled", "notifications/elicitation/complete"])
def test_what_only_the_bridge_may_say_of_its_questions_is_not_passed_on(book, method):
    book.client(call())
    book.server(1, required(1, a=URL))
    told = notification(method, requestId=asked_id(2, URL), elicitationId="mcp-auth-bridge/2")
    assert book.server(2, told) == []


def test_replies_that_nobody_waits_for_are_dropped(book):
    assert book.client(answer("mcp-auth-bridge/roots/list/1")) == []


def test_an_ordinary_result_passes(book):
    book.client(call())
    result = answer(1, {"resultType": "complete", "content": []})
    assert book.server(1, result) == [to_client(result)]


def test_everything_else_passes(book):
    assert book.client(notification("notifications/initialized")) == [
        to_server(1, notification("notifications/initialized"))
    ]
    assert book.server(1, notification("notifications/message")) == [to_client(notification("notifications/message"))]
    assert book.woke("tick") == []
