"""Messages of the bridge's own are valid JSON, also when they repeat strange values."""

import json

import pytest
from relaying import message, request

from mcp_auth_bridge.errors import MethodUnknown
from mcp_auth_bridge.relay import replies
from mcp_auth_bridge.relay.base import Kind, Malformed
from mcp_auth_bridge.relay.envelope import peek

STRANGE = [{"uri": "file:///\ud800"}, {"level": 2**70}, {"level": "info", "\udfff": [1.5, None]}]


@pytest.mark.parametrize("params", STRANGE)
def test_a_request_repeats_parameters_that_are_strange(params):
    request = replies.request("resources/subscribe", params, 3)
    assert peek(request.raw) == request
    assert json.loads(request.raw)["params"] == params


@pytest.mark.parametrize("params", STRANGE)
def test_a_notification_repeats_parameters_that_are_strange(params):
    notification = replies.notification("notifications/resources/updated", params)
    assert peek(notification.raw).kind is Kind.NOTIFICATION
    assert json.loads(notification.raw)["params"] == params


def test_any_value_is_written_as_json():
    strange = "\ud800"
    asked = message({"jsonrpc": "2.0", "id": strange, "method": strange})
    for answer in (
        replies.result(asked, {strange: strange}),
        replies.failure(asked, MethodUnknown(strange, strange)),
        replies.tool_text(asked, strange, is_error=True),
        replies.malformed(Malformed(-32603, strange)),
    ):
        assert strange in json.dumps(json.loads(answer.raw), ensure_ascii=False)


def test_a_number_beyond_a_double_is_not_written_as_infinity():
    asked = message(b'{"id":1,"method":"m","params":{"x":"\\ud800","n":1e400,"m":2.5}}')
    assert json.loads(replies.with_id(asked, b"2").raw)["params"] == {"x": "\ud800", "n": None, "m": 2.5}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b'{"id":1,"result":{"resultType":"task"}}', "task"),
        (b'{"id":1,"result":{}}', "complete"),
        (b'{"id":1,"result":5}', "complete"),
        (b'{"id":1,"result":{"resultType":null}}', None),
        (b'{"id":1,"error":{"code":1,"message":""}}', None),
        (b'{"id":1,"result":{"resultType":"task","x":"\\ud800"}}', "task"),
        (b'{"id":1,"result":{"x":"\\ud800"}}', "complete"),
        (b'{"id":1,"result":"\\ud800"}', "complete"),
        (b'{"id":1,"error":"\\ud800"}', None),
    ],
)
def test_the_type_of_a_result_is_the_servers_word(reply, kind):
    assert replies.result_type(message(reply)) == kind


def test_an_error_of_the_server_is_repeated():
    told = replies.error(message(request(1)), {"code": -1, "message": "no"})
    assert json.loads(told.raw) == {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no"}}
