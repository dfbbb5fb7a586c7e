"""What the debug log says of credentials and stores: decisions, kinds and generations, and never a secret."""

import asyncio
import re

import pytest

from mcp_auth_bridge.credentials.base import Refusal, Target
from mcp_auth_bridge.errors import LoginRequired, StoreError
from mcp_auth_bridge.shell.console import debug_log
from mcp_auth_bridge.shell.console.logging_wrappers import LoggingCredentials, LoggingStore
from mcp_auth_bridge.stores.base import Record, Stale
from mcp_auth_bridge.stores.memory import MemoryStore
from mcp_auth_bridge.urls import Purpose, gate

TARGET = Target("POST", gate("https://mcp.example/mcp", Purpose.SERVER))
KEY = "session acme https://mcp.example/mcp"


@pytest.fixture
def lines(monkeypatch, capsys):
    """A call returns the lines of the log so far, without prefix, time and duration."""
    monkeypatch.setattr(debug_log, "on", True)

    def read():
        text = re.sub(r"(?m)^mcp-auth-bridge: debug \S+ ", "", capsys.readouterr().err)
        return re.sub(r" ms=\d+", "", text).splitlines()

    return read


class Scripted:
    """Credentials that return, or raise, what they are given."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)

    async def headers(self, target, refused=None):
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def headers(observed, refused=None):
    return asyncio.run(observed.headers(TARGET, refused))


def test_only_a_change_of_credentials_is_logged(lines):
    observed = LoggingCredentials(Scripted(bearer("canary-1"), bearer("canary-1"), bearer("canary-2"), {}))
    for _ in range(4):
        headers(observed)
    assert lines() == ["credentials outcome=cached", "credentials outcome=renewed", "credentials outcome=none"]


def test_a_refusal_is_logged_with_what_it_led_to(lines):
    observed = LoggingCredentials(Scripted(bearer("canary-1"), bearer("canary-1"), LoginRequired("log in")))
    refused = Refusal(401, None, bearer("canary-1"))
    headers(observed)
    headers(observed, refused)
    with pytest.raises(LoginRequired):
        headers(observed, refused)
    cached, same, given_up = lines()
    assert same == "credentials outcome=same refused=401"
    assert given_up.startswith('credentials outcome="given up" refused=401 failure=LoginRequired')
    assert "canary" not in f"{cached}{same}{given_up}"


def test_a_read_is_logged_once_for_each_generation(lines):
    store = LoggingStore(MemoryStore())
    assert store.load(KEY) is None
    store.load(KEY)
    generation = store.save(KEY, "canary", None)
    for _ in range(2):
        assert store.load(KEY).secret == "canary"
    assert lines() == [
        "store.read what=session outcome=none",
        f"store.saved what=session generation={generation}",
        f"store.read what=session outcome=found generation={generation}",
    ]


def test_everything_that_is_written_is_logged(lines):
    store = LoggingStore(MemoryStore())
    generation = store.save(KEY, "canary", None)
    store.reserve(KEY)
    assert store.keys() == [KEY]
    assert store.unreadable() == []
    assert not store.discard(KEY)
    assert not store.delete(KEY, generation + 1)
    assert store.delete(KEY, generation)
    with pytest.raises(Stale):  # memory is never restored from a backup
        store.put_back(KEY, Record(generation + 5, "canary"))
    assert lines() == [
        f"store.saved what=session generation={generation}",
        "store.deleted what=session outcome=whole",
        f'store.deleted what=session generation={generation + 1} outcome="another generation"',
        f"store.deleted what=session generation={generation} outcome=deleted",
        f"store.put_back what=session generation={generation + 5} failure=Stale",
    ]


def test_a_failure_is_logged_by_its_class_and_message(lines):
    class Locked(MemoryStore):
        def load(self, key):
            raise StoreError("the keyring is locked")

        def save(self, key, secret, expected):
            raise Stale

    store = LoggingStore(Locked())
    with pytest.raises(StoreError):
        store.load(KEY)
    with pytest.raises(Stale):
        store.save(KEY, "canary", None)
    assert lines() == [
        'store.read what=session failure=StoreError says="the keyring is locked"',
        "store.saved what=session failure=Stale",
    ]


class AtHand(Scripted):
    """Credentials that are at hand too."""

    def at_hand(self, target):
        return self.outcomes[0] if self.outcomes else None


def test_credentials_that_have_changed_are_not_at_hand_until_the_change_is_logged(lines):
    observed = LoggingCredentials(AtHand(bearer("canary-1"), bearer("canary-1"), bearer("canary-2")))
    assert observed.at_hand(TARGET) is None
    headers(observed)
    assert observed.at_hand(TARGET) == bearer("canary-1")
    headers(observed)
    assert observed.at_hand(TARGET) is None
    headers(observed)
    assert observed.at_hand(TARGET) is None
    assert lines() == ["credentials outcome=cached", "credentials outcome=renewed"]


def test_credentials_without_that_method_are_never_at_hand():
    observed = LoggingCredentials(Scripted(bearer("canary-1")))
    headers(observed)
    assert observed.at_hand(TARGET) is None
