"""The server's requests that a client has not declared a capability for never reach it, and are answered at once."""

import json

import pytest
from relaying import INITIALIZE, Playbook, answer, message, request, to_client, to_server

from mcp_auth_bridge.relay.base import collected
from mcp_auth_bridge.relay.call_numbers import STREAM
from mcp_auth_bridge.relay.client_capabilities import ClientCapabilities, declared_in, takes_urls
from mcp_auth_bridge.relay.passthrough import Passthrough

REQUESTS = {
    "roots/list": "roots",
    "sampling/createMessage": "sampling",
    "elicitation/create": "elicitation",
    "tasks/get": "tasks",
    "tasks/result": "tasks",
    "tasks/list": "tasks",
    "tasks/cancel": "tasks",
}
META = "io.modelcontextprotocol/clientCapabilities"


def initialize(**capabilities):
    return {**INITIALIZE, "params": {**INITIALIZE["params"], "capabilities": capabilities}}


def introduced(initialize_):
    play = Playbook(ClientCapabilities(Passthrough()))
    play.client(initialize_)
    return play


def refusal(id_, code, text):
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": text}}


@pytest.mark.parametrize(("method", "capability"), REQUESTS.items())
def test_a_request_without_its_capability_is_answered_with_method_not_found(method, capability):
    play = introduced(initialize())
    text = f"the MCP client does not support {capability}"
    assert play.server(1, request("s", method)) == [to_server(2, refusal("s", -32601, text))]


@pytest.mark.parametrize(("method", "capability"), REQUESTS.items())
def test_a_request_with_its_capability_reaches_the_client(method, capability):
    play = introduced(initialize(**{capability: {}}))
    assert play.stream(request("s", method)) == [to_client(request("s", method))]
    assert play.client(answer("s")) == [to_server(2, answer("s"))]


@pytest.mark.parametrize("strange", [None, True, [], "yes"])
def test_a_capability_that_is_not_an_object_is_not_declared(strange):
    play = introduced(initialize(roots=strange))
    assert play.stream(request(7, "roots/list"))[0][:2] == ("to server", 2)


@pytest.mark.parametrize("strange", [None, [], "x"])
def test_a_client_whose_capabilities_are_not_an_object_has_none(strange):
    play = introduced({**INITIALIZE, "params": {"capabilities": strange}})
    assert play.stream(request(7, "roots/list"))[0][:2] == ("to server", 2)


@pytest.mark.parametrize(
    ("declared", "mode", "passes"),
    [
        ({}, {}, True),
        ({}, {"mode": "form"}, True),
        ({}, {"mode": "url"}, False),
        ({"form": {}}, {}, True),
        ({"form": {}}, {"mode": "url"}, False),
        ({"url": {}}, {"mode": "url"}, True),
        ({"url": {}}, {}, False),
        ({"url": {}}, {"mode": ["form"]}, False),
        ({"form": {}, "url": {}}, {}, True),
        ({"form": {}, "url": {}}, {"mode": "url"}, True),
    ],
)
def test_an_elicitation_reaches_the_client_in_the_modes_that_it_declared(declared, mode, passes):
    play = introduced(initialize(elicitation=declared))
    asked = request("s", "elicitation/create", **mode)
    text = "the MCP client does not support this mode of elicitation"
    assert play.stream(asked) == [to_client(asked) if passes else to_server(2, refusal("s", -32602, text))]


def test_a_ping_is_answered_for_every_client():
    play = introduced(initialize())
    assert play.stream(request("p", "ping")) == [to_server(2, answer("p"))]


def test_the_declaration_of_the_newest_initialize_counts():
    play = introduced(initialize())
    play.client(initialize(roots={}))
    assert play.stream(request("s", "roots/list")) == [to_client(request("s", "roots/list"))]


def test_requests_that_need_no_capability_notifications_and_replies_pass():
    play = introduced(initialize())
    play.client(request(5))
    assert play.stream(request("s", "acme/ask")) == [to_client(request("s", "acme/ask"))]
    ping = {"jsonrpc": "2.0", "method": "ping"}
    assert play.stream(ping) == [to_client(ping)]
    assert play.server(2, answer(5)) == [to_client(answer(5))]


def test_several_requests_at_once_are_answered_after_the_relay_has_done_its_work():
    class Talkative(Passthrough):
        busy = False

        @collected
        def from_server(self, call, message):
            self.busy = True
            yield from super().from_server(call, message)
            yield from super().from_server(call, message)
            self.busy = False

        @collected
        def from_client(self, message):
            assert not self.busy
            yield from super().from_client(message)

    play = Playbook(ClientCapabilities(Talkative()))
    assert [action[0] for action in play.server(STREAM, request("s", "ping"))] == ["to server"] * 2


@pytest.mark.parametrize(
    ("declared", "takes"),
    [({"elicitation": {"url": {}}}, True), ({"elicitation": {}}, False), ({"elicitation": {"url": None}}, False)],
)
def test_urls_go_to_clients_that_declared_the_url_mode(declared, takes):
    assert takes_urls(declared_in(message(initialize(**declared)))) is takes
    modern = request(1, _meta={META: declared})
    assert takes_urls(declared_in(message(json.dumps(modern).encode()))) is takes


@pytest.mark.parametrize("meta", [{}, {"_meta": None}, {"_meta": {}}, {"_meta": {META: []}}])
def test_a_request_that_declares_nothing_has_no_capabilities(meta):
    assert declared_in(message(request(1, **meta))) == {}


def test_only_a_request_of_the_server_is_an_occasion():
    assert introduced(INITIALIZE).relay.is_idle
