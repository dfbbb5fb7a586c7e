"""A refusal that may come from a server of the other era is looked into before the client hears of it."""

import pytest
from relaying import (
    Playbook,
    answer,
    cancelled,
    fail,
    hangup,
    request,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import EraRefused, LoginRequired, OutcomeUnknown, Overdue, Unreachable, UpstreamFailed
from mcp_auth_bridge.relay.base import AFTER_FAULT
from mcp_auth_bridge.relay.modern_era import SILENCE, ModernEra
from mcp_auth_bridge.relay.own_handshake import META
from mcp_auth_bridge.relay.passthrough import Passthrough

DISCOVERED = {"supportedVersions": ["2026-07-28"]}
LISTING = request(1, "tools/list")
REFUSED = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32600, "message": "Missing session ID"}}
OWN_ID = "mcp-auth-bridge/server/discover/1"
OWN = request(OWN_ID, "server/discover", _meta=META)
ASKED = [wake("silent discover", SILENCE), to_server(2, OWN)]
UNFOUNDED = wake("unfounded doubt", 60.0)
BAD_REQUEST = UpstreamFailed("Bad Request", status=400)


@pytest.fixture
def play():
    return Playbook(ModernEra(Passthrough()))


def asked_after(play, refusal=REFUSED):
    play.client(LISTING)
    assert play.server(1, refusal) == ASKED


def test_a_result_passes(play):
    play.client(LISTING)
    assert play.server(1, answer(1)) == [to_client(answer(1))]


def test_an_error_of_the_application_passes(play):
    play.client(LISTING)
    own = {"jsonrpc": "2.0", "id": 1, "error": {"code": 5, "message": "no"}}
    assert play.server(1, own) == [to_client(own)]


def test_a_refusal_stands_once_the_server_has_proven_to_be_modern(play):
    asked_after(play)
    assert play.server(2, answer(OWN_ID, DISCOVERED)) == [UNFOUNDED, to_client(REFUSED)]


def test_a_refusal_of_a_server_that_proves_not_to_be_modern_means_the_other_era(play):
    asked_after(play)
    unknown = {"jsonrpc": "2.0", "id": OWN_ID, "error": {"code": -32601, "message": "Method not found"}}
    assert play.server(2, unknown) == [fail(LISTING, EraRefused)]


@pytest.mark.plays("Slack")
def test_an_http_refusal_is_looked_into_as_well(play):
    play.client(LISTING)
    assert play.ended(1, BAD_REQUEST) == ASKED
    assert play.ended(2, UpstreamFailed("Not Found", status=404)) == [fail(LISTING, EraRefused)]


@pytest.mark.parametrize("error", [UpstreamFailed("Oops", status=500), Unreachable("away"), OutcomeUnknown("cut")])
def test_a_failure_after_which_the_server_may_have_acted_is_not_looked_into(play, error):
    play.client(LISTING)
    assert play.ended(1, error) == [fail(LISTING, type(error))]


@pytest.mark.parametrize("error", [LoginRequired("log in"), Unreachable("away")])
def test_a_refusal_stands_if_nothing_can_be_proven(play, error):
    asked_after(play)
    assert play.ended(2, error) == [to_client(REFUSED)]
    assert play.client(request(3)) == [to_server(3, request(3))]


def test_several_refusals_wait_for_one_proof(play):
    asked_after(play)
    play.client(request(5))
    second = {**REFUSED, "id": 5}
    assert play.server(3, second) == []
    assert play.server(2, answer(OWN_ID, {})) == [fail(LISTING, EraRefused), fail(request(5), EraRefused)]


def test_an_unfounded_doubt_is_not_repeated_for_a_while(play):
    asked_after(play)
    play.server(2, answer(OWN_ID, DISCOVERED))
    play.client(request(5, "tools/list"))
    assert play.server(3, {**REFUSED, "id": 5}) == [to_client({**REFUSED, "id": 5})]
    assert play.woke("unfounded doubt") == []
    play.client(request(6, "tools/list"))
    assert play.server(4, {**REFUSED, "id": 6})[0] == wake("silent discover", SILENCE)


def test_the_refusal_of_a_request_that_the_client_cancels_meanwhile_is_dropped(play):
    asked_after(play)
    assert play.client(cancelled(1)) == []
    assert play.server(2, answer(OWN_ID, DISCOVERED)) == [UNFOUNDED]


def test_a_request_that_is_cancelled_before_its_reply_is_not_waited_for(play):
    play.client(LISTING)
    assert play.client(cancelled(1)) == [to_server(2, cancelled(1)), hangup(1)]


# The client's own probe.


def test_the_clients_own_discover_is_the_proof(play):
    discover = request(1, "server/discover")
    assert play.client(discover) == [wake("silent discover", SILENCE), to_server(1, discover)]
    assert play.server(1, answer(1, DISCOVERED)) == [to_client(answer(1, DISCOVERED))]
    assert play.woke("silent discover") == []


def test_a_discover_that_is_refused_means_the_other_era(play):
    discover = request(1, "server/discover")
    play.client(discover)
    assert play.ended(1, BAD_REQUEST) == [fail(discover, EraRefused)]


def test_a_server_that_hangs_up_on_discover_is_tried_in_the_other_era(play):
    discover = request(1, "server/discover")
    play.client(discover)
    assert play.ended(1, OutcomeUnknown("cut")) == [fail(discover, EraRefused)]


@pytest.mark.parametrize(
    "error", [LoginRequired("log in"), Unreachable("away"), Overdue("late"), UpstreamFailed("wait", status=503)]
)
def test_a_discover_that_meets_a_missing_login_or_an_absence_says_so(play, error):
    discover = request(1, "server/discover")
    play.client(discover)
    assert play.ended(1, error) == [fail(discover, type(error))]


def test_a_server_that_keeps_silent_about_discover_is_tried_in_the_other_era(play):
    discover = request(1, "server/discover")
    play.client(discover)
    told = to_server(2, cancelled(1))
    assert play.woke("silent discover") == [told, hangup(1), fail(discover, EraRefused)]


def test_other_timers_are_for_the_relay_within(play):
    assert play.woke("deadline") == []


def test_after_a_fault_both_timers_are_set_again(play):
    assert play.woke(AFTER_FAULT) == [wake("silent discover", SILENCE), UNFOUNDED]
