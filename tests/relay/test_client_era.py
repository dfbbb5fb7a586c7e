"""A client shows its era with its first request, and a client that probes may change its mind once."""

import pytest
from relaying import (
    INITIALIZE,
    INITIALIZED,
    Playbook,
    answer,
    cancelled,
    fail,
    hangup,
    note,
    notification,
    request,
    to_client,
    to_server,
)

from mcp_auth_bridge.errors import MethodUnknown, Unreachable
from mcp_auth_bridge.relay.base import Note, Wake, collected
from mcp_auth_bridge.relay.call_numbers import FORWARDED, STREAM, CallNumbers
from mcp_auth_bridge.relay.client_era import ClientEra
from mcp_auth_bridge.relay.passthrough import Passthrough

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
DISCOVER = request("probe", "server/discover", _meta=META)


class Noted(Passthrough):
    """`heard` are the methods of the client's messages."""

    def __init__(self, numbers):
        super().__init__(numbers)
        self.heard = []

    def from_client(self, message):
        self.heard.append(message.method)
        return super().from_client(message)

    @collected
    def alive(self, call):
        yield Note(f"alive: {call}")

    @collected
    def woke(self, timer):
        yield Wake(f"{timer} again", 1)


class Stage:
    def __init__(self):
        numbers = CallNumbers(FORWARDED)
        self.legacy, self.modern = Noted(numbers), Noted(numbers)
        self.play = Playbook(ClientEra(self.legacy, self.modern))

    def heard(self):
        return self.legacy.heard, self.modern.heard


@pytest.fixture
def stage():
    return Stage()


def test_signs_of_life_go_to_the_relay_that_made_the_call(stage):
    stage.play.client(INITIALIZE, request(1))
    stage.modern.alive = lambda call: [Note(f"modern: {call}")]
    assert stage.play.alive(2) == [note("alive: 2")]
    stage.play.client(DISCOVER)
    assert [stage.play.alive(call) for call in (2, 3)] == [[note("alive: 2")], [note("modern: 3")]]


def test_initialize_is_a_legacy_clients(stage):
    stage.play.client(INITIALIZE, request(1, "tools/list"))
    assert stage.heard() == (["initialize", "tools/list"], [])


@pytest.mark.parametrize("first", [DISCOVER, request(1, "server/discover"), request(1, "tools/list", _meta=META)])
def test_a_discover_or_a_version_is_a_modern_clients(stage, first):
    stage.play.client(first, notification("n"), request(2, "ping"))
    assert stage.heard() == ([], [first["method"], "n", "ping"])


@pytest.mark.parametrize("first", [request(1, "ping"), notification("n"), notification("initialize")])
def test_a_message_that_shows_no_era_is_for_the_legacy_relay_and_decides_nothing(stage, first):
    stage.play.client(first, DISCOVER)
    assert stage.heard() == ([first["method"]], ["server/discover"])


def test_a_client_whose_probe_was_answered_may_still_open_a_legacy_session(stage):
    stage.play.client(DISCOVER)
    stage.play.server(1, answer("probe", {}))
    assert stage.play.client(INITIALIZE) == [to_server(2, INITIALIZE)]
    stage.play.client(request(3, "tools/list"))
    assert stage.heard() == (["initialize", "tools/list"], ["server/discover"])


def test_a_probe_that_the_client_no_longer_waits_for_ends(stage):
    stage.play.client(DISCOVER)
    assert stage.play.client(INITIALIZE) == [
        to_server(2, cancelled("probe")),
        hangup(1),
        fail(DISCOVER, MethodUnknown),
        to_server(3, INITIALIZE),
    ]


def test_a_probe_that_the_client_cancels_needs_no_end(stage):
    stage.play.client(DISCOVER, cancelled("probe"))
    assert stage.play.client(INITIALIZE) == [to_server(3, INITIALIZE)]


def test_a_probe_that_failed_needs_no_end(stage):
    stage.play.client(DISCOVER)
    assert stage.play.ended(1, Unreachable("away")) == [fail(DISCOVER, Unreachable)]
    assert stage.play.client(INITIALIZE) == [to_server(2, INITIALIZE)]


def test_a_client_whose_initialize_failed_may_probe(stage):
    stage.play.client(INITIALIZE, DISCOVER, request(1, "tools/list", _meta=META))
    assert stage.heard() == (["initialize"], ["server/discover", "tools/list"])


def test_a_session_is_confirmed_also_by_a_client_that_probes_meanwhile(stage):
    stage.play.client(INITIALIZE, DISCOVER, INITIALIZED, request(1, "ping"))
    assert stage.heard() == (["initialize", "notifications/initialized"], ["server/discover", "ping"])


def test_a_version_in_a_legacy_session_changes_nothing(stage):
    stage.play.client(INITIALIZE, request(1, "tools/list", _meta=META))
    assert stage.heard() == (["initialize", "tools/list"], [])


def test_each_relay_hears_of_its_own_calls_and_timers(stage):
    listing = request(1, "tools/list", _meta=META)
    stage.play.client(listing, INITIALIZE)
    assert stage.play.server(1, answer(1)) == [to_client(answer(1))]
    assert stage.play.server(2, answer(0)) == [to_client(answer(0))]
    assert stage.play.ended(1) == []
    assert stage.play.woke("1/deadline") == [("wake", "1/deadline again", 1)]
    assert stage.play.woke("7/deadline") == []


@pytest.mark.parametrize("opening", [[], [INITIALIZE], [DISCOVER]])
def test_the_servers_own_stream_is_for_the_relay_in_use(stage, opening):
    stage.play.client(*opening)
    assert stage.play.server(STREAM, notification("n")) == [to_client(notification("n"))]
