"""The whole login, played: discover, listen, register, authorize, redeem. And what must not happen on the way.

NyxID #1217, ai-workflow #298: offline_access is listed, and refused.
"""

import msgspec
import pytest
from grant_flow import id_token
from login_flow import (
    ASKED,
    CODE,
    CONFIGURED,
    HERE,
    ISSUER,
    MCP,
    METADATA,
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
from playing import NOT_FOUND, answer, plain, play

from mcp_auth_bridge.effects import Listen, Tell
from mcp_auth_bridge.errors import (
    AccessDenied,
    BridgeError,
    ConfigError,
    OAuthRefused,
    TheirProtocolError,
    Unreachable,
)
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.device import device_code
from mcp_auth_bridge.oauth.login import find_server, login
from mcp_auth_bridge.oauth.metadata import ServerMetadata
from mcp_auth_bridge.oauth.providers import ProviderOverrides
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

AGREED = ("agree --trust https://as.example", None)


def test_a_first_login_binds_its_port_before_it_registers():
    asked = []
    session = play(login(plan()), [*found(), ("listen 0", HERE), REGISTERED, *CODE], asked)
    assert session.client == Client(issuer="https://as.example", id="new", redirect_uri=HERE, scope=ASKED)
    assert (session.issuer, session.resource) == ("https://as.example", MCP)
    assert session.scope == ASKED
    assert plain(asked[-1].form)["client_id"] == "new"
    assert plain(asked[-1].form)["redirect_uri"] == HERE


def test_the_search_for_the_authorization_server_ends_before_anything_is_registered():
    server = play(find_server(plan()), found())
    assert (server.issuer, server.resource) == ("https://as.example", MCP)
    with pytest.raises(TheirProtocolError, match="PKCE"):
        play(find_server(plan()), found(code_challenge_methods_supported=None))


def test_a_server_for_devices_only_refuses_a_browser_before_anything_is_registered():
    only = {"authorization_endpoint": None, "code_challenge_methods_supported": None}
    metadata = found(**only, device_authorization_endpoint="https://as.example/device")
    with pytest.raises(TheirProtocolError, match="on another device only") as raised:
        play(login(plan()), metadata)
    assert "--device" in raised.value.hint
    started = {"device_code": "D", "user_code": "A", "verification_uri": "https://as.example/activate", "interval": 5}
    script = [
        *(*metadata, ("listen 0", HERE), REGISTERED, ("POST https://as.example/device", answer(started))),
        *(("show A at https://as.example/activate", None), ("sleep 5", None)),
        ("POST https://as.example/token", answer({"access_token": "AT"})),
    ]
    assert play(login(plan(grant=device_code)), script).access.reveal() == "AT"
    with pytest.raises(TheirProtocolError, match="no endpoint where a user could log in"):
        play(login(plan()), found(**only))


def test_the_challenge_decides_the_scope():
    asked = []
    challenged = plan(challenge=Challenge("bearer", {"scope": "files"}))
    session = play(login(challenged), [*found(scopes_supported=None), ("listen 0", HERE), REGISTERED, *CODE], asked)
    assert session.scope == "files"


def test_a_known_registration_listens_at_its_own_port_again():
    known = Client(issuer="https://as.example", id="old", redirect_uri=HERE, scope=ASKED)
    session = play(login(plan(clients={known.issuer: known})), [*found(), ("listen 4711", HERE), *WELCOME, *CODE])
    assert session.client == known


def test_a_known_registration_whose_port_is_taken_is_replaced():
    known = Client(issuer="https://as.example", id="old", redirect_uri=OTHER)
    asked = []
    script = [*found(), ("listen 5000", HERE), REGISTERED, *CODE]
    assert play(login(plan(clients={known.issuer: known})), script, asked).client.id == "new"
    assert "old" not in repr([asked[-1].form, asked[-2].url])


def test_a_registration_at_another_issuer_is_never_used():
    known = Client(issuer="https://old.example", id="old", secret=Secret("hunter2"), redirect_uri=HERE)
    asked = []
    session = play(login(plan(clients={known.issuer: known})), [*found(), ("listen 0", HERE), REGISTERED, *CODE], asked)
    assert session.client.id == "new"
    assert "hunter2" not in str([plain(effect.form) for effect in asked if getattr(effect, "form", None)])


def test_a_configured_client_is_used_at_its_issuer_on_the_configured_port():
    asked = []
    session = play(login(plan(configured=CONFIGURED, port=4711)), [*found(), ("listen 4711", HERE), *CODE], asked)
    assert (session.client.id, session.client.auth_method) == ("mine", "client_secret_basic")
    assert asked[-1].headers["authorization"].reveal().startswith("Basic ")


def test_a_configured_client_is_not_sent_to_another_issuer():
    with pytest.raises(ConfigError, match=r"belongs to “https://as\.example”.*names.*“https://new\.example”") as raised:
        play(login(plan(configured=CONFIGURED)), found("https://new.example", **at("https://new.example")))
    assert "issuer" in raised.value.hint
    assert "hunter2" not in raised.value.message


def test_metadata_of_another_resource_end_the_login_before_it_listens():
    document = {"resource": "https://evil.example/mcp", "authorization_servers": ["https://as.example"]}
    with pytest.raises(TheirProtocolError):
        play(login(plan()), [(*PRM, answer(document)), (PRM[0].removesuffix("/mcp"), NOT_FOUND)])


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ([(*PRM, Unreachable("no route"))], Unreachable),
        ([*found(), ("listen 0", HERE), ("POST https://as.example/register", Unreachable("no route"))], Unreachable),
        (
            [
                *found(),
                ("listen 0", HERE),
                REGISTERED,
                *CODE[:2],
                ("authorize", lambda effect: {"state": effect.state, "error": "access_denied"}),
            ],
            AccessDenied,
        ),
        ([*found(), ("listen 0", HERE), REGISTERED, *CODE[:3], (CODE[3][0], NOT_FOUND)], TheirProtocolError),
    ],
)
def test_every_failure_ends_the_login_with_its_own_error(script, kind):
    with pytest.raises(kind) as raised:
        play(login(plan()), script)
    assert isinstance(raised.value, BridgeError)


def test_a_metadata_document_needs_no_registration_and_uses_its_own_ports():
    asked = []
    wanted = plan(metadata_url="https://bridge.example/client.json")
    place = found(client_id_metadata_document_supported=True)
    steps = [("listen 33418", OTHER), ("listen 33419", "http://127.0.0.1:33419/callback")]
    session = play(login(wanted), [*place, *steps, *CODE], asked)
    assert session.client.id == "https://bridge.example/client.json"
    assert (session.client.redirect_uri, session.client.registered) == ("http://127.0.0.1:33419/callback", False)
    assert "client_id=https%3A%2F%2Fbridge.example%2Fclient.json" in asked[-2].url


def test_without_a_free_port_of_its_metadata_document_the_bridge_registers():
    wanted = plan(metadata_url="https://bridge.example/client.json")
    place = found(client_id_metadata_document_supported=True)
    taken = [(f"listen {port}", OTHER) for port in (33418, 33419, 33420)]
    assert play(login(wanted), [*place, *taken, ("listen 0", HERE), REGISTERED, *CODE]).client.id == "new"


def test_the_bridge_registers_where_metadata_documents_are_not_accepted():
    wanted = plan(metadata_url="https://bridge.example/client.json")
    assert play(login(wanted), [*found(), ("listen 0", HERE), REGISTERED, *CODE]).client.id == "new"


def test_localhost_is_tried_once_where_a_redirect_uri_with_an_address_is_refused():
    refused = answer({"error": "invalid_redirect_uri"}, 400)
    here = "http://localhost:4712/callback"
    registered = answer({"client_id": "new", "redirect_uris": [here]}, 201)
    endpoint = "POST https://as.example/register"
    asked = []
    steps = [("listen 0", HERE), (endpoint, refused), ("listen 0", here), (endpoint, registered)]
    assert play(login(plan()), [*found(), *steps, *CODE], asked).client.redirect_uri == here
    assert [effect.host for effect in asked if isinstance(effect, Listen)] == ["127.0.0.1", "localhost"]
    with pytest.raises(OAuthRefused, match="invalid_redirect_uri"):
        play(login(plan()), [*found(), *steps[:3], (endpoint, refused)])


def test_a_registration_for_localhost_listens_at_localhost_again():
    known = Client(issuer="https://as.example", id="old", redirect_uri="http://localhost:4712/callback", scope=ASKED)
    asked = []
    steps = [("listen 4712", "http://localhost:4712/callback"), *WELCOME]
    session = play(login(plan(clients={"https://as.example": known})), [*found(), *steps, *CODE], asked)
    assert (session.client.id, asked[2].host) == ("old", "localhost")


def test_a_step_up_asks_for_the_union_of_scopes():
    wider = plan(step_up=("read", "files:write"))
    asked = []
    play(login(wider), [*found(), ("listen 0", HERE), REGISTERED, *CODE], asked)
    assert "scope=read+files%3Awrite+offline_access" in asked[-2].url


def test_a_trusted_issuer_may_differ_from_the_one_that_was_asked_for():
    odd = found()
    odd[1] = (odd[1][0], answer({**METADATA, "issuer": "https://login.example"}))
    trusting = plan(trusted_issuer="https://login.example")
    assert (
        play(login(trusting), [*odd, AGREED, ("listen 0", HERE), REGISTERED, *CODE]).issuer == "https://login.example"
    )
    nothing = ("GET https://as.example/.well-known/openid-configuration", NOT_FOUND)
    with pytest.raises(TheirProtocolError, match="are of the issuer") as raised:
        play(login(plan(trusted_issuer="https://another.example")), [*odd, nothing])
    assert "trusted_issuer" in raised.value.hint


def test_without_s256_in_the_metadata_the_login_ends_unless_the_profile_sets_pkce():
    silent = found(code_challenge_methods_supported=["plain"])
    with pytest.raises(TheirProtocolError, match="PKCE with S256") as raised:
        play(login(plan()), silent)
    assert 'pkce = "S256" under auth' in raised.value.hint
    asked = []
    play(login(plan(ways=ProviderOverrides(pkce="S256"))), [*silent, ("listen 0", HERE), REGISTERED, *CODE], asked)
    assert "code_challenge_method=S256" in asked[-2].url


GIVEN = ServerMetadata(
    issuer="https://as.example",
    token_endpoint="https://tokens.example/token",
    authorization_endpoint="https://as.example/login",
    code_challenge_methods_supported=["S256"],
)


def test_configured_endpoints_are_used_without_a_question_to_the_user():
    configured = Client(issuer="https://as.example", id="mine", registered=False)
    asked = []
    script = [
        (*PRM, NOT_FOUND),
        (PRM[0].removesuffix("/mcp"), NOT_FOUND),
        ("listen 0", HERE),
        *CODE[:3],
        ("POST https://tokens.example/token", CODE[3][1]),
    ]
    session = play(
        login(plan(configured=configured, issuer="https://as.example", server_metadata=GIVEN)), script, asked
    )
    assert (session.issuer, session.token_endpoint) == ("https://as.example", "https://tokens.example/token")
    assert asked[-2].url.startswith("https://as.example/login?")
    assert "code_challenge_method=S256" in asked[-2].url


@pytest.mark.parametrize(
    ("issuer", "sent", "kept_back"),
    [
        ("https://accounts.google.com", ("access_type=offline", "prompt=consent", "resource="), ()),
        ("https://login.microsoftonline.com/t/v2.0", ("offline_access",), ("resource=", "access_type")),
        ("https://evil-accounts.google.com.example", ("resource=",), ("access_type",)),
    ],
)
def test_the_ways_of_a_known_provider_are_followed(issuer, sent, kept_back):
    host = issuer.split("/t/")[0]
    document = {**METADATA, "issuer": issuer, "authorization_endpoint": f"{host}/authorize", "scopes_supported": []}
    place = gate(issuer, Purpose.ISSUER)
    well_known = f"GET {place.origin}/.well-known/oauth-authorization-server{place.path.rstrip('/')}"
    steps = [
        (*PRM, answer({"resource": MCP, "authorization_servers": [issuer], "scopes_supported": ["read"]})),
        (well_known, answer(document)),
        AGREED,
        ("listen 0", HERE),
        REGISTERED,
        *CODE,
    ]
    asked = []
    play(login(plan()), steps, asked)
    assert all(part in asked[-2].url for part in sent)
    assert not any(part in asked[-2].url for part in kept_back)
    assert ("resource" in asked[-1].form) is ("resource=" in asked[-2].url)


def test_the_profile_wins_over_the_known_ways_of_a_provider():
    asked = []
    wanted = plan(ways=ProviderOverrides(parameters={"prompt": "none", "audience": "urn:x"}))
    play(login(wanted), [*found(), ("listen 0", HERE), REGISTERED, *CODE], asked)
    assert "prompt=none" in asked[-2].url
    assert "audience=urn%3Ax" in asked[-2].url


INVALID = answer({"error": "invalid_scope"}, 400)


def refusal(effect):
    return {"state": effect.state, "error": "invalid_scope", "error_description": "offline_access is not allowed"}


DENIED = [*CODE[:2], ("authorize", refusal)]


# offline_access

REFUSED_AT_THE_TOKEN_ENDPOINT = [*CODE[:3], (TOKEN, INVALID)]


@pytest.mark.parametrize("refused", [DENIED, REFUSED_AT_THE_TOKEN_ENDPOINT])
def test_after_a_refusal_of_offline_access_the_same_client_tries_once_without_it(refused):
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
def test_after_a_refused_registration_with_offline_access_the_bridge_registers_without_it(refused):
    asked = []
    script = [*found(), ("listen 0", HERE), (REGISTER, refused), ("tell", None), ("listen 0", HERE), REGISTERED, *CODE]
    session = play(login(plan()), script, asked)
    assert registered_with(asked) == [ASKED, "read"]
    assert asked_for(asked) == ["read"]
    assert (session.denied, session.client.scope) == ("offline_access", "read")


def test_a_registration_without_offline_access_is_used_where_none_with_it_is_made():
    script = [*found(), ("listen 4711", HERE), (REGISTER, answer(NOT_VALID, 400)), ("tell", None)]
    session = play(login(known(NARROW)), [*script, ("listen 4711", HERE), *WELCOME, *CODE])
    assert (session.client, session.denied) == (NARROW, "offline_access")


def test_a_login_on_another_device_goes_on_without_offline_access_too():
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


def test_a_login_that_is_refused_without_offline_access_too_fails():
    script = [*found(), ("listen 0", HERE), REGISTERED, *DENIED, ("tell", None), *DENIED]
    with pytest.raises(OAuthRefused, match="invalid_scope") as raised:
        play(login(plan()), script)
    assert "set scopes under auth" in raised.value.hint


def test_configured_offline_access_is_not_left_out():
    mine = plan(scopes=("read", "offline_access"))
    with pytest.raises(OAuthRefused, match="invalid_scope"):
        play(login(mine), [*found(), ("listen 0", HERE), REGISTERED, *DENIED])


@pytest.mark.parametrize("error", ["access_denied", "server_error", "invalid_request"])
def test_another_refusal_is_not_answered_with_fewer_scopes(error):
    refused = ("authorize", lambda effect: {"state": effect.state, "error": error})
    with pytest.raises(BridgeError, match=r"declined|rejected the login"):
        play(login(plan()), [*found(), ("listen 0", HERE), REGISTERED, *CODE[:2], refused])


def test_a_registration_that_is_refused_for_its_scopes_gets_a_hint_that_names_the_setting():
    script = [*found(scopes_supported=None), ("listen 0", HERE), (REGISTER, answer(NOT_VALID, 400))]
    with pytest.raises(OAuthRefused, match="refused to register this bridge with these scopes") as raised:
        play(login(plan()), script)
    assert "set scopes under auth" in raised.value.hint


def test_a_refusal_of_the_authentication_method_is_not_a_refusal_of_scopes():
    words = {"error": "invalid_client_metadata", "error_description": "token_endpoint_auth_method none, scope read: no"}
    script = [*found(), ("listen 0", HERE), (REGISTER, answer(words, 400)), REGISTERED, *CODE]
    assert play(login(plan()), script).client.id == "new"


# A refusal of offline_access is remembered


def refused_before(client=OLD, denied="offline_access"):
    """The session of a login that was refused offline_access."""
    first = play(login(known(client)), [*found(), ("listen 4711", HERE), *WELCOME, *CODE])
    return msgspec.structs.replace(first, denied=denied)


def test_a_client_that_was_refused_offline_access_does_not_ask_for_it_again():
    asked = []
    again = known(OLD, last=refused_before())
    session = play(login(again), [*found(), ("listen 4711", HERE), *WELCOME, *CODE], asked)
    assert asked_for(asked) == ["read"]
    assert session.denied == "offline_access"


@pytest.mark.parametrize(
    ("more", "script"),
    [
        ({"fresh": True}, [REGISTERED]),
        ({"step_up": ("write",)}, [REGISTERED]),  # which this client is not registered for
        ({"scopes": ("read", "offline_access")}, WELCOME),
        ({"clients": {ISSUER: msgspec.structs.replace(OLD, id="newer")}}, WELCOME),
    ],
)
def test_a_denied_scope_is_asked_for_again_after_a_new_registration_or_new_scopes(more, script):
    asked = []
    again = msgspec.structs.replace(known(OLD, last=refused_before()), **more)
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


# offline_access that the profile leaves out


@pytest.mark.parametrize(
    ("more", "scope"),
    [
        ({}, "read"),
        ({"challenge": Challenge("bearer", {"scope": "files offline_access"})}, "files"),
        ({"challenge": Challenge("bearer", {"scope": "offline_access"})}, ""),
        ({"step_up": ("offline_access", "write")}, "write read"),
    ],
)
def test_a_profile_without_offline_access_never_asks_for_it(more, scope):
    asked = []
    session = play(login(plan(offline=False, **more)), [*found(), ("listen 0", HERE), REGISTERED, *CODE], asked)
    assert registered_with(asked) == asked_for(asked) == [scope]
    assert session.denied == ""


def test_a_client_that_turns_out_to_be_forgotten_is_replaced_and_the_user_logs_in_again():
    unknown = ("authorize", lambda effect: {"state": effect.state, "error": "unauthorized_client"})
    steps = [*found(), ("listen 4711", HERE), *WELCOME, *CODE[:2], unknown, ("tell", None), REGISTERED, *CODE]
    assert play(login(known()), steps).client.id == "new"


@pytest.mark.parametrize(("status", "words"), [(200, "nothing was kept$"), (503, "could not be revoked")])
def test_tokens_of_another_account_than_the_expected_one_are_revoked(status, words):
    named = {"expires_in": 60, **id_token(email="bob@x.example")}
    steps = [*found(revocation_endpoint="https://as.example/revoke"), ("listen 0", HERE), REGISTERED, *CODE[:3]]
    redeemed = [
        (TOKEN, answer(named)),
        *[("POST https://as.example/revoke", answer(b"", status))] * (1 + (status == 200)),
    ]
    with pytest.raises(AccessDenied, match=f"bob@x.example.* signed in, but .* as “mia@x.example”; .*{words}"):
        play(login(plan(ways=ProviderOverrides(account="mia@x.example"))), [*steps, *redeemed])
