"""Error -32042 of 2025-11-25: the server wants the user to visit a URL before it does what it was asked for."""

import pytest
from modern_client import FAR, SERVER_KEY, modern
from parking import ACCEPTED, LONG, Client, call, done, error, result, retry, sent
from relaying import answer, to_client, to_server, wake

VISITS = [{"mode": "url", "elicitationId": "e1", "url": "https://far.example/go", "message": "go there"}]
INPUT = {
    "method": "elicitation/create",
    "params": {"mode": "url", "url": "https://far.example/go", "message": "go there"},
}
NEEDED = {"code": -32042, "data": {"elicitations": VISITS}}


@pytest.fixture
def client():
    return Client()


def needed(id_=1):
    return error(id_, **NEEDED)


def asked(id_, handle):
    result = {"resultType": "input_required", "inputRequests": {"input-1": INPUT}, "requestState": f"{handle:048x}"}
    return to_client(answer(id_, {**result, "_meta": {SERVER_KEY: FAR}}))


def test_the_client_is_asked_to_show_the_url_and_the_retry_is_a_new_request(client):
    client.says(call())
    assert client.hears(1, needed()) == [asked(1, 1), wake("parked call 1", LONG)]
    assert client.says(retry(2, f"{1:048x}", input_1={"action": "accept"})) == [to_server(2, sent(2))]
    assert client.hears(2, result(2)) == [done(2)]


def test_a_server_that_asks_again_is_listened_to_again(client):
    client.says(call())
    client.hears(1, needed())
    client.says(retry(2, f"{1:048x}", input_1=ACCEPTED))
    assert client.hears(2, needed(2))[0] == asked(2, 2)


@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_a_user_who_does_not_go_there_gets_the_servers_refusal(client, action):
    client.says(call())
    client.hears(1, needed())
    told = client.says(retry(2, f"{1:048x}", input_1={"action": action}))
    assert told == [to_client(error(2, -32603, data=NEEDED))]


def test_a_call_that_nobody_continues_need_not_be_cancelled(client):
    client.says(call())
    client.hears(1, needed())
    assert client.woke("parked call 1") == []


def test_a_client_that_shows_no_urls_is_told_which_capability_is_missing(client):
    client.says(call(capabilities={"elicitation": {}}))
    required = {"requiredCapabilities": {"elicitation": {"url": {}}}}
    assert client.hears(1, needed()) == [to_client(error(1, -32021, data=required))]


def test_a_method_that_may_not_ask_gets_the_error_without_its_code(client):
    client.says(modern(1, "tools/list", capabilities={"elicitation": {"url": {}}}))
    assert client.hears(1, needed()) == [to_client(error(1, -32603, data=NEEDED))]


def test_an_error_that_names_no_url_is_an_error(client):
    client.says(call())
    assert client.hears(1, error(1, -32042)) == [to_client(error(1, -32603, data={"code": -32042}))]
