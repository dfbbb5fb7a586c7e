"""Tools of a legacy server that only run as a task, for a client without tasks."""

import json

import pytest
from era_models import check_for_legacy_server
from relaying import (
    WELCOMED,
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

from mcp_auth_bridge.errors import OutcomeUnknown, TheirProtocolError
from mcp_auth_bridge.relay.legacy_server import LegacyServer
from mcp_auth_bridge.relay.legacy_tasks import LegacyTasks
from mcp_auth_bridge.relay.passthrough import Passthrough

TASKS = {"tasks": {"requests": {"tools": {"call": {}}}}}
LISTED = [
    {"name": "slow", "execution": {"taskSupport": "required"}},
    {"name": "either", "execution": {"taskSupport": "optional"}},
    {"name": "plain"},
    {"name": 5},
    "odd",
]
CALL = request(2, name="slow", arguments={})
AS_TASK = request(2, name="slow", arguments={}, task={})


def tasks(capabilities=None, listed=LISTED):
    server = LegacyServer()
    server.learn(json.dumps({**WELCOMED, "capabilities": TASKS if capabilities is None else capabilities}).encode())
    play = Playbook(LegacyTasks(Passthrough(), server))
    listing = request(1, "tools/list")
    assert play.client(listing) == [to_server(1, listing)]
    assert play.server(1, answer(1, {"tools": listed})) == [to_client(answer(1, {"tools": listed}))]
    return play


@pytest.fixture
def play():
    return tasks()


def created(**state):
    return answer(2, {"task": {"taskId": "t", "status": "working", **state}})


def own(number, method="get"):
    return request(f"mcp-auth-bridge/tasks/{method}/{number}", f"tasks/{method}", taskId="t")


def state(number, **members):
    return answer(f"mcp-auth-bridge/tasks/get/{number}", {"taskId": "t", "status": "working", **members})


def result(number, **members):
    return answer(f"mcp-auth-bridge/tasks/result/{number}", {"content": [], **members})


def test_the_call_becomes_a_task_and_its_result_the_reply(play):
    check_for_legacy_server(json.dumps(AS_TASK))
    assert play.client(CALL) == [to_server(2, AS_TASK)]
    assert play.server(2, created(pollInterval=500)) == [wake("poll task 1", 0.5)]
    assert play.woke("poll task 1") == [to_server(3, own(2))]
    assert play.server(3, state(2)) == [wake("poll task 1", 1.0)]
    assert play.woke("poll task 1") == [to_server(4, own(3))]
    assert play.server(4, state(3, status="completed")) == [to_server(5, own(4, "result"))]
    related = {"acme/k": 1, "io.modelcontextprotocol/related-task": {"taskId": "t"}}
    assert play.server(5, result(4, _meta=related)) == [to_client(answer(2, {"content": [], "_meta": {"acme/k": 1}}))]
    assert play.woke("poll task 1") == []


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "input_required", None])
def test_a_task_that_does_not_work_any_more_is_asked_for_its_result(play, status):
    play.client(CALL)
    assert play.server(2, created(status=status)) == [to_server(3, own(2, "result"))]


@pytest.mark.parametrize(
    ("interval", "seconds"), [(1, 0.1), (5000, 5.0), (10**9, 30.0), (None, 1.0), (True, 1.0), ("9", 1.0)]
)
def test_the_servers_pace_is_kept_within_limits(play, interval, seconds):
    play.client(CALL)
    assert play.server(2, created(pollInterval=interval)) == [wake("poll task 1", seconds)]


@pytest.mark.parametrize("name", ["either", "plain", "unknown"])
def test_other_tools_are_called_plainly(play, name):
    assert play.client(request(2, name=name)) == [to_server(2, request(2, name=name))]


def test_a_server_without_the_capability_has_no_tasks_whatever_its_tools_say():
    assert tasks({"tasks": {"requests": {"tools": {}}}}).client(CALL) == [to_server(2, CALL)]


def test_a_tool_that_is_listed_anew_without_the_requirement_is_called_plainly(play):
    play.client(request(3, "tools/list"))
    play.server(2, answer(3, {"tools": [{"name": "slow"}]}))
    assert play.client(CALL) == [to_server(3, CALL)]


def test_a_list_that_is_not_one_teaches_nothing():
    assert tasks(listed="odd").client(CALL) == [to_server(2, CALL)]


def test_a_server_that_answers_the_call_itself_is_done(play):
    play.client(CALL)
    assert play.server(2, answer(2, {"content": []})) == [to_client(answer(2, {"content": []}))]


def test_a_refused_call_is_an_error(play):
    refusal = {"jsonrpc": "2.0", "id": 2, "error": {"code": -32602, "message": ""}}
    play.client(CALL)
    assert play.server(2, refusal) == [to_client(refusal)]


def test_a_task_without_an_id_is_the_servers_fault(play):
    play.client(CALL)
    assert play.server(2, created(taskId=5)) == [fail(CALL, TheirProtocolError)]


def test_an_error_of_the_task_is_the_error_of_the_call(play):
    play.client(CALL)
    play.server(2, created())
    play.woke("poll task 1")
    error = {"code": -32602, "message": "task expired"}
    told = play.server(3, {"jsonrpc": "2.0", "id": own(2)["id"], "error": error})
    assert told == [to_client({"jsonrpc": "2.0", "id": 2, "error": error})]


def test_a_task_that_cannot_be_asked_for_fails_the_call(play):
    play.client(CALL)
    play.server(2, created())
    play.woke("poll task 1")
    assert play.ended(3, OutcomeUnknown("cut")) == [fail(CALL, OutcomeUnknown)]


def test_a_call_that_fails_before_there_is_a_task_fails(play):
    play.client(CALL)
    assert play.ended(2, OutcomeUnknown("cut")) == [fail(AS_TASK, OutcomeUnknown)]


def test_a_cancelled_call_cancels_its_task(play):
    play.client(CALL)
    play.server(2, created())
    assert play.client(cancelled(2)) == [to_server(3, own(2, "cancel"))]
    assert play.server(3, answer("mcp-auth-bridge/tasks/cancel/2", {"taskId": "t", "status": "cancelled"})) == []
    assert play.woke("poll task 1") == []


def test_a_task_that_is_cancelled_while_it_is_asked_for_is_silent(play):
    play.client(CALL)
    play.server(2, created())
    play.woke("poll task 1")
    assert play.client(cancelled(2)) == [to_server(4, own(3, "cancel"))]
    assert play.server(3, state(2)) == []
    assert play.ended(4, OutcomeUnknown("cut")) == []


def test_a_call_that_is_cancelled_before_there_is_a_task_is_cancelled_as_any(play):
    play.client(CALL)
    assert play.client(cancelled(2)) == [to_server(3, cancelled(2)), hangup(2)]


def test_the_servers_other_messages_pass(play):
    assert play.stream(notification("n")) == [to_client(notification("n"))]
    assert play.woke("another timer") == []
