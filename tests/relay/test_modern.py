"""The modern era by script: the headers of each request, no notifications to the server, cancelling by hanging up."""

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
)

from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.errors import OurProtocolError, OutcomeUnknown, Overdue, Unreachable
from mcp_auth_bridge.relay.delivery import Delivery
from mcp_auth_bridge.relay.modern import Modern
from mcp_auth_bridge.relay.parameter_headers import ParameterHeaders, hide_invalid
from mcp_auth_bridge.relay.passthrough import Passthrough

PREFIX = "io.modelcontextprotocol/"
META = {PREFIX + "protocolVersion": "2026-07-28", PREFIX + "clientCapabilities": {}}
VERSION = {"mcp-protocol-version": "2026-07-28"}
CALL = {"mcp-method": "tools/call", "mcp-name": "add", **VERSION}
LIST = {"mcp-method": "tools/list", **VERSION}


@pytest.fixture
def play():
    return Playbook(Modern(Passthrough()))


def modern(id_, method, **params):
    return request(id_, method, **params, _meta=META)


def call(id_):
    return modern(id_, "tools/call", name="add", arguments={"region": "eu"})


def test_a_request_that_is_given_up_is_cancelled_by_the_end_of_its_stream_alone():
    play = Playbook(Modern(Delivery(Passthrough(), RelaySettings(deadline=20))))
    play.client(call(1))
    for _ in range(20):
        play.woke("deadline")
    assert play.woke("deadline") == [hangup(1), fail(call(1), Overdue)]


def test_a_request_has_the_headers_of_its_body(play):
    assert play.client(call(1)) == [to_server(1, call(1), **CALL)]
    assert play.client(modern(2, "tools/list")) == [to_server(2, modern(2, "tools/list"), **LIST)]


def test_notifications_of_the_client_are_not_sent(play):
    assert play.client(notification("notifications/roots/list_changed"), answer("s1")) == []


def test_requests_of_the_server_are_not_relayed(play):
    play.client(call(1))
    assert play.server(1, request("s1", "sampling/createMessage")) == []
    assert play.server(1, notification("notifications/progress")) == [to_client(notification("notifications/progress"))]


def test_cancelling_is_hanging_up(play):
    play.client(call(1))
    assert play.client(cancelled(1)) == [hangup(1)]
    assert play.server(1, answer(1)) == []
    assert play.ended(1, OutcomeUnknown("cut")) == []


def test_an_id_in_use_is_refused(play):
    play.client(call(1))
    assert play.client(call(1)) == [fail(call(1), OurProtocolError)]


def test_a_cancelled_retry_is_not_sent():
    play = Playbook(Modern(Delivery(Passthrough(), RelaySettings())))
    play.client(call(1))
    ((_, timer, _),) = play.ended(1, Unreachable("away"))
    assert play.client(cancelled(1)) == [hangup(1)]
    assert play.woke(timer) == []


def test_a_call_has_the_headers_of_its_parameters_too_and_so_has_a_listing_of_the_bridges_own():
    play = Playbook(Modern(ParameterHeaders(Passthrough(), hide_invalid)))
    play.client(call(1))
    play.server(1, {"jsonrpc": "2.0", "id": 1, "error": {"code": -32020, "message": "HeaderMismatch"}})
    ((_, listing, sent, headers),) = play.ended(1)
    assert (sent["method"], sent["params"], headers) == ("tools/list", {"_meta": META}, LIST)
    schema = {"properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}
    listed = answer(sent["id"], {"tools": [{"name": "add", "inputSchema": schema}]})
    assert play.server(listing, listed) == [to_server(1, call(1), **CALL, **{"mcp-param-region": "eu"})]
