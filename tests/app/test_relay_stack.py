"""Which relays a profile gets: for an IDE, for programs, and for the bridge itself."""

import msgspec
import pytest
from relaying import INITIALIZE, INITIALIZED, Playbook, answer, request

from mcp_auth_bridge.app import relay_stack
from mcp_auth_bridge.app.relay_stack import build_headless_relay, build_own_relay, build_relay
from mcp_auth_bridge.config.auth import AnonymousSettings
from mcp_auth_bridge.config.login import BrowserSettings
from mcp_auth_bridge.config.profile import Profile
from mcp_auth_bridge.config.relay import RelaySettings
from mcp_auth_bridge.relay.era import Era
from mcp_auth_bridge.relay.legacy_to_modern import LegacyToModern
from mcp_auth_bridge.relay.modern_to_legacy import ModernToLegacy
from mcp_auth_bridge.urls import Purpose, gate

PROFILE = Profile("acme", gate("https://mcp.example.com/mcp", Purpose.SERVER), auth=BrowserSettings())


def stack(relay):
    """The names of the relays from the outside in; of the two eras, the legacy one."""
    names = []
    while relay is not None:
        names.append(type(relay).__name__)
        relay = getattr(relay, "_inner", None) or getattr(relay, "_legacy", None)
    return names


def test_an_ide_gets_an_early_answer_and_may_sign_in():
    names = stack(build_relay(PROFILE, {}))
    assert names[:4] == ["LoginNotices", "Batches", "Isolation", "ClientEra"]


@pytest.mark.parametrize("changes", [{"login": "never"}, {"auth": AnonymousSettings()}])
def test_where_no_login_may_begin_by_itself_no_relay_begins_one(changes):
    profile = msgspec.structs.replace(PROFILE, **changes)
    assert "SigningIn" in repr_of(build_relay(PROFILE, {}))
    assert "SigningIn" not in repr_of(build_relay(profile, {}))


def repr_of(relay):
    """The names of all relays below `relay`."""
    relays = list(relay._relays.by_number.values()) if hasattr(relay, "_relays") else []
    inner = [value for value in [*vars(relay).values(), *relays] if hasattr(value, "from_client")]
    return {type(relay).__name__}.union(*map(repr_of, inner))


def test_a_program_gets_every_failure_and_the_bridge_itself_waits_for_the_server():
    headless, own = repr_of(build_headless_relay(PROFILE, {})), repr_of(build_own_relay(PROFILE))
    assert "Headless" in headless
    for missing in ("SigningIn", "EarlyInitialize", "LoginNotices"):
        assert missing not in headless | own


@pytest.mark.parametrize("build", [lambda: build_relay(PROFILE, {}), lambda: build_headless_relay(PROFILE, {})])
def test_a_modern_client_has_its_relays_with_its_first_message_and_what_a_person_needs_if_there_is_one(build):
    play = Playbook(relay := build())
    before = repr_of(relay)
    assert {"ServerEra", "ModernEra"} & before == {"ServerEra"}
    discover = {"jsonrpc": "2.0", "id": 0, "method": "server/discover", "params": {}}
    assert sent(play.client(discover))[2]["method"] == "server/discover"
    added = repr_of(relay) - before
    assert {"ModernEra", "Subscriptions", "Modern"} <= added
    assert ({"EarlyDiscover", "EarlyListen"} <= added) == ("EarlyInitialize" in before)


def test_pings_keep_a_session_open_where_that_is_configured():
    pinging = msgspec.structs.replace(PROFILE, relay=RelaySettings(ping=30.0))
    assert "KeepAlive" in repr_of(build_headless_relay(pinging, {}))
    assert "KeepAlive" not in repr_of(build_headless_relay(PROFILE, {}))


def test_no_relay_keeps_the_answer_to_a_question_of_the_servers_for_itself():
    """The bridge asks the client for several purposes: each answer belongs to one of them."""
    play = Playbook(build_relay(PROFILE, {"era": b'"modern"'}))
    capabilities = {"elicitation": {}}
    words = play.client({**INITIALIZE, "params": {"protocolVersion": "2025-06-18", "capabilities": capabilities}})
    discover = sent(words)
    play.server(discover[1], answer(discover[2]["id"], {"supportedVersions": ["2026-07-28"], "capabilities": {}}))
    play.client(INITIALIZED)
    call = sent(play.client(request(1, name="add")))
    form = {"method": "elicitation/create", "params": {"message": "?", "requestedSchema": {}}}
    required = {"resultType": "input_required", "inputRequests": {"a": form}, "requestState": "s"}
    [(_, asked)] = play.server(call[1], answer(1, required))
    again = sent(play.client(answer(asked["id"], {"action": "decline"})))
    assert again[2]["params"]["inputResponses"] == {"a": {"action": "decline"}}


def sent(words):
    """The one message for the server among `words`."""
    [found] = [word for word in words if word[0] == "to server"]
    return found


def test_questions_have_ids_of_their_own_although_the_server_changes_its_era_and_back():
    """The relay of the first era may still wait for an answer when another one of that era asks."""
    eras = relay_stack._Eras(PROFILE, {})
    first, second = (eras.server_of_legacy_client()._build[Era.MODERN]() for _ in range(2))
    assert first._requests._rounds._numbers is second._requests._rounds._numbers


def test_each_client_has_a_translator_for_a_server_of_the_other_era():
    eras = relay_stack._Eras(PROFILE, {})
    assert isinstance(eras._legacy_server_for_modern_client(), ModernToLegacy)
    assert isinstance(eras._modern_server_for_legacy_client(), LegacyToModern)
