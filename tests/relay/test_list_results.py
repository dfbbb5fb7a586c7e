"""The four lists, and their results in the server's place."""

import json

import pytest
from relaying import message, notification, request

from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.list_results import (
    COMPLETE,
    capability_of,
    changed,
    empty,
    empty_reply,
    in_era_of,
    is_first_page,
    is_list,
    items_in,
)

LISTS = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}


@pytest.mark.parametrize("method", LISTS)
def test_each_list_has_pages_and_the_first_names_no_cursor(method):
    first, second = message(request(1, method)), message(request(1, method, cursor=""))
    assert is_list(first)
    assert is_first_page(first)
    assert is_list(second)
    assert not is_first_page(second)


@pytest.mark.parametrize("other", [request(1, "tools/call"), notification("tools/list")])
def test_nothing_else_is_a_list(other):
    assert not is_list(message(other))
    assert not is_first_page(message(other))


@pytest.mark.parametrize(("method", "field"), LISTS.items())
def test_the_items_of_a_whole_list_are_known(method, field):
    assert items_in(method, json.dumps({field: [1]}).encode()) == [1]
    assert json.loads(empty(message(request(1, method)))) == {field: []}


@pytest.mark.parametrize(
    "result", [None, b"", b"5", b"{}", b'{"tools":5}', b'{"prompts":[]}', b'{"tools":[],"nextCursor":"2"}', b"not JSON"]
)
def test_anything_else_is_not_a_whole_list(result):
    assert items_in("tools/list", result) is None


@pytest.mark.parametrize("method", [None, "tools/call"])
def test_the_result_of_another_method_is_not_a_list(method):
    assert items_in(method, b'{"tools":[]}') is None


def test_a_list_belongs_to_a_capability_with_a_notification():
    assert [capability_of(method) for method in [*LISTS, None]] == ["tools", "prompts", "resources", "resources", ""]
    assert changed("tools").method == "notifications/tools/list_changed"


def test_a_modern_client_is_told_that_the_list_is_stale_and_its_own():
    reply = empty_reply(message(request("a", "prompts/list", _meta=MODERN)))
    assert json.loads(reply.raw) == {"jsonrpc": "2.0", "id": "a", "result": {"prompts": [], **COMPLETE}}
    assert COMPLETE == {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}


def test_a_legacy_client_gets_a_result_of_its_own_era():
    asked = message(request(1, "tools/list"))
    modern = replies.result(asked, {"tools": [], "resultType": "complete", "ttlMs": 9, "cacheScope": "public", "x": 1})
    assert json.loads(in_era_of(asked, modern).raw)["result"] == {"tools": [], "x": 1}
