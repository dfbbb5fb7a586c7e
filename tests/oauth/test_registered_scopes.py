"""Which scopes a registration is for, and what becomes of offline_access where it is refused.

claude-code #67714 (Clerk), openwork #2629, agor #855: a client is allowed the scopes that it registered with, and no
others. NyxID #1217, ai-workflow #298: offline_access is listed, and refused.
"""

import json
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from login_flow import ASKED, CODE, CONFIGURED, HERE, PRM, REGISTERED, WELCOME, found, plan
from playing import NOT_FOUND, answer, play

from mcp_auth_bridge.effects import Authorize, Listen, Tell
from mcp_auth_bridge.errors import BridgeError, ConfigError, OAuthRefused, Unreachable
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.device import device_code
from mcp_auth_bridge.oauth.login import login
from mcp_auth_bridge.oauth.session import Client, dump, load_client

ISSUER = "https://as.example"
REGISTER, TOKEN = "POST https://as.example/register", "POST https://as.example/token"
NARROW = Client(issuer=ISSUER, id="old", redirect_uri=HERE, scope="read")
WIDE = msgspec.structs.replace(NARROW, scope=ASKED)
INVALID = answer({"error": "invalid_scope"}, 400)
# What the MCP Python SDK (2.3.0) says.
NOT_VALID = {"error": "invalid_client_metadata", "error_description": "Requested scopes are not valid: offline_access"}


def known(client, **more):
    return plan(clients={client.issuer: client}, **more)


def registered_with(asked):
    """The scopes of each registration."""
    documents = [json.loads(effect.document) for effect in asked if getattr(effect, "document", None)]
    return [document.get("scope", "") for document in documents]


def asked_for(asked):
    """The scopes of each request that a person was sent to."""
    urls = [urlsplit(effect.url) for effect in asked if isinstance(effect, Authorize)]
    return [parse_qs(url.query).get("scope", [""])[0] for url in urls]


def refusal(effect):
    return {"state": effect.state, "error": "invalid_scope", "error_description": "offline_access is not allowed"}


DENIED = [*CODE[:2], ("authorize", refusal)]


# What a registration is for


@pytest.mark.parametrize("scope", ["", "read", "offline_access", "read write openid"])
def test_a_registration_that_lacks_a_scope_is_replaced_at_its_own_port_and_nobody_meets_a_refusal(scope):
    asked = []
    narrow = msgspec.structs.replace(NARROW, scope=scope)
    session = play(login(known(narrow)), [*found(), ("listen 4711", HERE), REGISTERED, *CODE], asked)
    assert (session.client.id, session.client.scope) == ("new", ASKED)
    assert registered_with(asked) == asked_for(asked) == [ASKED]


def test_a_step_up_registers_for_what_the_login_had_and_for_what_it_lacked():
    asked = []
    wider = known(WIDE, step_up=("read", "files:write"))
    session = play(login(wider), [*found(), ("listen 4711", HERE), REGISTERED, *CODE], asked)
    assert session.client.scope == "read files:write offline_access"
    assert registered_with(asked) == asked_for(asked) == ["read files:write offline_access"]


def test_a_login_on_another_device_registers_anew_for_more_as_one_in_the_browser():
    started = {"device_code": "D", "user_code": "A", "verification_uri": f"{ISSUER}/go", "interval": 5}
    script = [
        *found(device_authorization_endpoint=f"{ISSUER}/device"),
        *(("listen 4711", HERE), REGISTERED, (f"POST {ISSUER}/device", answer(started))),
        *((f"show A at {ISSUER}/go", None), ("sleep 5", None), (TOKEN, answer({"access_token": "AT"}))),
    ]
    assert play(login(known(NARROW, grant=device_code)), script).client.id == "new"


def test_a_registration_for_more_than_is_wanted_is_used_again():
    more = msgspec.structs.replace(NARROW, scope=f"admin {ASKED}")
    assert play(login(known(more)), [*found(), ("listen 4711", HERE), *WELCOME, *CODE]).client == more


def test_without_a_scope_any_registration_will_do():
    script = [*found(scopes_supported=None), ("listen 4711", HERE), *WELCOME, *CODE]
    script[0] = (PRM[0], answer({"resource": "https://mcp.example/mcp", "authorization_servers": [ISSUER]}))
    assert play(login(known(msgspec.structs.replace(NARROW, scope=""))), script).client.id == "old"


@pytest.mark.parametrize(
    ("answered", "kept"),
    [
        ({}, ASKED),
        ({"scope": ASKED}, ASKED),
        ({"scope": "read"}, ASKED),  # another registration would bring no more
        ({"scope": "admin read"}, f"{ASKED} admin"),
        ({"scope": "admin,read"}, f"{ASKED} admin"),
        ({"scope": None}, ASKED),
        ({"scope": ["read", 1, {}]}, ASKED),
        ({"scope": 'quo"ted \u00e4 ' + "x" * 600}, ASKED),
    ],
)
def test_a_registration_is_for_what_was_asked_and_for_what_its_answer_names(answered, kept):
    register = (REGISTER, answer({"client_id": "new", **answered}, 201))
    session = play(login(plan()), [*found(), ("listen 0", HERE), register, *CODE])
    assert session.client.scope == kept
    again = known(session.client)
    assert play(login(again), [*found(), ("listen 4711", HERE), *WELCOME, *CODE]).client == session.client


def test_a_record_from_before_scopes_were_kept_is_read_and_replaced_once():
    old = json.loads(dump(NARROW))
    del old["scope"]
    client = load_client(json.dumps(old))
    assert client == msgspec.structs.replace(NARROW, scope="")
    session = play(login(known(client)), [*found(), ("listen 4711", HERE), REGISTERED, *CODE])
    assert play(login(known(session.client)), [*found(), ("listen 4711", HERE), *WELCOME, *CODE]).client.id == "new"


@pytest.mark.parametrize(
    "refused",
    [
        answer({"error": "access_denied"}, 403),
        answer({"error": "invalid_client_metadata"}, 400),
        answer(b"slow down", 429, "text/plain"),
        answer(b"", 503),
        NOT_FOUND,
    ],
)
def test_where_no_other_registration_is_made_the_one_that_there_is_asks_for_more(refused):
    asked = []
    tries = 3 if refused.status == 400 else 1  # by each way to prove oneself
    script = [*found(), ("listen 4711", HERE), *[(REGISTER, refused)] * tries, *CODE]
    assert play(login(known(NARROW)), script, asked).client == NARROW
    assert asked_for(asked) == [ASKED]


def test_a_record_from_before_scopes_were_kept_is_used_where_its_scopes_are_refused_at_another_registration():
    asked = []
    before = msgspec.structs.replace(NARROW, scope="")
    script = [*found(), ("listen 4711", HERE), (REGISTER, answer(NOT_VALID, 400)), *CODE]
    assert play(login(known(before)), script, asked).client.id == "old"
    assert asked_for(asked) == [ASKED]


def test_where_clients_register_no_more_the_one_that_there_is_asks_for_more():
    script = [*found(registration_endpoint=None), ("listen 4711", HERE), *CODE]
    assert play(login(known(NARROW)), script).client == NARROW


def test_a_registration_endpoint_that_is_down_ends_the_login_and_not_the_registration():
    script = [*found(), ("listen 4711", HERE), (REGISTER, Unreachable("no route"))]
    with pytest.raises(Unreachable):
        play(login(known(NARROW)), script)


def test_a_fresh_login_registers_anew_at_the_port_of_the_registration_that_it_replaces():
    asked = []
    session = play(login(known(WIDE, fresh=True)), [*found(), ("listen 4711", HERE), REGISTERED, *CODE], asked)
    assert (session.client.id, session.client.redirect_uri, session.client.scope) == ("new", HERE, ASKED)


def test_a_fresh_login_that_is_not_registered_fails_and_uses_nothing_that_was_to_be_replaced():
    with pytest.raises(OAuthRefused):
        play(
            login(known(WIDE, fresh=True)),
            [*found(), ("listen 4711", HERE), (REGISTER, answer({"error": "access_denied"}, 403))],
        )
    with pytest.raises(ConfigError):
        play(login(known(WIDE, fresh=True)), [*found(registration_endpoint=None), ("listen 4711", HERE)])


# offline_access

REFUSED_AT_THE_TOKEN_ENDPOINT = [*CODE[:3], (TOKEN, INVALID)]


@pytest.mark.parametrize("refused", [DENIED, REFUSED_AT_THE_TOKEN_ENDPOINT])
def test_where_offline_access_is_refused_the_same_client_goes_on_without_it_once_and_says_so(refused):
    asked = []
    script = [*found(), ("listen 0", HERE), REGISTERED, *refused, ("tell", None), *CODE]
    session = play(login(plan()), script, asked)
    assert asked_for(asked) == [ASKED, "read"]
    assert (session.scope, session.asked, session.denied, session.client.id) == (
        "read",
        "read",
        "offline_access",
        "new",
    )
    (told,) = [effect.sentence for effect in asked if isinstance(effect, Tell)]
    assert told == "“https://as.example” refused these scopes; trying once more without offline_access"


@pytest.mark.parametrize(
    "refused",
    [
        answer(NOT_VALID, 400),
        INVALID,
        answer({"error": "invalid_scope", "error_description": "Unknown scope"}, 422),
        answer({"message": "scope.1: offline_access is not allowed"}, 422),
        answer({"error": "insufficient_scope", "error_description": "Policy 'Allowed Client Scopes' rejected"}, 403),
    ],
)
def test_where_nothing_registers_with_offline_access_the_bridge_registers_without_it(refused):
    asked = []
    script = [*found(), ("listen 0", HERE), (REGISTER, refused), ("tell", None), ("listen 0", HERE), REGISTERED, *CODE]
    session = play(login(plan()), script, asked)
    assert registered_with(asked) == [ASKED, "read"]
    assert asked_for(asked) == ["read"]
    assert (session.denied, session.client.scope) == ("offline_access", "read")


def test_a_registration_without_offline_access_is_kept_where_none_is_made_with_it():
    script = [*found(), ("listen 4711", HERE), (REGISTER, answer(NOT_VALID, 400)), ("tell", None)]
    session = play(login(known(NARROW)), [*script, ("listen 4711", HERE), *WELCOME, *CODE])
    assert (session.client, session.denied) == (NARROW, "offline_access")


def test_where_a_device_is_refused_offline_access_it_goes_on_without_it():
    asked = []
    started = {"device_code": "D", "user_code": "A", "verification_uri": f"{ISSUER}/go", "interval": 5}
    device = f"POST {ISSUER}/device"
    script = [
        *found(device_authorization_endpoint=f"{ISSUER}/device"),
        *(("listen 0", HERE), REGISTERED, (device, INVALID), ("tell", None), (device, answer(started))),
        *((f"show A at {ISSUER}/go", None), ("sleep 5", None), (TOKEN, answer({"access_token": "AT"}))),
    ]
    session = play(login(plan(grant=device_code)), script, asked)
    assert [dict(effect.form).get("scope") for effect in asked if getattr(effect, "form", None)][:2] == [ASKED, "read"]
    assert session.denied == "offline_access"


def test_what_is_refused_without_offline_access_too_is_refused():
    script = [*found(), ("listen 0", HERE), REGISTERED, *DENIED, ("tell", None), *DENIED]
    with pytest.raises(OAuthRefused, match="invalid_scope") as raised:
        play(login(plan()), script)
    assert "set scopes under auth" in raised.value.hint


def test_offline_access_that_is_configured_is_not_left_out():
    mine = plan(scopes=("read", "offline_access"))
    with pytest.raises(OAuthRefused, match="invalid_scope"):
        play(login(mine), [*found(), ("listen 0", HERE), REGISTERED, *DENIED])


@pytest.mark.parametrize("error", ["access_denied", "server_error", "invalid_request"])
def test_another_refusal_is_not_answered_with_fewer_scopes(error):
    refused = ("authorize", lambda effect: {"state": effect.state, "error": error})
    with pytest.raises(BridgeError, match=r"declined|rejected the login"):
        play(login(plan()), [*found(), ("listen 0", HERE), REGISTERED, *CODE[:2], refused])


def test_a_registration_that_is_refused_for_its_scopes_alone_says_which_key_to_set():
    script = [*found(scopes_supported=None), ("listen 0", HERE), (REGISTER, answer(NOT_VALID, 400))]
    with pytest.raises(OAuthRefused, match="refused to register this bridge with these scopes") as raised:
        play(login(plan()), script)
    assert "set scopes under auth" in raised.value.hint


def test_a_refusal_of_the_way_to_prove_oneself_is_no_refusal_of_scopes():
    words = {"error": "invalid_client_metadata", "error_description": "token_endpoint_auth_method none, scope read: no"}
    script = [*found(), ("listen 0", HERE), (REGISTER, answer(words, 400)), REGISTERED, *CODE]
    assert play(login(plan()), script).client.id == "new"


# Remembered


def refused_before(client=WIDE, denied="offline_access"):
    """The session of a login that was refused offline_access."""
    first = play(login(known(client)), [*found(), ("listen 4711", HERE), *WELCOME, *CODE])
    return msgspec.structs.replace(first, denied=denied)


def test_a_client_that_was_refused_offline_access_does_not_ask_for_it_again():
    asked = []
    again = known(WIDE, last=refused_before())
    session = play(login(again), [*found(), ("listen 4711", HERE), *WELCOME, *CODE], asked)
    assert asked_for(asked) == ["read"]
    assert session.denied == "offline_access"


@pytest.mark.parametrize(
    ("more", "script"),
    [
        ({"fresh": True}, [REGISTERED]),
        ({"step_up": ("write",)}, [REGISTERED]),  # which this client is not registered for
        ({"scopes": ("read", "offline_access")}, WELCOME),
        ({"clients": {ISSUER: msgspec.structs.replace(WIDE, id="newer")}}, WELCOME),
    ],
)
def test_what_was_denied_is_forgotten_when_the_registration_or_the_will_of_the_person_changes(more, script):
    asked = []
    again = msgspec.structs.replace(known(WIDE, last=refused_before()), **more)
    session = play(login(again), [*found(), ("listen 4711", HERE), *script, *CODE], asked)
    assert "offline_access" in asked_for(asked)[0].split()
    assert session.denied == ""


def test_a_configured_client_that_was_refused_does_not_ask_again_either():
    script = [*found(), ("listen 4711", HERE)]
    mine = plan(configured=CONFIGURED, port=4711)
    first = play(login(mine), [*script, *DENIED, ("tell", None), *CODE])
    asked = []
    second = play(login(msgspec.structs.replace(mine, last=first)), [*script, *CODE], asked)
    assert asked_for(asked) == ["read"]
    assert second.denied == "offline_access"


# Left out by the profile


@pytest.mark.parametrize(
    ("more", "scope"),
    [
        ({}, "read"),
        ({"challenge": Challenge("bearer", {"scope": "files offline_access"})}, "files"),
        ({"challenge": Challenge("bearer", {"scope": "offline_access"})}, ""),
        ({"step_up": ("offline_access", "write")}, "write read"),
    ],
)
def test_a_profile_without_offline_access_never_asks_for_it_wherever_it_comes_from(more, scope):
    asked = []
    session = play(login(plan(offline=False, **more)), [*found(), ("listen 0", HERE), REGISTERED, *CODE], asked)
    assert registered_with(asked) == asked_for(asked) == [scope]
    assert session.denied == ""


# The callback's path

THERE = "http://localhost:8765/oauth/callback"


def test_a_configured_path_is_part_of_the_redirect_uri_of_each_kind_of_client():
    def played(script, **more):
        asked = []
        session = play(login(plan(path="/oauth/callback", **more)), [*script, *CODE], asked)
        assert [effect.path for effect in asked if isinstance(effect, Listen)] == ["/oauth/callback"] * (
            sum(step[0].startswith("listen") for step in script)
        )
        return session.client

    here = HERE.replace("/callback", "/oauth/callback")
    mine = played([*found(), ("listen 8765", THERE)], configured=CONFIGURED, port=8765, host="localhost")
    assert mine.redirect_uri == THERE
    new = (REGISTER, answer({"client_id": "new", "redirect_uris": [here]}, 201))
    assert played([*found(), ("listen 0", here), new]).redirect_uri == here
    old_path = {ISSUER: WIDE}  # registered before the path was configured
    assert played([*found(), ("listen 4711", here), new], clients=old_path).redirect_uri == here
    there = (REGISTER, answer({"client_id": "new", "redirect_uris": [THERE]}, 201))
    address = (REGISTER, answer({"error": "invalid_redirect_uri"}, 400))
    assert played([*found(), ("listen 0", here), address, ("listen 0", THERE), there]).redirect_uri == THERE
    documents = [*found(client_id_metadata_document_supported=True), ("listen 8765", here.replace("4711", "8765"))]
    assert not played(documents, metadata_url="https://bridge.example/c.json", port=8765).registered
