"""The era that the two sides share is found out once, within two seconds, and from memory if there is one."""

import json

import pytest
from relaying import (
    INITIALIZE,
    WELCOMED,
    Living,
    Playbook,
    answer,
    cancelled,
    fail,
    hangup,
    note,
    notification,
    remember,
    request,
    to_client,
    to_server,
    wake,
)

from mcp_auth_bridge.errors import LoginRequired, MethodUnknown, OutcomeUnknown, Unreachable, UpstreamFailed, WrongEra
from mcp_auth_bridge.relay.call_numbers import PROBES
from mcp_auth_bridge.relay.legacy_session import LegacySession
from mcp_auth_bridge.relay.modern import Modern
from mcp_auth_bridge.relay.negotiation import DISCOVER_METHOD, PATIENCE, Negotiation
from mcp_auth_bridge.relay.passthrough import Passthrough

META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
DISCOVERED = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
MODERN = {DISCOVER_METHOD: json.dumps(DISCOVERED).encode()}
LEGACY = {"initialize": json.dumps(WELCOMED).encode()}
HEADERS = {"mcp-protocol-version": "2026-07-28"}
PROBE_CALL = PROBES[0]
ASKED = [wake("discover", PATIENCE)]


class Noted:
    """A relay that passes everything on. `heard` are the messages that it got."""

    def __init__(self):
        self.heard = []
        self._inner = Passthrough()

    def __getattr__(self, name):
        return lambda *told: self.heard.append(name) or getattr(self._inner, name)(*told)


def test_signs_of_life_go_to_the_relay_that_was_chosen():
    play = Playbook(Negotiation(Living(), Modern(Passthrough()), {}))
    assert play.alive(1) == []
    play.client(INITIALIZE)
    assert play.alive(1) == [note("alive: 1")]


def meet(**memory):
    return Playbook(Negotiation(Noted(), Modern(Passthrough()), memory))


@pytest.fixture
def play():
    return meet()


def heard(play):
    return play.relay._legacy.heard


def discover(id_=1):
    return request(id_, DISCOVER_METHOD, _meta=META)


def listing(id_):
    return request(id_, "tools/list", _meta=META)


def error(id_, code, **data):
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": "no", **({"data": data} if data else {})}}


def headers(method):
    return {"mcp-method": method, **HEADERS}


PROBE = to_server(PROBE_CALL, discover(), **headers(DISCOVER_METHOD))


def speaks_modern(play):
    """The client's next request goes to the modern relay."""
    ((word, call, sent, own),) = play.client(listing("next"))
    assert (word, sent, own) == ("to server", listing("next"), headers("tools/list"))
    assert heard(play) == []
    return call


def speaks_legacy(play):
    opening = {**INITIALIZE, "id": "opening"}
    ((word, call, sent, own),) = play.client(opening)
    assert (word, sent, own) == ("to server", opening, {})
    assert heard(play)[-1] == "from_client"
    return call


# The client's first message.


def test_initialize_opens_a_legacy_session(play):
    speaks_legacy(play)
    assert play.client(listing(2)) == [to_server(2, listing(2))]


def test_a_request_with_a_version_is_modern(play):
    speaks_modern(play)


@pytest.mark.parametrize("opening", [request(1, "ping"), notification("n"), notification("initialize")])
def test_a_message_that_shows_no_era_goes_to_the_legacy_relay_and_decides_nothing(play, opening):
    play.client(opening)
    assert heard(play) == ["from_client"]
    assert play.client(discover()) == [*ASKED, PROBE]


def test_initialize_is_refused_once_the_era_is_modern(play):
    speaks_modern(play)
    assert play.client(INITIALIZE) == [fail(INITIALIZE, WrongEra)]


# A client that probes; nothing is remembered.


def test_the_server_is_asked_and_its_reply_decides_and_is_remembered(play):
    assert play.client(discover()) == [*ASKED, PROBE]
    told = answer(1, DISCOVERED)
    assert play.server(PROBE_CALL, told) == [remember(DISCOVER_METHOD, DISCOVERED), to_client(told)]
    assert play.ended(PROBE_CALL) == []
    assert play.woke("discover") == []
    speaks_modern(play)


LEGACY_ANSWERS = [
    error(1, -32601),
    error(1, -32000),
    answer(1, {}),
    answer(1, []),
    {"jsonrpc": "2.0", "id": 1, "result": None},
    answer(1, {"supportedVersions": 5}),
    answer(1, {"supportedVersions": []}),
    answer(1, {"supportedVersions": ["2025-11-25", {}]}),
    error(1, -32022, supported=["2025-11-25"]),
    error(1, -32022, supported="2026-07-28"),
]


@pytest.mark.parametrize("told", LEGACY_ANSWERS)
def test_a_server_that_names_no_modern_version_makes_the_client_fall_back(play, told):
    play.client(discover())
    assert play.server(PROBE_CALL, told) == [fail(discover(), MethodUnknown)]
    assert play.ended(PROBE_CALL) == []
    speaks_legacy(play)


FAILURES = [
    None,
    UpstreamFailed("404", status=404),
    Unreachable("away"),
    OutcomeUnknown("cut"),
    LoginRequired("log in"),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_a_server_that_does_not_answer_makes_the_client_fall_back(play, failure):
    play.client(discover())
    assert play.ended(PROBE_CALL, failure) == [fail(discover(), MethodUnknown)]
    speaks_legacy(play)


def test_a_slow_server_makes_the_client_fall_back_and_its_late_reply_is_dropped(play):
    play.client(discover())
    assert play.woke("discover") == [hangup(PROBE_CALL), fail(discover(), MethodUnknown)]
    assert play.server(PROBE_CALL, answer(1, DISCOVERED)) == []
    assert play.ended(PROBE_CALL) == []
    speaks_legacy(play)


@pytest.mark.parametrize(
    "told", [answer(2, DISCOVERED), answer("1", DISCOVERED), notification("n"), request("s", "ping")]
)
def test_a_message_that_does_not_answer_the_probe_is_dropped(play, told):
    play.client(discover())
    assert play.server(PROBE_CALL, told) == []
    assert play.server(PROBE_CALL, answer(1, DISCOVERED))[-1] == to_client(answer(1, DISCOVERED))


@pytest.mark.parametrize(
    "refusal",
    [
        error(1, -32022, supported=["2026-07-28"], requested="2027-01-01"),
        error(1, -32022),
        error(1, -32020),
        error(1, -32021, required=["roots"]),
    ],
)
def test_a_modern_error_is_passed_to_the_client(play, refusal):
    play.client(discover())
    assert play.server(PROBE_CALL, refusal) == [to_client(refusal)]
    again = to_server(PROBE_CALL - 1, discover(2), **headers(DISCOVER_METHOD))
    assert play.client(discover(2)) == [*ASKED, again]
    assert play.ended(PROBE_CALL) == []
    assert play.server(PROBE_CALL, answer(2, DISCOVERED)) == []
    assert play.server(PROBE_CALL - 1, answer(2, DISCOVERED)) == [
        remember(DISCOVER_METHOD, DISCOVERED),
        to_client(answer(2, DISCOVERED)),
    ]


def test_a_modern_request_after_a_modern_error_is_modern(play):
    play.client(discover())
    play.server(PROBE_CALL, error(1, -32020))
    speaks_modern(play)


def test_initialize_during_the_probe_ends_it(play):
    play.client(discover())
    assert play.client(INITIALIZE) == [hangup(PROBE_CALL), fail(discover(), MethodUnknown), to_server(1, INITIALIZE)]
    assert play.server(PROBE_CALL, answer(1, DISCOVERED)) == []
    assert play.ended(PROBE_CALL) == []
    assert play.woke("discover") == []


def test_a_modern_request_during_the_probe_does_not_end_it(play):
    play.client(discover())
    speaks_modern(play)
    told = answer(1, DISCOVERED)
    assert play.server(PROBE_CALL, told) == [remember(DISCOVER_METHOD, DISCOVERED), to_client(told)]


def test_a_second_probe_during_the_first_is_told_to_fall_back(play):
    play.client(discover())
    assert play.client(discover(2)) == [fail(discover(2), MethodUnknown)]


@pytest.mark.parametrize("chosen", [False, True])
def test_a_cancelled_probe_is_not_answered(play, chosen):
    play.client(discover())
    if chosen:
        speaks_modern(play)
    assert play.client(cancelled(1)) == [hangup(PROBE_CALL)]
    assert play.server(PROBE_CALL, answer(1, DISCOVERED)) == []
    assert play.ended(PROBE_CALL) == []
    assert play.woke("discover") == []


# Memory.


def test_a_server_remembered_as_modern_is_not_asked(play):
    play = meet(**MODERN)
    assert play.client(discover()) == [to_client(answer(1, DISCOVERED))]
    speaks_modern(play)


@pytest.mark.parametrize("told", [error("next", -32000), error("next", -32601), error("next", -32600)])
def test_a_remembered_server_that_first_replies_with_an_error_is_asked_next_time(told):
    play = meet(**MODERN)
    play.client(discover())
    call = speaks_modern(play)
    assert play.server(call, told) == [remember(DISCOVER_METHOD, None), to_client(told)]
    assert play.ended(call) == []


def test_a_remembered_server_that_first_fails_over_http_is_asked_next_time():
    play = meet(**MODERN)
    play.client(discover())
    call = speaks_modern(play)
    gone = UpstreamFailed("404", status=404)
    assert play.ended(call, gone) == [remember(DISCOVER_METHOD, None), fail(listing("next"), UpstreamFailed)]
    assert play.client(listing(3)) == [to_server(call + 1, listing(3), **headers("tools/list"))]
    assert play.ended(call + 1, gone) == [fail(listing(3), UpstreamFailed)]


@pytest.mark.parametrize("told", [answer("next", {"tools": []}), error("next", -32022), error("next", -32020)])
def test_a_remembered_server_that_answers_in_its_era_stays_remembered(told):
    play = meet(**MODERN)
    play.client(discover())
    call = speaks_modern(play)
    assert play.server(call, told) == [to_client(told)]
    play.ended(call)
    play.client(listing(3))
    assert play.server(call + 1, error(3, -32603)) == [to_client(error(3, -32603))]


@pytest.mark.parametrize("away", [Unreachable("away"), LoginRequired("log in"), OutcomeUnknown("cut")])
def test_a_failure_that_does_not_depend_on_the_era_leaves_the_memory(away):
    play = meet(**MODERN)
    play.client(discover())
    call = speaks_modern(play)
    assert play.ended(call, away) == [fail(listing("next"), type(away))]


def test_a_forgotten_server_is_asked():
    play = meet(**{DISCOVER_METHOD: b""}, **LEGACY)
    assert play.client(discover()) == [*ASKED, PROBE]


def test_a_server_remembered_as_legacy_makes_the_client_fall_back_at_once():
    play = meet(**LEGACY)
    assert play.client(discover()) == [fail(discover(), MethodUnknown)]
    speaks_legacy(play)


def test_a_modern_request_to_a_server_remembered_as_legacy_is_answered_with_its_versions():
    play = meet(**LEGACY)
    assert play.client(listing(1)) == [fail(listing(1), WrongEra)]
    speaks_legacy(play)


def test_a_client_that_cannot_fall_back_reaches_the_server_with_its_second_attempt():
    play = meet(**LEGACY)
    play.client(discover())
    assert play.client(discover()) == [*ASKED, PROBE]
    play = meet(**LEGACY)
    play.client(discover())
    speaks_modern(play)


# Unequal eras.


@pytest.mark.parametrize("code", [-32020, -32021, -32022])
def test_a_server_that_answers_initialize_with_a_modern_error_shares_no_era(play, code):
    call = speaks_legacy(play)
    assert play.server(call, error("opening", code)) == [fail({**INITIALIZE, "id": "opening"}, WrongEra)]


def test_any_other_reply_to_initialize_is_passed_on(play):
    call = speaks_legacy(play)
    assert play.server(call, error("opening", -32600)) == [to_client(error("opening", -32600))]


def test_a_modern_error_for_another_request_is_passed_on(play):
    call = speaks_legacy(play)
    play.client(request(5))
    assert play.server(call + 1, error(5, -32021)) == [to_client(error(5, -32021))]
    assert play.server(call, answer("opening", WELCOMED)) == [to_client(answer("opening", WELCOMED))]


# The rest is passed on.


def test_before_the_choice_timers_and_ends_mean_nothing(play):
    assert play.server(3, answer(1)) == []
    assert play.ended(3) == []
    assert play.woke("early initialize") == []
    assert heard(play) == []


def test_timers_and_ends_go_to_the_chosen_relay(play):
    call = speaks_legacy(play)
    assert play.woke("early initialize") == []
    assert play.ended(call, Unreachable("away")) == [fail({**INITIALIZE, "id": "opening"}, Unreachable)]
    assert heard(play) == ["from_client", "woke", "ended"]


@pytest.mark.plays("Slack")
def test_a_client_of_both_eras_ends_up_in_the_newest_revision_that_a_server_of_400s_takes():
    """Slack's (redhat-data-and-ai/template-agent #265): it answers any other revision than its own with HTTP 400."""
    play = Playbook(Negotiation(LegacySession(Passthrough()), Modern(Passthrough()), {}))
    bad_request = UpstreamFailed("the server answered with HTTP 400", status=400)
    assert play.client(discover()) == [*ASKED, PROBE]
    assert play.ended(PROBE_CALL, bad_request) == [fail(discover(), MethodUnknown)]
    play.client({**INITIALIZE, "params": {"protocolVersion": "2025-11-25"}})
    assert play.ended(-1, bad_request) == [to_server(-2, INITIALIZE), wake("opening", 60.0)]
    assert play.server(-2, answer(0, WELCOMED)) == [to_client(answer(0, WELCOMED))]
