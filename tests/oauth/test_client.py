"""The client of a login: registrations that are forgotten, expired, too narrow, or whose port is taken.

claude-code #67714 (Clerk), openwork #2629, agor #855: a client is allowed the scopes that it registered with, and no
others.
"""

import json

import msgspec
import pytest
from login_flow import (
    ASKED,
    CODE,
    CONFIGURED,
    HERE,
    ISSUER,
    NARROW,
    NOT_VALID,
    OLD,
    OTHER,
    PRM,
    REGISTER,
    REGISTERED,
    TOKEN,
    WELCOME,
    asked_for,
    at,
    found,
    known,
    plan,
    registered_with,
)
from playing import NOT_FOUND, PAGE, answer, outcome, plain, play
from registration_flow import server

from mcp_auth_bridge.effects import Authorize, Listen, Tell
from mcp_auth_bridge.errors import BridgeError, ConfigError, OAuthRefused, Unreachable, UpstreamFailed
from mcp_auth_bridge.oauth.client import METADATA_DOCUMENT_PORTS, _register_for_scopes
from mcp_auth_bridge.oauth.device import device_code
from mcp_auth_bridge.oauth.grants import refresh
from mcp_auth_bridge.oauth.login import login
from mcp_auth_bridge.oauth.registration import RegistrationSettings
from mcp_auth_bridge.oauth.session import dump, load_client
from mcp_auth_bridge.secret import Secret

DOCUMENT = "https://bridge.example/client.json"
UNKNOWN = answer({"error": "invalid_client"}, 401)


def look(page):
    """The check of an earlier registration, with `page` as its authorization page."""
    return [WELCOME[0], (WELCOME[1][0], page)]


def told(asked):
    return [effect.sentence for effect in asked if isinstance(effect, Tell)]


# Registrations that the server has forgotten


@pytest.mark.parametrize(
    "page",
    [
        answer({"message": "Unrecognized client_id"}, 422),  # Supabase
        answer(b"<h1>We are sorry</h1><p>Client not found.</p>", 400, "text/html"),  # Keycloak
        answer(b"<pre>OAuth app with client id doesn&#39;t exist</pre>", 404, "text/html"),  # Figma
    ],
)
def test_a_registration_that_its_authorization_page_does_not_know_is_replaced_before_the_user_sees_it(page):
    asked = []
    steps = [*found(), ("listen 4711", HERE), *look(page), ("tell", None), REGISTERED, *CODE]
    assert play(login(known()), steps, asked).client.id == "new"
    assert told(asked) == ["“https://as.example” no longer knows this bridge, which registers anew"]
    assert len([effect for effect in asked if isinstance(effect, Authorize)]) == 1


@pytest.mark.parametrize(
    "page",
    [
        PAGE,
        NOT_FOUND,
        Unreachable("no route"),
        answer(b"<title>403 Forbidden</title>", 403, "text/html"),
        answer(b"<p>unknown client</p>", 200, "text/html"),  # a tutorial, a chat, a sign-in page with a story to tell
        answer(b"<p>unknown client</p>", 500, "text/html"),
    ],
)
def test_a_registration_is_used_again_whatever_else_its_authorization_page_says(page):
    assert play(login(known()), [*found(), ("listen 4711", HERE), *look(page), *CODE]).client == OLD


def test_a_page_that_says_nothing_about_the_client_causes_no_message():
    asked = []
    play(login(known()), [*found(), ("listen 4711", HERE), *look(PAGE), *CODE], asked)
    assert told(asked) == []


MANAGED = msgspec.structs.replace(OLD, management_uri=f"{ISSUER}/register/old", management_token=Secret("RAT-hunter2"))
READ = f"GET {ISSUER}/register/old"


def test_a_registration_that_can_be_read_is_used_again_with_its_newest_token():
    asked = []
    there = answer({"client_id": "old", "registration_access_token": "RAT-2"})
    session = play(login(known(MANAGED)), [*found(), ("listen 4711", HERE), (READ, there), *CODE], asked)
    assert session.client == msgspec.structs.replace(MANAGED, management_token=Secret("RAT-2"))
    assert told(asked) == []


AUTHLIB_GONE = answer({"error": "access_denied"}, 400)


@pytest.mark.parametrize("gone", [answer(b"", 401), answer({"error": "invalid_token"}, 401), NOT_FOUND, AUTHLIB_GONE])
def test_a_registration_that_is_gone_when_it_is_read_is_replaced(gone):
    steps = [*found(), ("listen 4711", HERE), (READ, gone), ("tell", None), REGISTERED, *CODE]
    assert play(login(known(MANAGED)), steps).client.id == "new"


@pytest.mark.parametrize(
    "odd", [answer(b"", 400), answer(b"", 403), answer(b"", 500), answer({"client_id": "x"}), Unreachable("no route")]
)
def test_a_registration_that_cannot_be_read_is_checked_by_its_authorization_page(odd):
    session = play(login(known(MANAGED)), [*found(), ("listen 4711", HERE), (READ, odd), *WELCOME, *CODE])
    assert session.client == MANAGED


def test_a_registration_with_a_secret_is_not_read_because_that_may_renew_the_secret_of_other_logins():
    secretive = msgspec.structs.replace(MANAGED, secret=Secret("s"), auth_method="client_secret_post")
    play(login(known(secretive)), [*found(), ("listen 4711", HERE), *WELCOME, *CODE])


def test_a_registration_with_a_secret_that_is_never_sent_is_read():
    """canaille gives a secret to every client, and shows its login page before it looks at the client."""
    public = msgspec.structs.replace(MANAGED, secret=Secret("s"), auth_method="none")
    steps = [*found(), ("listen 4711", HERE), (READ, AUTHLIB_GONE), ("tell", None), REGISTERED, *CODE]
    assert play(login(known(public)), steps).client.id == "new"


def test_the_user_is_never_sent_to_the_url_of_the_check():
    asked = []
    play(login(known()), [*found(), ("listen 4711", HERE), *WELCOME, *CODE], asked)
    looked, sent = (next(str(effect.url) for effect in asked if kind(effect)) for kind in (is_look, is_authorize))
    assert looked.partition("state=")[2] != sent.partition("state=")[2]
    assert looked.partition("state=")[0] == sent.partition("state=")[0]


def is_look(effect):
    return "authorize?" in str(getattr(effect, "url", "")) and not is_authorize(effect)


def is_authorize(effect):
    return isinstance(effect, Authorize)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
@pytest.mark.parametrize(
    "body", [{"error": "invalid_client"}, {"error": "unauthorized_client"}, {"message": "Unrecognized client_id"}]
)
def test_a_code_that_is_refused_for_its_client_costs_a_new_registration_and_one_more_question(body, status):
    asked = []
    refused = (TOKEN, answer(body, status))
    steps = [("listen 4711", HERE), *WELCOME, *CODE[:3], refused, ("tell", None), REGISTERED, *CODE]
    assert play(login(known()), [*found(), *steps], asked).client.id == "new"
    assert [effect.url.count("client_id=old") for effect in asked if is_authorize(effect)] == [1, 0]
    assert "asked once more" in told(asked)[-1]


def test_a_registration_is_replaced_once_and_never_twice():
    steps = [("listen 4711", HERE), *WELCOME, *CODE[:3], (TOKEN, UNKNOWN), ("tell", None), REGISTERED, *CODE[:3]]
    with pytest.raises(OAuthRefused, match="invalid_client"):
        play(login(known()), [*found(), *steps, (TOKEN, UNKNOWN)])


def test_a_registration_of_this_very_login_is_not_replaced():
    with pytest.raises(OAuthRefused, match="invalid_client"):
        play(login(plan()), [*found(), ("listen 0", HERE), REGISTERED, *CODE[:3], (TOKEN, UNKNOWN)])


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (answer({"error": "invalid_grant"}, 400), OAuthRefused),
        (answer({"error": "invalid_request", "error_description": "code_verifier is wrong"}, 400), OAuthRefused),
        (answer(b"<title>Blocked</title>", 403, "text/html"), UpstreamFailed),
        (answer(b"unknown client", 503, "text/plain"), UpstreamFailed),
    ],
)
def test_a_code_that_is_refused_for_another_reason_costs_no_registration(refusal, kind):
    with pytest.raises(kind):
        play(login(known()), [*found(), ("listen 4711", HERE), *WELCOME, *CODE[:3], (TOKEN, refusal)])


def test_an_unknown_configured_client_is_not_replaced_and_the_hint_names_its_settings():
    with pytest.raises(OAuthRefused) as raised:
        play(login(plan(configured=CONFIGURED)), [*found(), ("listen 0", HERE), *CODE[:3], *[(TOKEN, UNKNOWN)] * 3])
    assert "client_id" in raised.value.hint
    assert "hunter2" not in raised.value.message + raised.value.hint


def test_a_client_that_is_refused_with_the_configured_method_gets_a_hint_that_names_it():
    """The MCP Python SDK refuses Basic as RFC 6749 writes it, whatever it registered."""
    basic = plan(registration=RegistrationSettings(auth_method="client_secret_basic"))
    with pytest.raises(OAuthRefused) as raised:
        play(login(basic), [*found(), ("listen 0", HERE), REGISTERED, *CODE[:3], (TOKEN, UNKNOWN)])
    assert 'remove auth_method = "client_secret_basic"' in raised.value.hint


# Registrations that have expired


def test_a_registration_whose_secret_has_expired_is_replaced_at_the_next_login():
    old = msgspec.structs.replace(OLD, secret=Secret("s"), secret_expires_at=5000.0)
    steps = [("now", 5000.0), ("listen 0", HERE), REGISTERED, *CODE]
    assert play(login(known(old)), [*found(), *steps]).client.id == "new"
    steps = [("now", 4999.0), ("listen 4711", HERE), *WELCOME, *CODE]
    assert play(login(known(old)), [*found(), *steps]).client == old


# The port


def test_a_refresh_uses_the_client_of_its_session_after_a_newer_registration():
    steps = [("listen 4711", HERE), *WELCOME, *CODE]
    session = play(login(known()), [*found(), *steps])
    taken = [("listen 4711", OTHER), (REGISTER, answer({"client_id": "new", "redirect_uris": [OTHER]}, 201)), *CODE]
    assert play(login(known()), [*found(), *taken]).client.id == "new"
    asked = []
    renewed = play(refresh(session), [(TOKEN, answer({"access_token": "AT2"}))], asked)
    assert plain(asked[0].form)["client_id"] == "old"
    assert renewed.client == OLD


@pytest.mark.parametrize("client", [{"configured": CONFIGURED}, {"clients": {ISSUER: OLD}}, {}])
def test_a_configured_port_that_is_taken_is_an_error_that_names_it_and_the_setting_to_change(client):
    with pytest.raises(ConfigError, match=r"another program uses port 33418") as raised:
        play(login(plan(port=33418, **client)), [*found(), ("listen 33418", OTHER)])
    assert "callback_port" in raised.value.hint


def test_a_configured_client_without_a_configured_port_takes_any_free_one():
    session = play(login(plan(configured=CONFIGURED)), [*found(), ("listen 0", OTHER), *CODE])
    assert session.client.redirect_uri == OTHER


# The spelling of the loopback interface


def test_a_configured_localhost_is_used_and_nothing_else_is_tried():
    asked = []
    refused = [("listen 0", HERE), (REGISTER, answer({"error": "invalid_redirect_uri"}, 400))]
    with pytest.raises(OAuthRefused, match="invalid_redirect_uri"):
        play(login(plan(host="localhost")), [*found(), *refused], asked)
    assert [effect.host for effect in asked if isinstance(effect, Listen)] == ["localhost"]


def test_a_registration_with_an_address_is_replaced_where_localhost_is_configured():
    asked = []
    here = "http://localhost:4711/callback"
    steps = [("listen 4711", here), (REGISTER, answer({"client_id": "new"}, 201)), *CODE]
    assert play(login(known(host="localhost")), [*found(), *steps], asked).client.redirect_uri == here
    assert [effect.host for effect in asked if isinstance(effect, Listen)] == ["localhost"]


def test_a_registration_with_an_address_gets_that_address_back():
    asked = []
    assert play(login(known()), [*found(), ("listen 4711", HERE), *WELCOME, *CODE], asked).client.redirect_uri == HERE
    assert [effect.host for effect in asked if isinstance(effect, Listen)] == ["127.0.0.1"]


@pytest.mark.parametrize(
    "refusal",
    [
        answer({"error": "invalid_client_metadata", "error_description": "redirect_uris[0] must be https"}, 400),
        answer({"message": "redirect_uris.0: Invalid url"}, 422),
    ],
)
def test_a_refused_address_is_recognised_with_any_error_code(refusal):
    here = "http://localhost:4712/callback"
    steps = [("listen 0", HERE), (REGISTER, refusal), ("listen 0", here)]
    registered = (REGISTER, answer({"client_id": "new", "redirect_uris": [here]}, 201))
    assert play(login(plan()), [*found(), *steps, registered, *CODE]).client.redirect_uri == here


# The metadata document


def documents(**more):
    return found(client_id_metadata_document_supported=True, **more)


def test_a_metadata_document_is_preferred_to_an_earlier_registration():
    steps = [("listen 33418", "http://127.0.0.1:33418/callback"), *CODE]
    assert play(login(known(metadata_url=DOCUMENT)), [*documents(), *steps]).client.id == DOCUMENT


def test_a_configured_client_is_preferred_to_a_metadata_document():
    session = play(login(plan(configured=CONFIGURED, metadata_url=DOCUMENT)), [*documents(), ("listen 0", HERE), *CODE])
    assert session.client.id == "mine"


def test_a_metadata_document_is_used_with_the_configured_port_and_host():
    asked = []
    here = "http://localhost:5555/callback"
    wanted = plan(metadata_url=DOCUMENT, port=5555, host="localhost")
    assert play(login(wanted), [*documents(), ("listen 5555", here), *CODE], asked).client.redirect_uri == here
    assert [effect.host for effect in asked if isinstance(effect, Listen)] == ["localhost"]


def test_a_document_without_a_free_port_is_an_error_where_clients_cannot_register():
    taken = [(f"listen {port}", OTHER) for port in (33418, 33419, 33420)]
    with pytest.raises(ConfigError, match="port 33418"):
        play(login(plan(metadata_url=DOCUMENT)), [*documents(registration_endpoint=None), *taken])


def test_the_configured_client_name_is_registered():
    asked = []
    play(
        login(plan(registration=RegistrationSettings("Acme Bridge"))),
        [*found(), ("listen 0", HERE), REGISTERED, *CODE],
        asked,
    )
    assert b'"client_name":"Acme Bridge"' in next(
        effect.document for effect in asked if getattr(effect, "document", None)
    )


# The scopes of a registration


@pytest.mark.parametrize("scope", ["", "read", "offline_access", "read write openid"])
def test_a_registration_that_lacks_a_scope_is_replaced_at_its_own_port(scope):
    asked = []
    narrow = msgspec.structs.replace(NARROW, scope=scope)
    session = play(login(known(narrow)), [*found(), ("listen 4711", HERE), REGISTERED, *CODE], asked)
    assert (session.client.id, session.client.scope) == ("new", ASKED)
    assert registered_with(asked) == asked_for(asked) == [ASKED]


def test_a_step_up_registers_for_the_scopes_that_the_login_had_and_those_that_it_lacked():
    asked = []
    wider = known(OLD, step_up=("read", "files:write"))
    session = play(login(wider), [*found(), ("listen 4711", HERE), REGISTERED, *CODE], asked)
    assert session.client.scope == "read files:write offline_access"
    assert registered_with(asked) == asked_for(asked) == ["read files:write offline_access"]


def test_a_login_on_another_device_registers_anew_for_more_scopes_too():
    started = {"device_code": "D", "user_code": "A", "verification_uri": f"{ISSUER}/go", "interval": 5}
    script = [
        *found(device_authorization_endpoint=f"{ISSUER}/device"),
        *(("listen 4711", HERE), REGISTERED, (f"POST {ISSUER}/device", answer(started))),
        *((f"show A at {ISSUER}/go", None), ("sleep 5", None), (TOKEN, answer({"access_token": "AT"}))),
    ]
    assert play(login(known(NARROW, grant=device_code)), script).client.id == "new"


def test_a_registration_for_more_scopes_than_needed_is_used_again():
    more = msgspec.structs.replace(NARROW, scope=f"admin {ASKED}")
    assert play(login(known(more)), [*found(), ("listen 4711", HERE), *WELCOME, *CODE]).client == more


def test_a_login_without_scopes_uses_any_registration():
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
def test_a_registration_is_for_the_scopes_of_its_request_and_of_its_response(answered, kept):
    register = (REGISTER, answer({"client_id": "new", **answered}, 201))
    session = play(login(plan()), [*found(), ("listen 0", HERE), register, *CODE])
    assert session.client.scope == kept
    again = known(session.client)
    assert play(login(again), [*found(), ("listen 4711", HERE), *WELCOME, *CODE]).client == session.client


def test_a_registration_that_was_stored_without_scopes_is_read_and_replaced_once():
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
def test_the_known_client_asks_for_more_scopes_where_a_new_registration_is_refused(refused):
    asked = []
    tries = 3 if refused.status == 400 else 1  # once by each authentication method
    script = [*found(), ("listen 4711", HERE), *[(REGISTER, refused)] * tries, *CODE]
    assert play(login(known(NARROW)), script, asked).client == NARROW
    assert asked_for(asked) == [ASKED]


def test_a_registration_that_was_stored_without_scopes_is_used_where_a_new_one_is_refused_for_them():
    asked = []
    before = msgspec.structs.replace(NARROW, scope="")
    script = [*found(), ("listen 4711", HERE), (REGISTER, answer(NOT_VALID, 400)), *CODE]
    assert play(login(known(before)), script, asked).client.id == "old"
    assert asked_for(asked) == [ASKED]


def test_the_known_client_asks_for_more_scopes_where_clients_no_longer_register():
    script = [*found(registration_endpoint=None), ("listen 4711", HERE), *CODE]
    assert play(login(known(NARROW)), script).client == NARROW


def test_a_registration_endpoint_that_is_down_ends_the_login():
    script = [*found(), ("listen 4711", HERE), (REGISTER, Unreachable("no route"))]
    with pytest.raises(Unreachable):
        play(login(known(NARROW)), script)


def test_a_fresh_login_registers_anew_at_the_port_of_the_registration_that_it_replaces():
    asked = []
    session = play(login(known(OLD, fresh=True)), [*found(), ("listen 4711", HERE), REGISTERED, *CODE], asked)
    assert (session.client.id, session.client.redirect_uri, session.client.scope) == ("new", HERE, ASKED)


def test_a_fresh_login_that_cannot_register_fails_and_does_not_use_the_known_client():
    with pytest.raises(OAuthRefused):
        play(
            login(known(OLD, fresh=True)),
            [*found(), ("listen 4711", HERE), (REGISTER, answer({"error": "access_denied"}, 403))],
        )
    with pytest.raises(ConfigError):
        play(login(known(OLD, fresh=True)), [*found(registration_endpoint=None), ("listen 4711", HERE)])


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
    old_path = {ISSUER: OLD}  # registered before the path was configured
    assert played([*found(), ("listen 4711", here), new], clients=old_path).redirect_uri == here
    there = (REGISTER, answer({"client_id": "new", "redirect_uris": [THERE]}, 201))
    address = (REGISTER, answer({"error": "invalid_redirect_uri"}, 400))
    assert played([*found(), ("listen 0", here), address, ("listen 0", THERE), there]).redirect_uri == THERE
    documents = [*found(client_id_metadata_document_supported=True), ("listen 8765", here.replace("4711", "8765"))]
    assert not played(documents, metadata_url="https://bridge.example/c.json", port=8765).registered


def test_a_configured_client_of_another_issuer_is_not_sent_there():
    with pytest.raises(ConfigError, match="the configured client belongs to"):
        play(login(plan(configured=CONFIGURED)), found("https://other.example", **at("https://other.example")))


def test_a_client_that_registered_with_another_method_than_the_configured_one_is_not_used():
    settings = RegistrationSettings(auth_method="client_secret_post")
    steps = [*found(), ("listen 0", HERE), REGISTERED, *CODE]
    assert play(login(msgspec.structs.replace(known(), registration=settings)), steps).client.id == "new"


def test_where_all_ports_of_the_metadata_document_are_taken_the_bridge_registers():
    steps = found(client_id_metadata_document_supported=True)
    taken = [(f"listen {port}", OTHER) for port in METADATA_DOCUMENT_PORTS]
    session = play(login(plan(metadata_url=DOCUMENT)), [*steps, *taken, ("listen 0", HERE), REGISTERED, *CODE])
    assert session.client.id == "new"


@pytest.mark.parametrize(("error", "ends"), [("invalid_scope", True), ("invalid_client_metadata", False)])
def test_a_registration_for_more_scopes_fails_only_for_its_scopes(error, ends):
    flow = _register_for_scopes(plan(), server(), NARROW, ("read", "admin"))
    refused = [(REGISTER, answer({"error": error}, 400))] * (1 if ends else 3)  # each method is tried
    found_out = outcome(lambda: play(flow, refused))
    assert isinstance(found_out, BridgeError) if ends else found_out is NARROW
