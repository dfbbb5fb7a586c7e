"""The logins that a store holds, also those of which the configuration knows nothing; a damaged one is none."""

import pytest
from commanding import context_of

from mcp_auth_bridge.commands.stored_logins import profiles, readable_record, save_over, session_in
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.stores.base import Record
from mcp_auth_bridge.stores.memory import MemoryStore

URL = "https://other.example/mcp"


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path, "https://mcp.acme.example/mcp")


def test_configured_servers_come_first_and_other_sessions_follow(context):
    keys = ["session acme https://mcp.acme.example/mcp", f"session {URL} {URL}", f"session gone {URL}", "client x"]
    assert [profile.name for profile in profiles(keys, context)] == ["acme", URL, "gone"]


def test_a_record_that_cannot_be_opened_or_read_is_none():
    class Damaged(MemoryStore):
        def load(self, key):
            raise StoreError("damaged")

    assert readable_record(Damaged(), "x") is None
    assert readable_record(MemoryStore(), "x") is None
    assert session_in(None) is None
    assert session_in(Record(1, "{}")) is None


def test_the_login_that_was_just_made_wins_over_a_refresh_meanwhile():
    store = MemoryStore()
    store.save("x", "old", None)
    before = store.load("x")
    store.save("x", "refreshed", before.generation)
    save_over(store, "x", "new", before)
    assert store.load("x").secret == "new"
    save_over(store, "y", "first", None)
    assert store.load("y").secret == "first"
