"""Messages of the bridge's own are valid JSON whatever somebody put into what they repeat."""

import json

import pytest

from mcp_auth_bridge.relay import answers
from mcp_auth_bridge.relay.base import Kind
from mcp_auth_bridge.relay.peek import peek

STRANGE = [{"uri": "file:///\ud800"}, {"level": 2**70}, {"level": "info", "\udfff": [1.5, None]}]


@pytest.mark.parametrize("params", STRANGE)
def test_a_request_repeats_parameters_that_are_strange(params):
    request = answers.request("resources/subscribe", params, 3)
    assert peek(request.raw) == request
    assert json.loads(request.raw)["params"] == params


@pytest.mark.parametrize("params", STRANGE)
def test_a_notification_repeats_parameters_that_are_strange(params):
    notification = answers.notification("notifications/resources/updated", params)
    assert peek(notification.raw).kind is Kind.NOTIFICATION
    assert json.loads(notification.raw)["params"] == params
