"""Who the bridge is to an authorization server: registrations that are forgotten, expired, or whose port is taken."""

import msgspec
import pytest
from login_flow import CODE, CONFIGURED, HERE, OTHER, REGISTERED, WELCOME, found, plan
from playing import NOT_FOUND, PAGE, answer, plain, play

from mcp_auth_bridge.effects import Authorize, Listen, Tell
from mcp_auth_bridge.errors import ConfigError, OAuthRefused, Unreachable, UpstreamFailed
from mcp_auth_bridge.oauth.grants import refresh
from mcp_auth_bridge.oauth.login import login
from mcp_auth_bridge.oauth.registration import RegistrationRequest
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret

ISSUER = "https://as.example"
REGISTER, TOKEN = "POST https://as.example/register", "POST https://as.example/token"
ASKED = "read offline_access"
OLD = Client(issuer=ISSUER, id="old", redirect_uri=HERE, scope=ASKED)
DOCUMENT = "https://bridge.example/client.json"
UNKNOWN = answer({"error": "invalid_client"}, 401)


def known(client=OLD, **more):
    return plan(clients={client.issuer: client}, **more)


def look(page):
    """The authorization page as an earlier registration meets it."""
    return [WELCOME[0], (WELCOME[1][0], page)]


def told(asked):
    return [effect.sentence for effect in asked if isinstance(effect, Tell)]


# Forgotten


@pytest.mark.parametrize(
    "page",
    [
        answer({"message": "Unrecognized client_id"}, 422),  # Supabase
        answer(b"<h1>We are sorry</h1><p>Client not found.</p>", 400, "text/html"),  # Keycloak
        answer(b"<pre>OAuth app with client id doesn&#39;t exist</pre>", 404, "text/html"),  # Figma
    ],
)
def test_a_registration_that_its_authorization_page_does_not_know_is_replaced_before_anybody_sees_that_page(page):
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
def test_whatever_else_its_authorization_page_says_the_registration_is_used_again(page):
    assert play(login(known()), [*found(), ("listen 4711", HERE), *look(page), *CODE]).client == OLD


def test_a_page_that_says_nothing_leaves_it_to_the_person():
    asked = []
    play(login(known()), [*found(), ("listen 4711", HERE), *look(PAGE), *CODE], asked)
    assert told(asked) == []


MANAGED = msgspec.structs.replace(OLD, management_uri=f"{ISSUER}/register/old", management_token=Secret("RAT-hunter2"))
READ = f"GET {ISSUER}/register/old"


def test_a_registration_that_can_be_read_and_is_there_is_used_again_with_its_newest_token_and_nobody_is_told():
    asked = []
    there = answer({"client_id": "old", "registration_access_token": "RAT-2"})
    session = play(login(known(MANAGED)), [*found(), ("listen 4711", HERE), (READ, there), *CODE], asked)
    assert session.client == msgspec.structs.replace(MANAGED, management_token=Secret("RAT-2"))
    assert told(asked) == []


AUTHLIB_GONE = answer({"error": "access_denied"}, 400)


@pytest.mark.parametrize("gone", [answer(b"", 401), answer({"error": "invalid_token"}, 401), NOT_FOUND, AUTHLIB_GONE])
def test_a_registration_that_can_be_read_no_more_is_replaced_although_the_server_would_show_a_login_page(gone):
    steps = [*found(), ("listen 4711", HERE), (READ, gone), ("tell", None), REGISTERED, *CODE]
    assert play(login(known(MANAGED)), steps).client.id == "new"


@pytest.mark.parametrize(
    "odd", [answer(b"", 400), answer(b"", 403), answer(b"", 500), answer({"client_id": "x"}), Unreachable("no route")]
)
def test_a_registration_of_which_nothing_is_learnt_is_looked_at_as_any_other(odd):
    session = play(login(known(MANAGED)), [*found(), ("listen 4711", HERE), (READ, odd), *WELCOME, *CODE])
    assert session.client == MANAGED


def test_a_registration_with_a_secret_is_not_read_because_that_may_renew_the_secret_of_other_logins():
    secretive = msgspec.structs.replace(MANAGED, secret=Secret("s"), auth_method="client_secret_post")
    play(login(known(secretive)), [*found(), ("listen 4711", HERE), *WELCOME, *CODE])


def test_a_registration_with_a_secret_that_is_never_shown_is_read():
    """canaille gives one to everybody, and shows its login page before it looks at the client."""
    public = msgspec.structs.replace(MANAGED, secret=Secret("s"), auth_method="none")
    steps = [*found(), ("listen 4711", HERE), (READ, AUTHLIB_GONE), ("tell", None), REGISTERED, *CODE]
    assert play(login(known(public)), steps).client.id == "new"


def test_what_was_looked_at_is_never_what_the_person_is_sent_to():
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
def test_a_registration_whose_code_is_refused_because_of_it_is_replaced_and_the_person_asked_once_more(body, status):
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
def test_another_refusal_of_the_code_costs_no_registration(refusal, kind):
    with pytest.raises(kind):
        play(login(known()), [*found(), ("listen 4711", HERE), *WELCOME, *CODE[:3], (TOKEN, refusal)])


def test_a_configured_client_that_is_not_known_is_never_replaced_and_the_hint_says_where_it_stands():
    with pytest.raises(OAuthRefused) as raised:
        play(login(plan(configured=CONFIGURED)), [*found(), ("listen 0", HERE), *CODE[:3], *[(TOKEN, UNKNOWN)] * 3])
    assert "client_id" in raised.value.hint
    assert "hunter2" not in raised.value.message + raised.value.hint


def test_a_registration_that_is_refused_for_the_configured_method_names_that_key():
    """The MCP Python SDK refuses Basic as RFC 6749 writes it, whatever it registered."""
    basic = plan(introduction=RegistrationRequest(auth_method="client_secret_basic"))
    with pytest.raises(OAuthRefused) as raised:
        play(login(basic), [*found(), ("listen 0", HERE), REGISTERED, *CODE[:3], (TOKEN, UNKNOWN)])
    assert 'remove auth_method = "client_secret_basic"' in raised.value.hint


# Expired


def test_a_registration_whose_secret_has_expired_is_replaced_at_the_next_login():
    old = msgspec.structs.replace(OLD, secret=Secret("s"), secret_expires_at=5000.0)
    steps = [("now", 5000.0), ("listen 0", HERE), REGISTERED, *CODE]
    assert play(login(known(old)), [*found(), *steps]).client.id == "new"
    steps = [("now", 4999.0), ("listen 4711", HERE), *WELCOME, *CODE]
    assert play(login(known(old)), [*found(), *steps]).client == old


# The port


def test_a_refresh_goes_on_with_the_client_of_its_session_whatever_was_registered_since():
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


def test_a_configured_client_without_a_port_takes_any():
    session = play(login(plan(configured=CONFIGURED)), [*found(), ("listen 0", OTHER), *CODE])
    assert session.client.redirect_uri == OTHER


# The spelling


def test_a_profile_that_wants_localhost_gets_it_and_nothing_else_is_tried():
    asked = []
    refused = [("listen 0", HERE), (REGISTER, answer({"error": "invalid_redirect_uri"}, 400))]
    with pytest.raises(OAuthRefused, match="invalid_redirect_uri"):
        play(login(plan(host="localhost")), [*found(), *refused], asked)
    assert [effect.host for effect in asked if isinstance(effect, Listen)] == ["localhost"]


def test_a_registration_in_the_other_spelling_is_replaced_if_the_profile_wants_localhost():
    asked = []
    here = "http://localhost:4711/callback"
    steps = [("listen 4711", here), (REGISTER, answer({"client_id": "new"}, 201)), *CODE]
    assert play(login(known(host="localhost")), [*found(), *steps], asked).client.redirect_uri == here


@pytest.mark.parametrize(
    "refusal",
    [
        answer({"error": "invalid_client_metadata", "error_description": "redirect_uris[0] must be https"}, 400),
        answer({"message": "redirect_uris.0: Invalid url"}, 422),
    ],
)
def test_a_refused_address_is_understood_whatever_code_it_comes_with(refusal):
    here = "http://localhost:4712/callback"
    steps = [("listen 0", HERE), (REGISTER, refusal), ("listen 0", here)]
    registered = (REGISTER, answer({"client_id": "new", "redirect_uris": [here]}, 201))
    assert play(login(plan()), [*found(), *steps, registered, *CODE]).client.redirect_uri == here


# The metadata document


def documents(**more):
    return found(client_id_metadata_document_supported=True, **more)


def test_a_metadata_document_goes_before_an_earlier_registration():
    steps = [("listen 33418", "http://127.0.0.1:33418/callback"), *CODE]
    assert play(login(known(metadata_url=DOCUMENT)), [*documents(), *steps]).client.id == DOCUMENT


def test_a_configured_client_goes_before_a_metadata_document():
    session = play(login(plan(configured=CONFIGURED, metadata_url=DOCUMENT)), [*documents(), ("listen 0", HERE), *CODE])
    assert session.client.id == "mine"


def test_a_metadata_document_of_ones_own_has_the_port_and_spelling_that_the_profile_names():
    asked = []
    here = "http://localhost:5555/callback"
    wanted = plan(metadata_url=DOCUMENT, port=5555, host="localhost")
    assert play(login(wanted), [*documents(), ("listen 5555", here), *CODE], asked).client.redirect_uri == here
    assert [effect.host for effect in asked if isinstance(effect, Listen)] == ["localhost"]


def test_without_a_free_port_of_the_document_and_without_registration_the_port_is_named():
    taken = [(f"listen {port}", OTHER) for port in (33418, 33419, 33420)]
    with pytest.raises(ConfigError, match="port 33418"):
        play(login(plan(metadata_url=DOCUMENT)), [*documents(registration_endpoint=None), *taken])


def test_a_name_of_the_profiles_own_is_what_the_bridge_registers_as():
    asked = []
    play(
        login(plan(introduction=RegistrationRequest("Acme Bridge"))),
        [*found(), ("listen 0", HERE), REGISTERED, *CODE],
        asked,
    )
    assert b'"client_name":"Acme Bridge"' in next(
        effect.document for effect in asked if getattr(effect, "document", None)
    )
