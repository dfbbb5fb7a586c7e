"""Batches of the client, which exist in MCP 2025-03-26 only."""

import pytest
from relaying import (
    INITIALIZE,
    INITIALIZED,
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
)

from mcp_auth_bridge.errors import OurProtocolError
from mcp_auth_bridge.relay.batches import Batches
from mcp_auth_bridge.relay.passthrough import Passthrough


def agreed(version="2025-03-26"):
    play = Playbook(Batches(Passthrough()))
    play.client(INITIALIZE)
    assert play.server(1, answer(0, {**WELCOMED, "protocolVersion": version}))
    return play


@pytest.fixture
def play():
    return agreed()


def refusal(play, batch):
    ((word, told),) = play.client(batch)
    assert (word, told["id"]) == ("to client", None)
    return told["error"]["code"]


def test_a_batch_is_taken_apart_and_answered_one_by_one(play):
    parts = [request(1), notification("n"), answer("s1"), request(2)]
    assert play.client(parts) == [to_server(number, part) for number, part in enumerate(parts, 2)]
    assert play.server(5, answer(2)) == [to_client(answer(2))]
    assert play.server(2, answer(1)) == [to_client(answer(1))]


def test_parts_keep_their_bytes(play):
    ((_, _, first, _), (_, _, second, _)) = play.client(
        b'[ {"id":1.0,"method":"m"} , {"method":"n","params":{"a":1e2}} ]'
    )
    assert (first, second) == ({"id": 1.0, "method": "m"}, {"method": "n", "params": {"a": 100.0}})


def test_a_part_may_cancel_another(play):
    assert play.client([request(1), cancelled(1)]) == [to_server(2, request(1)), to_server(3, cancelled(1)), hangup(2)]


def test_an_id_that_occurs_twice_is_answered_twice(play):
    assert play.client([request(1), request(1)]) == [to_server(2, request(1)), fail(request(1), OurProtocolError)]


@pytest.mark.parametrize("version", ["2024-11-05", "2025-06-18", "2025-11-25", None, 5])
def test_other_revisions_have_no_batches(version):
    assert refusal(agreed(version), [request(1)]) == -32600


def test_batches_are_refused_before_the_negotiation():
    play = Playbook(Batches(Passthrough()))
    assert refusal(play, [INITIALIZE]) == -32600
    play.client(INITIALIZE)
    assert refusal(play, [request(1)]) == -32600


def test_a_refused_initialize_negotiates_nothing():
    play = Playbook(Batches(Passthrough()))
    play.client(INITIALIZE)
    assert play.server(1, {"jsonrpc": "2.0", "id": 0, "error": {"code": 1, "message": ""}})
    assert refusal(play, [request(1)]) == -32600


def test_a_new_initialize_negotiates_anew(play):
    play.client({**INITIALIZE, "id": "again"})
    assert refusal(play, [request(1)]) == -32600
    play.server(2, answer("again", {"protocolVersion": "2025-11-25"}))
    assert refusal(play, [request(1)]) == -32600


def test_a_notification_called_initialize_changes_nothing(play):
    play.client(notification("initialize"))
    assert play.client([request(1)]) == [to_server(3, request(1))]


def test_only_the_reply_to_initialize_negotiates():
    play = Playbook(Batches(Passthrough()))
    play.client(INITIALIZE, request(5))
    play.server(2, answer(5, {"protocolVersion": "2025-03-26"}))
    assert refusal(play, [request(1)]) == -32600
    play.server(1, answer(0, {"protocolVersion": "2025-03-26"}))
    assert play.client([request(1)]) == [to_server(3, request(1))]


@pytest.mark.parametrize("batch", [b"[]", b"[1]", b"[[]]", b"[null]", b'[{"id":1,"method":"m"},{}]', b'[{"id":1'])
def test_an_invalid_batch_is_refused_as_a_whole(play, batch):
    assert refusal(play, batch) in (-32600, -32700)


def test_initialize_must_not_be_part_of_a_batch(play):
    assert play.client([INITIALIZED, INITIALIZE, request(1)]) == [
        to_server(2, INITIALIZED),
        fail(INITIALIZE, OurProtocolError),
        to_server(3, request(1)),
    ]
