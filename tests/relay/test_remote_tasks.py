"""Tool calls that a modern server makes tasks of."""

import pytest
from relaying import Playbook, answer, cancelled, fail, hangup, notification, request, to_client, to_server, wake

from mcp_auth_bridge.errors import OutcomeUnknown, RemoteError, TheirProtocolError
from mcp_auth_bridge.relay.passthrough import Passthrough
from mcp_auth_bridge.relay.remote_tasks import RemoteTasks

VERSION = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
CALL = request(1, name="job", _meta={**VERSION, "progressToken": "t"})
STATE = "mcp-auth-bridge/task/1"
FORM = {"method": "elicitation/create", "params": {"message": "who?"}}


def task(status, **more):
    return {"taskId": "T", "status": status, "pollIntervalMs": 2000, **more}


def created(id_=1, status="working", **more):
    return answer(id_, {"resultType": "task", **task(status, **more)})


def own(method, number, **params):
    """A request of the bridge for the task."""
    params = {"_meta": VERSION, "taskId": "T", **params}
    return {"jsonrpc": "2.0", "id": f"mcp-auth-bridge/{method}/{number}", "method": method, "params": params}


def polled(number, status, **more):
    return answer(f"mcp-auth-bridge/tasks/get/{number}", {"resultType": "complete", **task(status, **more)})


def progress(value, **more):
    return to_client(notification("notifications/progress", progressToken="t", progress=value, **more))


@pytest.fixture
def book():
    return Playbook(RemoteTasks(Passthrough()))


@pytest.fixture
def working(book):
    """The call 1 has become the task 1."""
    book.client(CALL)
    book.server(1, created())
    book.ended(1)
    return book


def test_a_task_is_polled_until_its_result_is_there(book):
    assert book.client(CALL) == [to_server(1, CALL)]
    assert book.server(1, created(statusMessage="busy")) == [progress(0, message="busy"), wake("task 1", 2.0)]
    assert book.woke("task 1") == [to_server(2, own("tasks/get", 2))]
    assert book.server(2, polled(2, "working")) == [progress(1), wake("task 1", 2.0)]
    assert book.woke("task 1") == [to_server(3, own("tasks/get", 3))]
    result = {"content": [{"type": "text", "text": "done"}], "isError": False}
    assert book.server(3, polled(3, "completed", result=result)) == [to_client(answer(1, result))]
    assert book.woke("task 1") == []


def test_a_task_may_be_complete_at_once(book):
    book.client(CALL)
    assert book.server(1, created(status="completed", result={"content": []})) == [
        to_client(answer(1, {"content": []}))
    ]


def test_a_client_without_a_token_hears_of_no_progress(book):
    book.client(request(1))
    assert book.server(1, created()) == [wake("task 1", 2.0)]


@pytest.mark.parametrize(
    ("interval", "seconds"), [(5000, 5.0), (0, 0.1), (1e9, 60.0), (10**900, 60.0), (None, 1.0), ("5", 1.0), (True, 1.0)]
)
def test_the_server_says_how_often_it_is_polled_within_reason(book, interval, seconds):
    book.client(request(1))
    assert book.server(1, created(pollIntervalMs=interval)) == [wake("task 1", seconds)]


def test_a_failed_task_is_the_error_of_the_call(working):
    working.woke("task 1")
    error = {"code": -32603, "message": "rate limit", "data": [1]}
    assert working.server(2, polled(2, "failed", error=error)) == [
        to_client({"jsonrpc": "2.0", "id": 1, "error": error})
    ]


@pytest.mark.parametrize("said", [None, "enough"])
def test_a_task_that_the_server_cancels_is_an_error(working, said):
    working.woke("task 1")
    assert working.server(2, polled(2, "cancelled", statusMessage=said)) == [fail(CALL, RemoteError)]


@pytest.mark.parametrize("status", ["sleeping", None, []])
def test_an_unknown_status_is_an_error(working, status):
    working.woke("task 1")
    assert working.server(2, polled(2, status)) == [fail(CALL, TheirProtocolError)]


def test_a_poll_without_an_object_is_an_error(working):
    working.woke("task 1")
    assert working.server(2, answer("mcp-auth-bridge/tasks/get/2", [])) == [fail(CALL, TheirProtocolError)]


@pytest.mark.parametrize("id_", [None, 5])
def test_a_task_without_an_id_is_an_error(book, id_):
    book.client(CALL)
    assert book.server(1, created(taskId=id_)) == [fail(CALL, TheirProtocolError)]


def test_a_task_that_the_server_forgot_is_the_error_of_the_call(working):
    working.woke("task 1")
    error = {"code": -32602, "message": "Task has expired"}
    gone = {"jsonrpc": "2.0", "id": "mcp-auth-bridge/tasks/get/2", "error": error}
    assert working.server(2, gone) == [to_client({"jsonrpc": "2.0", "id": 1, "error": error})]


def test_a_poll_that_fails_fails_the_call(working):
    working.woke("task 1")
    assert working.ended(2, OutcomeUnknown("cut")) == [fail(CALL, OutcomeUnknown)]


def test_input_for_a_task_is_asked_for_as_for_any_request_and_goes_to_the_task(working):
    working.woke("task 1")
    required = {"resultType": "input_required", "inputRequests": {"a": FORM}, "requestState": STATE}
    assert working.server(2, polled(2, "input_required", inputRequests={"a": FORM})) == [to_client(answer(1, required))]
    given = {"a": {"action": "accept"}}
    retry = {**CALL, "id": "r1", "params": {**CALL["params"], "inputResponses": given, "requestState": STATE}}
    assert working.client(retry) == [to_server(3, own("tasks/update", 3, inputResponses=given))]
    told = working.server(3, answer("mcp-auth-bridge/tasks/update/3", {"resultType": "complete"}))
    assert told == [wake("task 1", 2.0)]
    working.woke("task 1")
    told = working.server(4, polled(4, "input_required", inputRequests={"a": FORM}))
    assert told == [progress(2), wake("task 1", 2.0)], "the same question is not asked twice"
    working.woke("task 1")
    told = working.server(5, polled(5, "input_required", inputRequests={"a": FORM, "b": FORM}))
    assert told == [to_client(answer("r1", {**required, "inputRequests": {"b": FORM}}))]


def test_a_retry_without_responses_is_an_empty_update(working):
    retry = request(2, requestState=STATE)
    assert working.client(retry) == [
        to_server(
            2,
            {**own("tasks/update", 2, inputResponses={}), "params": {"_meta": {}, "taskId": "T", "inputResponses": {}}},
        )
    ]


@pytest.mark.parametrize("state", ["mcp-auth-bridge/task/2", "mcp-auth-bridge/task/x", "task 1", 1, None])
def test_the_state_of_another_server_is_not_the_bridges(working, state):
    other = request(2, requestState=state)
    assert working.client(other) == [to_server(2, other)]


def test_an_update_that_the_server_refuses_is_the_error_of_the_call(working):
    working.client(request("r1", requestState=STATE, inputResponses={"a": {}}))
    error = {"code": -32602, "message": "no"}
    refused = {"jsonrpc": "2.0", "id": "mcp-auth-bridge/tasks/update/2", "error": error}
    assert working.server(2, refused) == [to_client({"jsonrpc": "2.0", "id": "r1", "error": error})]


def test_a_cancelled_call_cancels_its_task(working):
    assert working.client(cancelled(1)) == [to_server(2, own("tasks/cancel", 2))]
    assert working.woke("task 1") == []
    assert working.server(2, answer("mcp-auth-bridge/tasks/cancel/2")) == []


def test_a_cancelled_call_ends_the_poll_as_well(working):
    working.woke("task 1")
    poll = cancelled("mcp-auth-bridge/tasks/get/2")
    assert working.client(cancelled(1)) == [to_server(3, poll), hangup(2), to_server(4, own("tasks/cancel", 3))]
    assert working.ended(4, OutcomeUnknown("cut")) == []


def test_other_requests_and_results_pass(book):
    call, listing = request(1), request(2, "tools/list")
    assert book.client(call, listing) == [to_server(1, call), to_server(2, listing)]
    assert book.server(1, answer(1)) == [to_client(answer(1))]
    assert book.server(2, created(2)) == [to_client(created(2))], "only tool calls may become tasks"
    assert book.client(call, cancelled(1)) == [to_server(3, call), to_server(4, cancelled(1)), hangup(3)]
    assert book.client(call)
    assert book.ended(5, OutcomeUnknown("cut")) == [fail(call, OutcomeUnknown)]
    assert book.server(5, notification("notifications/message")) == [to_client(notification("notifications/message"))]
    assert book.woke("tick") == []
