"""Messages of the bridge's own are valid JSON, also when they repeat strange values."""

import json

import pytest
from relaying import message

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
