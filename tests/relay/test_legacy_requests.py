"""The requests of a legacy client at a modern server."""

import pytest
from relaying import (
    Playbook,
    answer,
    cancelled,
    fail,
    hangup,
    in_words,
    message,
    notification,
    request,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import InvalidParams, MethodUnknown, OurProtocolError, TheirProtocolError, Unreachable
from mcp_auth_bridge.relay.base import Fail, ToClient, collected
from mcp_auth_bridge.relay.legacy_client import LegacyClient
from mcp_auth_bridge.relay.legacy_requests import LegacyRequests
from mcp_auth_bridge.relay.modern_requests import LEVELS
from mcp_auth_bridge.relay.passthrough import Passthrough

META = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}
LEVEL = "io.modelcontextprotocol/logLevel"
FORM = {"method": "elicitation/create", "params": {"requestedSchema": {"properties": {"a": {"type": "array"}}}}}


@pytest.fixture
def book():
    relay = LegacyRequests(Passthrough())
    assert list(relay.introduce(LegacyClient("2025-11-25", META))) == []
    return Playbook(relay)


def stamped(value, **meta):
    params = value.get("params", {})
    return {**value, "params": {**params, "_meta": {**params.get("_meta", {}), **META, **meta}}}


def test_a_request_says_who_asks_and_keeps_what_it_says_itself(book):
    meta = {"progressToken": 7, "traceparent": "00-x", "vendor.example/key": [1]}
    call = request(1, name="add", arguments={"x": 1}, _meta=meta)
    assert book.client(call) == [to_server(1, stamped(call))]
    bare = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    assert book.client(bare) == [to_server(2, stamped(bare))]


def test_the_legacy_parameter_for_tasks_is_left_out(book):
    assert book.client(request(1, name="a", task={"ttl": 5})) == [to_server(1, stamped(request(1, name="a")))]


def test_the_log_level_goes_with_each_later_request(book):
    assert book.client(request(1, "logging/setLevel", level="warning")) == [to_client(answer(1))]
    assert book.client(request(2)) == [to_server(1, stamped(request(2), **{LEVEL: "warning"}))]
    book.client(request(3, "logging/setLevel", level="debug"))
    assert book.client(request(4)) == [to_server(2, stamped(request(4), **{LEVEL: "debug"}))]


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_of_the_specification_is_known(book, level):
    assert book.client(request(1, "logging/setLevel", level=level)) == [to_client(answer(1))]


@pytest.mark.parametrize("level", ["loud", None, 5, [], {}])
def test_an_unknown_level_is_refused_and_changes_nothing(book, level):
    asked = request(1, "logging/setLevel", level=level)
    assert book.client(asked) == [fail(asked, InvalidParams)]
    assert book.client(request(2)) == [to_server(1, stamped(request(2)))]


def test_another_client_has_no_log_level(book):
    book.client(request(1, "logging/setLevel", level="debug"))
    list(book.relay.introduce(LegacyClient("2025-11-25", META)))
    assert book.client(request(2)) == [to_server(1, stamped(request(2)))]


def test_a_ping_is_answered_here(book):
    assert book.client(request(1, "ping")) == [to_client(answer(1))]


@pytest.mark.parametrize("method", ["tasks/get", "tasks/list", "tasks/result", "tasks/cancel", "subscriptions/listen"])
def test_a_method_without_a_counterpart_is_unknown(book, method):
    assert book.client(request(1, method)) == [fail(request(1, method), MethodUnknown)]


@pytest.mark.parametrize("method", ["initialized", "progress", "roots/list_changed", "tasks/status"])
def test_a_notification_without_a_counterpart_is_dropped(book, method):
    assert book.client(notification(f"notifications/{method}")) == []


def test_a_cancellation_ends_the_call(book):
    book.client(request(1))
    assert book.client(cancelled(1)) == [to_server(2, cancelled(1)), hangup(1)]
    assert book.client(cancelled(1)) == []


def test_an_id_in_use_is_refused_also_while_the_client_is_asked(book):
    book.client(request(1))
    assert book.client(request(1, "ping")) == [fail(request(1, "ping"), OurProtocolError)]
    asked = {"inputRequests": {"a": FORM}}
    book.server(1, answer(1, {"resultType": "input_required", **asked}))
    assert book.client(request(1)) == [fail(request(1), OurProtocolError)]


def test_a_result_is_the_one_of_the_clients_revision(book):
    book.client(request(1))
    result = {"resultType": "complete", "content": [], "structuredContent": [1]}
    assert book.server(1, answer(1, result)) == [to_client(answer(1, {"content": [{"type": "text", "text": "[1]"}]}))]


def test_a_result_that_cannot_be_understood_fails_the_request_as_it_came(book):
    call = request(1, task={})
    book.client(call)
    assert book.server(1, answer(1, {"resultType": "song"})) == [fail(call, TheirProtocolError)]


def test_a_failure_names_the_request_as_it_came(book):
    call = request(1, task={})
    book.client(call)
    assert book.ended(1, Unreachable("away")) == [fail(call, Unreachable)]


def test_a_reply_to_server_discover_is_the_openings(book):
    book.client(request(1, "server/discover"))
    found = {"resultType": "complete", "supportedVersions": []}
    assert book.server(1, answer(1, found)) == [to_client(answer(1, found))]


@pytest.mark.parametrize("revision", ["2025-06-18", "2025-11-25"])
def test_the_client_is_asked_in_its_own_revision(book, revision):
    list(book.relay.introduce(LegacyClient(revision, META)))
    book.client(request(1))
    told = book.server(1, answer(1, {"resultType": "input_required", "inputRequests": {"a": FORM}}))
    assert [kind for kind, *_ in told] == ["to client" if revision == "2025-11-25" else "to server"]


def test_the_answers_of_the_client_reach_the_server_in_a_new_request(book):
    book.client(request(1))
    ((_, asked),) = book.server(1, answer(1, {"resultType": "input_required", "inputRequests": {"a": FORM}}))
    ((_, _, retry, _),) = book.client(answer(asked["id"], {"action": "decline"}))
    assert retry["params"] == {"_meta": META, "inputResponses": {"a": {"action": "decline"}}}
    assert book.server(2, answer(retry["id"])) == [to_client(answer(1))]


def test_subscriptions_and_list_changes_share_one_stream(book):
    assert [words[0] for words in in_words(book.relay.listen({"toolsListChanged": True}))] == ["wake", "to server"]
    told = notification("notifications/tools/list_changed")
    assert book.server(1, told) == [to_client(told)]
    assert book.woke("listen opening")[-1] == wake("listen again", 1.0)


def test_a_list_is_answered_from_the_cache_and_a_task_waited_for(book):
    book.client(request(1, "tools/list"))
    book.server(1, answer(1, {"tools": [], "ttlMs": 5000}))
    assert book.client(request(2, "tools/list")) == [to_client(answer(2, {"tools": []}))]
    book.client(request(3))
    assert book.server(2, answer(3, {"resultType": "task", "taskId": "T", "status": "working"})) == [
        wake("task 1", 1.0)
    ]


def test_progress_that_does_not_grow_and_notifications_of_the_modern_era_are_dropped(book):
    book.client(request(1, _meta={"progressToken": "t"}))
    told = notification("notifications/progress", progressToken="t", progress=1)
    assert book.server(1, told) == [to_client(told)]
    assert book.server(1, told) == []
    assert book.server(1, notification("notifications/tasks")) == []
    assert book.server(1, notification("notifications/subscriptions/acknowledged")) == []


def test_replies_to_nobody_are_dropped(book):
    assert book.client(answer("mcp-auth-bridge/roots/list/1")) == []
    book.client(request(1, "tools/list"), cancelled(1))
    assert book.server(1, answer(1)) == []


class Strange(Passthrough):
    """Answers what was not asked, and fails it."""

    @collected
    def woke(self, timer):
        yield ToClient(message(answer(99)))
        yield Fail(message(request(99)), Unreachable("away"))


def test_what_an_inner_relay_says_of_an_unknown_request_is_dropped():
    assert Playbook(LegacyRequests(Strange())).woke("tick") == []
