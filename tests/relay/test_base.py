"""A message as the relays see it, and a relay around another."""

import json

import msgspec
import pytest
from relaying import (
    Living,
    Playbook,
    answer,
    cancelled,
    message,
    note,
    request,
    to_client,
    to_server,
)

from mcp_auth_bridge.relay.base import Around, Excessive, Kind, Malformed, Note, Reviewing, collected, decoded


@pytest.mark.parametrize(
    ("one", "other", "same"), [(b"1", b"1.0", True), (b"1", b'"1"', False), (b'"a"', b'"\\u0061"', True)]
)
def test_ids_are_compared_as_json_values(one, other, same):
    keys = [message(b'{"jsonrpc":"2.0","id":%b,"method":"ping"}' % raw).key for raw in (one, other)]
    assert (keys[0] == keys[1]) is same


def test_a_message_without_an_id_has_no_key():
    assert message(cancelled(1)).key is None


@pytest.mark.parametrize("params", [None, [1, 2], "x"])
def test_parameters_without_names_are_none(params):
    assert message(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "m", "params": params}).encode()).params == {}
    assert message(request(1, "m", a=1)).params == {"a": 1}


@pytest.mark.parametrize(("named", "key"), [(7, 7), ("x", "x"), (1.0, 1), (True, None), (None, None), ([], None)])
def test_a_cancellation_names_a_request_by_a_text_or_a_number(named, key):
    assert message(cancelled(named)).cancelled_key == key


def test_a_number_that_json_cannot_express_becomes_null():
    assert decoded(b'{"n":1e999,"m":1.5}') == {"n": None, "m": 1.5}


def test_a_relay_around_another_passes_everything_on():
    play = Playbook(Around(Living()))
    assert play.client(request(1)) == [to_server(1, request(1))]
    assert play.server(1, answer(1)) == [to_client(answer(1))]
    assert play.alive(1) == [note("alive: 1")]
    assert play.ended(1) == []
    assert play.woke("anything") == []


def test_bytes_that_are_not_a_message_are_raised_with_the_code_and_the_id_for_their_reply():
    for kind in (Malformed, Excessive):
        error = kind(-32600, "not a message", b"7")
        assert (error.code, error.message, error.id, str(error)) == (-32600, "not a message", b"7", "not a message")


def test_a_kind_tells_its_name():
    assert [repr(kind) for kind in (Kind.REQUEST, Kind.BATCH)] == ["Kind.REQUEST", "Kind.BATCH"]


def test_a_key_belongs_to_the_id_that_a_message_has_now():
    first = message(request(1))
    assert msgspec.structs.replace(first, id=b'"x"').key == "x"
    assert msgspec.structs.replace(first, raw=b"{}").key == 1


def test_a_reviewing_relay_sees_the_actions_of_every_entry():
    class Doubled(Reviewing):
        def _review(self, actions):
            return [*actions, *actions]

    play = Playbook(Doubled(Living()))
    assert play.client(request(1)) == [to_server(1, request(1))] * 2
    assert play.server(1, answer(1)) == [to_client(answer(1))] * 2
    assert play.alive(1) == [note("alive: 1")] * 2
    assert play.ended(1) == []
    assert play.woke("anything") == []


def test_a_collected_generator_has_run_to_its_end_before_its_first_action_is_seen():
    run = []

    @collected
    def generate(name):
        yield Note(name)
        run.append(name)

    assert generate("x") == [Note("x")]
    assert run == ["x"]
