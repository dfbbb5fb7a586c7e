"""The seal of a record: bound to its key and its name, and in words where it does not open."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.base import Record
from mcp_auth_bridge.stores.seal import Content, Damaged, Seal, Unopenable

KEY = bytes(range(32))
CONTENT = Content("session acme", Record(7, "hunter2"))


def seal(key=KEY):
    return Seal(lambda: key, os.urandom, "log in again")


def test_a_record_opens_under_its_name_and_hides_its_content():
    data = seal().sealed("name", CONTENT)
    assert seal().unsealed("name", data, "the record") == CONTENT
    assert b"hunter2" not in data
    assert b"session acme" not in data
    assert data != seal().sealed("name", CONTENT)


def test_under_another_name_it_is_damaged():
    with pytest.raises(Damaged, match=r"^the record is damaged$") as raised:
        seal().unsealed("other", seal().sealed("name", CONTENT), "the record")
    assert raised.value.hint == "log in again"


def test_another_key_is_told_from_damage():
    with pytest.raises(Unopenable, match="another key, not with the present one") as raised:
        seal(bytes(32)).unsealed("name", seal().sealed("name", CONTENT), "the record")
    assert type(raised.value) is Unopenable


def test_a_newer_format_wants_a_newer_version_and_is_not_called_damaged():
    data = b"MAB2" + seal().sealed("name", CONTENT)[4:]
    with pytest.raises(StoreError, match=r"newer mcp-auth-bridge \(record format 2\)") as raised:
        seal().unsealed("name", data, "the record")
    assert type(raised.value) is StoreError


@given(st.integers(0, 200), st.integers(1, 255))
def test_every_change_of_one_byte_is_noticed(place, change):
    data = bytearray(seal().sealed("name", CONTENT))
    data[place % len(data)] ^= change
    with pytest.raises(StoreError):
        seal().unsealed("name", bytes(data), "the record")


@given(st.binary(max_size=40))
def test_other_bytes_are_damaged(data):
    with pytest.raises(Damaged):
        seal().unsealed("name", data, "the record")


def test_the_key_is_fetched_once_and_not_shown():
    calls = []
    own = Seal(lambda: calls.append(1) or KEY, os.urandom, "")
    for _ in range(3):
        own.sealed("name", CONTENT)
    assert calls == [1]
    assert repr(own.open()) == "_Key(…)"
