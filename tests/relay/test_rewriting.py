"""Members of a message are replaced, and everything else keeps its bytes."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from relaying import message

from mcp_auth_bridge.relay.rewriting import REMOVED, as_json, rewrite

BIG = b'{"jsonrpc":"2.0","id":1.0,"method":"m","params":{"n":12345678901234567890,"e":1e2,"_meta":{"a":1,"b":2}}}'


def rewritten(raw, changes):
    return rewrite(message(raw), changes).raw


def test_numbers_beside_a_change_keep_their_spelling():
    changed = rewritten(BIG, {("params", "_meta", "a"): "x"})
    assert changed == BIG.replace(b'"a":1', b'"a":"x"')


def test_a_member_is_removed():
    assert rewritten(BIG, {("params", "_meta", "a"): REMOVED}) == BIG.replace(b'"a":1,', b"")


def test_to_remove_a_member_that_does_not_exist_changes_nothing():
    assert rewritten(BIG, {("params", "_meta", "c"): REMOVED, ("params", "x", "y"): REMOVED}) == BIG


def test_objects_on_the_way_are_made():
    changed = json.loads(rewritten({"jsonrpc": "2.0", "id": 1, "method": "m"}, {("params", "_meta", "a"): [1]}))
    assert changed == {"jsonrpc": "2.0", "id": 1, "method": "m", "params": {"_meta": {"a": [1]}}}


def test_a_value_that_is_not_an_object_makes_way_for_one():
    changed = json.loads(rewritten(b'{"jsonrpc":"2.0","id":1,"result":{"_meta":null}}', {("result", "_meta", "a"): 1}))
    assert changed["result"] == {"_meta": {"a": 1}}


def test_json_text_is_taken_as_it_is():
    assert b'"result":1e400' in rewritten(b'{"jsonrpc":"2.0","id":1,"result":2}', {("result",): msgspec.Raw(b"1e400")})


@pytest.mark.parametrize(("value", "there"), [("\ud800", "\ud800"), (msgspec.Raw(b'"r"'), "r"), (REMOVED, None)])
def test_a_message_with_a_lone_surrogate_is_rewritten(value, there):
    raw = b'{"jsonrpc":"2.0","id":1,"result":{"text":"\\ud800","old":{"a":1}}}'
    changed = json.loads(rewritten(raw, {("result", "old", "a"): value, ("result", "none", "b"): REMOVED}))
    assert changed["result"]["text"] == "\ud800"
    assert changed["result"]["old"].get("a") == there
    assert "none" not in changed["result"]


def test_an_object_is_made_in_a_message_with_a_lone_surrogate():
    raw = b'{"jsonrpc":"2.0","id":1,"result":{"text":"\\ud800"}}'
    assert json.loads(rewritten(raw, {("result", "_meta", "a"): 1}))["result"]["_meta"] == {"a": 1}


@given(st.text())
def test_any_text_becomes_json(text):
    assert json.loads(as_json(text)) == text


def test_a_lone_surrogate_becomes_json():
    assert json.loads(as_json({"text": "\ud800"})) == {"text": "\ud800"}
