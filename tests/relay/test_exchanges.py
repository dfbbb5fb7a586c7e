"""The requests at a legacy server and the client's requests that they answer."""

import json

import pytest
from modern_client import EVERYTHING, modern
from relaying import message, request

from mcp_auth_bridge.relay.exchanges import Exchanges


@pytest.fixture
def exchanges():
    return Exchanges()


def begin(exchanges, id_=1, **more):
    return exchanges.begin(message(modern(id_, **more)))


def test_a_request_keeps_its_id_and_its_progress_token(exchanges):
    exchange = begin(exchanges, 1, token="t", name="add")
    assert json.loads(exchange.sent.raw) == request(1, name="add", _meta={"progressToken": "t"})
    assert exchange.token == exchange.client_token == "t"


def test_it_knows_what_the_clients_request_declares(exchanges):
    exchange = begin(exchanges, 1, capabilities=EVERYTHING, level="warning")
    assert (exchange.capabilities, exchange.level, exchange.client_token) == (EVERYTHING, 3, None)
    exchange.answers_to(message(modern(2, token=True)))
    assert (exchange.capabilities, exchange.level, exchange.client_token) == ({}, None, None)


def test_an_id_that_the_server_knows_is_replaced(exchanges):
    first = begin(exchanges, 1)
    second = begin(exchanges, 1)
    assert second.sent.key == "mcp-auth-bridge/exchange/2"
    assert exchanges.of_reply(first.sent) is first
    assert exchanges.of_reply(second.sent) is second


def test_a_token_that_the_server_knows_is_replaced(exchanges):
    first = begin(exchanges, 1, token=7)
    second = begin(exchanges, 2, token=7)
    assert second.token == "mcp-auth-bridge/progress/2"
    assert json.loads(second.sent.raw)["params"]["_meta"] == {"progressToken": "mcp-auth-bridge/progress/2"}
    assert exchanges.of_token(7) is first
    assert exchanges.of_token(second.token) is second
    assert exchanges.of_token("7") is None


def test_true_is_not_the_token_1(exchanges):
    begin(exchanges, 1, token=1)
    assert exchanges.of_token(True) is None
    assert exchanges.of_token(None) is None


def test_an_exchange_is_found_by_the_calls_that_carry_it_until_it_ends(exchanges):
    exchange = begin(exchanges, 1)
    exchanges.note_call(5, exchange.sent)
    exchanges.note_call(5, message(request("again", "tools/call")))
    exchanges.note_call(6, message(request("unknown", "tools/call")))
    assert exchanges.of_call(5) is exchange
    assert exchanges.of_call(6) is None
    exchanges.end(exchange)
    assert exchanges.of_call(5) is None
    assert exchanges.of_reply(exchange.sent) is None
    assert list(exchanges) == []


def test_a_request_of_the_client_is_found_an_awaited_one_before_a_parked_one(exchanges):
    parked = begin(exchanges, 1)
    parked.is_awaited = False
    assert exchanges.of_client(1) is parked
    awaited = begin(exchanges, 1)
    assert exchanges.of_client(1) is awaited
    assert exchanges.of_client(2) is None


@pytest.mark.parametrize(("method", "interactive"), [("tools/call", True), ("tools/list", False)])
def test_only_three_methods_may_ask_for_input(exchanges, method, interactive):
    assert begin(exchanges, 1, method=method).is_interactive is interactive


ROOTS = message(request("s1", "roots/list"))


def test_the_newest_exchange_that_declares_it_may_ask_an_awaited_one_before_a_parked_one(exchanges):
    assert exchanges.that_may_ask(ROOTS) is None
    first = begin(exchanges, 1, capabilities=EVERYTHING)
    second = begin(exchanges, 2, capabilities=EVERYTHING)
    begin(exchanges, 3, capabilities={})
    begin(exchanges, 4, method="tools/list", capabilities=EVERYTHING)
    assert exchanges.that_may_ask(ROOTS) is second
    second.is_awaited = False
    assert exchanges.that_may_ask(ROOTS) is first
    first.outcome = message(request(1))
    assert exchanges.that_may_ask(ROOTS) is second


def test_a_withdrawn_request_of_the_server_is_forgotten(exchanges):
    exchange = begin(exchanges, 1)
    exchange.inputs = {"a": ROOTS, "b": message(request("s2", "roots/list"))}
    exchanges.withdraw("s1")
    exchanges.withdraw("s1")
    assert [key for key, asked in exchange.inputs.items() if asked is None] == ["a"]


def test_an_exchange_runs_until_it_has_an_outcome(exchanges):
    exchange = begin(exchanges, 1)
    assert exchange.runs
    exchange.outcome = message(request(1))
    assert not exchange.runs
