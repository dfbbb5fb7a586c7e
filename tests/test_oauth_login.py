"""The whole login, played: discover, listen, register, authorize, redeem. And what must not happen on the way."""

import pytest
from playing import NOT_FOUND, answer, plain, play

from mcp_auth_bridge.errors import AccessDenied, BridgeError, ConfigError, TheirProtocolError, Unreachable
from mcp_auth_bridge.oauth.challenge import Challenge
from mcp_auth_bridge.oauth.login import Plan, login
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

MCP = "https://mcp.example/mcp"
HERE = "http://127.0.0.1:4711/callback"
OTHER = "http://127.0.0.1:5000/callback"
PRM = ("GET https://mcp.example/.well-known/oauth-protected-resource/mcp",)
METADATA = {
    "issuer": "https://as.example",
    "authorization_endpoint": "https://as.example/authorize",
    "token_endpoint": "https://as.example/token",
    "registration_endpoint": "https://as.example/register",
    "code_challenge_methods_supported": ["S256"],
    "scopes_supported": ["read", "offline_access"],
}
CODE = [
    ("entropy 32", b"\x01" * 32),
    ("entropy 32", b"\x02" * 32),
    ("authorize", lambda effect: {"state": effect.state, "code": "C"}),
    ("POST https://as.example/token", answer({"access_token": "AT", "refresh_token": "RT", "expires_in": 60})),
]
REGISTERED = ("POST https://as.example/register", answer({"client_id": "new", "redirect_uris": [HERE]}, 201))


def found(issuer="https://as.example", **more):
    document = {"resource": MCP, "authorization_servers": [issuer], "scopes_supported": ["read"]}
    place = issuer.removeprefix("https://")
    return [
        (*PRM, answer(document)),
        (f"GET https://{place}/.well-known/oauth-authorization-server", answer({**METADATA, "issuer": issuer, **more})),
    ]


def plan(**more):
    return Plan(url=gate(MCP, Purpose.SERVER), **more)


def test_a_first_login_binds_its_port_before_it_registers():
    asked = []
    session = play(login(plan()), [*found(), ("listen 0", HERE), REGISTERED, *CODE], asked)
    assert session.client == Client(issuer="https://as.example", id="new", redirect_uri=HERE)
    assert (session.issuer, session.resource) == ("https://as.example", MCP)
    assert session.scope == "read offline_access"
    assert plain(asked[-1].form)["client_id"] == "new"
    assert plain(asked[-1].form)["redirect_uri"] == HERE


def test_the_challenge_decides_the_scope():
    asked = []
    challenged = plan(challenge=Challenge("bearer", {"scope": "files"}))
    session = play(login(challenged), [*found(scopes_supported=None), ("listen 0", HERE), REGISTERED, *CODE], asked)
    assert session.scope == "files"


def test_a_known_registration_gets_its_own_port_back():
    known = Client(issuer="https://as.example", id="old", redirect_uri=HERE)
    session = play(login(plan(clients={known.issuer: known})), [*found(), ("listen 4711", HERE), *CODE])
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


CONFIGURED = Client(issuer="https://as.example", id="mine", secret=Secret("hunter2"), registered=False)


def test_a_configured_client_is_used_at_its_issuer_on_the_configured_port():
    asked = []
    session = play(login(plan(configured=CONFIGURED, port=4711)), [*found(), ("listen 4711", HERE), *CODE], asked)
    assert (session.client.id, session.client.auth_method) == ("mine", "client_secret_basic")
    assert asked[-1].headers["authorization"].reveal().startswith("Basic ")


def test_a_configured_client_is_shown_to_no_other_issuer():
    with pytest.raises(ConfigError, match=r"belongs to “https://as\.example”.*names.*“https://new\.example”") as raised:
        play(login(plan(configured=CONFIGURED)), found("https://new.example"))
    assert "issuer" in raised.value.hint
    assert "hunter2" not in raised.value.message


def test_a_wrong_resource_stops_before_anything_listens_or_opens():
    document = {"resource": "https://evil.example/mcp", "authorization_servers": ["https://as.example"]}
    with pytest.raises(TheirProtocolError):
        play(login(plan()), [(*PRM, answer(document))])


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
