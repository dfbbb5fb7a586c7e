"""Confused, swapped, poisoned or broken metadata and responses: the outcome of the login, and who gets secrets."""

import json

import pytest
from hostile_world import AS, DEVICE, HERE, KNOWN, MCP, METADATA, REGISTRATION, RESOURCE, TOKENS, World
from playing import NOT_FOUND, PAGE, answer

from mcp_auth_bridge.errors import (
    BridgeError,
    LoginRequired,
    OAuthRefused,
    TheirProtocolError,
    UpstreamFailed,
    UrlRefused,
)
from mcp_auth_bridge.oauth.device import device_code
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.secret import Secret

EVIL = "https://evil.example"


def resource(**more):
    return {"resource": {**RESOURCE, **more}}


def metadata(**more):
    return {"metadata": {**METADATA, **more}}


def tokens(**more):
    return {"tokens": answer({**TOKENS, **more})}


def registration(status=201, **more):
    return {"registration": answer({**REGISTRATION, **more}, status)}


def callback(**more):
    return {"callback": more}


def redirect(place):
    return {place: answer(b"", 307)}


EVIL_ENDPOINTS = {name: url.replace(AS, EVIL) for name, url in METADATA.items() if name.endswith("_endpoint")}

# Change → outcome: a session, or an error of this class with these words.
SCENARIOS = {
    "nothing is wrong": ({}, Session, ""),
    # Another server's resource
    "the resource is another host's": (resource(resource="https://other.example/mcp"), TheirProtocolError, "are for"),
    "the resource is a sibling": (resource(resource="https://mcp.example/other"), TheirProtocolError, "are for"),
    "the resource is a longer path": (resource(resource=f"{MCP}/deeper"), TheirProtocolError, "are for"),
    "the resource is a mere prefix": (resource(resource="https://mcp.example/mc"), TheirProtocolError, "are for"),
    "the resource has another port": (resource(resource="https://mcp.example:8443/mcp"), TheirProtocolError, "are for"),
    "the resource has another query": (resource(resource=f"{MCP}?tenant=2"), TheirProtocolError, "are for"),
    "the resource has user info": (
        resource(resource="https://mcp.example@evil.example/mcp"),
        TheirProtocolError,
        "are for",
    ),
    "the resource is not a URL": (resource(resource="x:y"), TheirProtocolError, "are for"),
    "the resource is a URN": (resource(resource="urn:x"), TheirProtocolError, "are for"),
    "the resource is a number": (resource(resource=7), TheirProtocolError, "not as specified"),
    "the resource is the origin": (resource(resource="https://mcp.example"), Session, ""),
    # Missing, other or odd authorization servers
    "no authorization server": (resource(authorization_servers=[]), TheirProtocolError, "no authorization server"),
    "null authorization servers": (resource(authorization_servers=None), TheirProtocolError, "no authorization server"),
    "authorization servers as a string": (resource(authorization_servers=AS), TheirProtocolError, "not as specified"),
    "an authorization server with user info": (resource(authorization_servers=["https://a@b.example"]), UrlRefused, ""),
    "an authorization server by http": (resource(authorization_servers=["http://as.example"]), UrlRefused, "http"),
    "an authorization server here": (resource(authorization_servers=["http://127.0.0.1:9"]), UrlRefused, "encrypted"),
    "an authorization server on the local network": (
        resource(authorization_servers=["https://192.168.1.1"]),
        UrlRefused,
        "an address on",
    ),
    "the cloud's metadata service": (resource(authorization_servers=["https://169.254.169.254"]), UrlRefused, "never"),
    "metadata of another issuer": (resource(authorization_servers=[EVIL]), TheirProtocolError, "of the issuer"),
    # The challenge
    "a challenge that leads away": ({"challenge": f"{EVIL}/prm"}, Session, ""),
    "a challenge that leads inside": ({"challenge": "http://10.0.0.1/prm"}, Session, ""),
    "only a challenge that leads away": (
        {"challenge": f"{EVIL}/prm", "resource": None},
        TheirProtocolError,
        "says that they are at",
    ),
    "no metadata at all": ({"resource": None, "metadata": None}, TheirProtocolError, "no OAuth metadata"),
    "metadata of another issuer without a resource's": ({"resource": None}, TheirProtocolError, "of the issuer"),
    # Nearly correct issuers
    "an issuer with a slash": (metadata(issuer=f"{AS}/"), Session, ""),
    "an issuer with a path": (metadata(issuer=f"{AS}/x"), TheirProtocolError, "of the issuer"),
    "an issuer in capitals": (metadata(issuer="https://AS.example"), TheirProtocolError, "of the issuer"),
    "an issuer by http": (metadata(issuer="http://as.example"), TheirProtocolError, "of the issuer"),
    "an issuer with its port": (metadata(issuer="https://as.example:443"), TheirProtocolError, "of the issuer"),
    "an issuer with a fragment": (metadata(issuer=f"{AS}#x"), TheirProtocolError, "of the issuer"),
    "an empty issuer": (metadata(issuer=""), TheirProtocolError, "of the issuer"),
    # Poisoned endpoints
    **{
        f"{name} elsewhere": (metadata(**{name: url}), LoginRequired, "away from there")
        for name, url in EVIL_ENDPOINTS.items()
    },
    "every endpoint elsewhere": (metadata(**EVIL_ENDPOINTS), LoginRequired, "away from there"),
    "a token endpoint that begins alike": (
        metadata(token_endpoint="https://as.example.evil.example/token"),
        LoginRequired,
        "away from there",
    ),
    "a token endpoint that ends alike": (
        metadata(token_endpoint="https://notas.example/token"),
        LoginRequired,
        "away from there",
    ),
    "a token endpoint by http": (metadata(token_endpoint="http://as.example/token"), UrlRefused, "http"),
    "a token endpoint here": (metadata(token_endpoint="http://localhost:8080/token"), LoginRequired, "away from there"),
    "no token endpoint": (metadata(token_endpoint=""), UrlRefused, ""),
    "an authorization endpoint for a shell": (metadata(authorization_endpoint=f"{AS}/`id`"), UrlRefused, ""),
    "an authorization endpoint for another program": (metadata(authorization_endpoint="vscode://x"), UrlRefused, ""),
    "an authorization endpoint with a redirect": (
        metadata(authorization_endpoint=f"{AS}/a?redirect_uri={EVIL}"),
        TheirProtocolError,
        "already holds redirect_uri",
    ),
    "an authorization endpoint with a client": (
        metadata(authorization_endpoint=f"{AS}/a?client_id=x&state=y"),
        TheirProtocolError,
        "already holds client_id, state",
    ),
    "an authorization endpoint with a tenant": (metadata(authorization_endpoint=f"{AS}/a?tenant=1"), Session, ""),
    "an authorization endpoint with a fragment": (metadata(authorization_endpoint=f"{AS}/a#x"), Session, ""),
    # PKCE
    "no PKCE": (metadata(code_challenge_methods_supported=None), TheirProtocolError, "PKCE"),
    "an empty list of PKCE methods": (metadata(code_challenge_methods_supported=[]), TheirProtocolError, "PKCE"),
    "plain PKCE": (metadata(code_challenge_methods_supported=["plain"]), TheirProtocolError, "PKCE"),
    "PKCE methods as a string": (
        metadata(code_challenge_methods_supported="S256"),
        TheirProtocolError,
        "not as specified",
    ),
    # Registrations
    "a registration with another redirect": (registration(redirect_uris=[EVIL]), TheirProtocolError, "redirect URI"),
    "a registration without a client": (registration(client_id=""), TheirProtocolError, "client_id"),
    "a registration with an unprintable client": (registration(client_id="a\nb"), TheirProtocolError, "client_id"),
    "a registration with an unknown method": (
        registration(token_endpoint_auth_method="private_key_jwt", client_secret="s"),
        OAuthRefused,
        "prove",
    ),
    "a registration that is a page": ({"registration": PAGE}, TheirProtocolError, ""),
    "a registration that is not found": ({"registration": NOT_FOUND}, BridgeError, ""),
    "a registration that redirects": (redirect("registration"), BridgeError, ""),
    "a registration with status 200": (registration(200), Session, ""),
    # Callbacks
    "a callback with another state": (callback(state="x"), TheirProtocolError, "state"),
    "a callback of another issuer": (callback(iss=EVIL), TheirProtocolError, "but came back as one of"),
    "an error of another issuer": (
        callback(iss=EVIL, error="access_denied", error_description="call 555"),
        TheirProtocolError,
        "but came back as one of",
    ),
    "a callback without the promised issuer": (
        metadata(authorization_response_iss_parameter_supported=True),
        TheirProtocolError,
        "without iss",
    ),
    "a callback without a code": (callback(code=""), TheirProtocolError, "without a code"),
    "an unknown error": (callback(error="\x1b[2J<b>call</b>"), OAuthRefused, "saying \\u201c[2J<b>call</b>"),
    # Token responses
    "a token with a line end": (tokens(access_token="A\r\nX: y"), TheirProtocolError, "an HTTP header cannot carry"),
    "a token with a space": (tokens(access_token="A B"), TheirProtocolError, "an HTTP header cannot carry"),
    "an enormous token": (tokens(access_token="A" * 16385), TheirProtocolError, "an HTTP header cannot carry"),
    "no token": (tokens(access_token=""), BridgeError, ""),
    "a token of an unknown type": (tokens(token_type="mac"), TheirProtocolError, "type"),
    "a refresh token with a line end": (tokens(refresh_token="R\n"), TheirProtocolError, "refresh token"),
    "an enormous lifetime": (tokens(expires_in=1e12), Session, ""),
    "a negative lifetime": (tokens(expires_in=-1), Session, ""),
    "a lifetime that is a word": (tokens(expires_in="soon"), Session, ""),
    "a token response that is a list": ({"tokens": answer([])}, TheirProtocolError, "not as specified"),
    "a token response that is a page": ({"tokens": PAGE}, TheirProtocolError, "a web page"),
    "a token response that redirects": (redirect("tokens"), UpstreamFailed, "307"),
    "a deeply nested token response": ({"tokens": answer(b"[" * 10000)}, TheirProtocolError, ""),
    "a refusal with a message for the user": (
        {"tokens": answer({"error": "x", "error_description": "call\x1b[2J us"}, 400)},
        OAuthRefused,
        "an unknown error (HTTP 400), saying \\u201ccall [2J us\\u201d",
    ),
}


def test_there_are_at_least_sixty_scenarios():
    assert len(SCENARIOS) >= 60


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_login_has_this_outcome_and_no_secret_goes_to_a_wrong_server(scenario):
    changes, kind, words = SCENARIOS[scenario]
    world = World(**changes)
    result = world.log_in()
    world.check()
    assert isinstance(result, kind), result
    if isinstance(result, BridgeError):
        said = json.dumps([result.message, result.hint])
        assert words in said
        assert not any(secret in said for secret in ("hunter2", "\\u001b"))


def test_a_known_clients_secret_goes_only_to_its_issuer():
    for changes, _, _ in SCENARIOS.values():
        world = World(**changes)
        world.log_in(clients={AS: KNOWN})
        world.check()
        other = World(**resource(authorization_servers=[EVIL]), **metadata(issuer=EVIL, **EVIL_ENDPOINTS))
        other.log_in(clients={AS: KNOWN})
        assert "CS" not in str([request.form for _, request in other.got])


def test_a_trusted_issuers_name_alone_does_not_get_its_clients_secret():
    """Any server can claim a trusted issuer's name: the endpoints of the claim must belong to that issuer."""
    configured = Client(issuer=AS, id="mine", secret=Secret("hunter2"), registered=False)
    world = World(**resource(authorization_servers=[EVIL]), **metadata(token_endpoint=f"{EVIL}/token"))
    result = world.log_in(trusted_issuer=AS, configured=configured)
    assert isinstance(result, LoginRequired)
    assert world.origins_with_secrets() == set()


DEVICES = {
    "a page here": ({"verification_uri": "http://127.0.0.1/"}, UrlRefused),
    "a page for a program": ({"verification_uri": "ms-settings:x"}, UrlRefused),
    "a page in the cloud's metadata": ({"verification_uri": "https://169.254.169.254/"}, UrlRefused),
    "a code with escapes": ({"user_code": "\x1b[2JAB"}, Session),
    "a response that expires at once": ({"expires_in": 0}, LoginRequired),
    "an interval without end": ({"interval": 1e9}, (Session, LoginRequired)),
}


@pytest.mark.parametrize("scenario", DEVICES)
def test_a_device_login_shows_no_dangerous_url_or_code(scenario):
    changes, kind = DEVICES[scenario]
    world = World(device=answer({**DEVICE, **changes}))
    result = world.log_in(grant=device_code)
    world.check()
    assert isinstance(result, kind), result
    assert HERE not in str(world.shown)
