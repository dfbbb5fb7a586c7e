"""The flow of one login by script: its server, and its steps so far."""

import json
from urllib.parse import parse_qs, urlsplit

import msgspec
from playing import PAGE, answer

from mcp_auth_bridge.effects import Authorize
from mcp_auth_bridge.oauth.plan import LoginPlan
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

MCP = "https://mcp.example/mcp"
ISSUER = "https://as.example"
HERE = "http://127.0.0.1:4711/callback"
OTHER = "http://127.0.0.1:5000/callback"
ASKED = "read offline_access"
PRM = ("GET https://mcp.example/.well-known/oauth-protected-resource/mcp",)
REGISTER, TOKEN = "POST https://as.example/register", "POST https://as.example/token"

METADATA = {
    "issuer": ISSUER,
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
    (TOKEN, answer({"access_token": "AT", "refresh_token": "RT", "expires_in": 60})),
]

# The request that checks an earlier registration before the user is sent to the same page.
WELCOME = [("entropy 32", b"\x03" * 32), ("GET https://as.example/authorize?…", PAGE)]

REGISTERED = (REGISTER, answer({"client_id": "new", "redirect_uris": [HERE]}, 201))

# The error text of the MCP Python SDK (2.3.0).
NOT_VALID = {"error": "invalid_client_metadata", "error_description": "Requested scopes are not valid: offline_access"}

CONFIGURED = Client(issuer=ISSUER, id="mine", secret=Secret("hunter2"), auth_method="", registered=False)
# Earlier registrations, for all scopes and for one of them.
OLD = Client(issuer=ISSUER, id="old", redirect_uri=HERE, scope=ASKED)
NARROW = msgspec.structs.replace(OLD, scope="read")


def at(host):
    """The endpoints of `host`."""
    return {name: url.replace(ISSUER, host) for name, url in METADATA.items() if name.endswith("_endpoint")}


def found(issuer=ISSUER, **more):
    document = {"resource": MCP, "authorization_servers": [issuer], "scopes_supported": ["read"]}
    place = issuer.removeprefix("https://")
    return [
        (*PRM, answer(document)),
        (f"GET https://{place}/.well-known/oauth-authorization-server", answer({**METADATA, "issuer": issuer, **more})),
    ]


def plan(**more):
    return LoginPlan(url=gate(MCP, Purpose.SERVER), **more)


def known(client=OLD, **more):
    """The plan of a login after an earlier one registered `client`."""
    return plan(clients={client.issuer: client}, **more)


def registered_with(asked):
    """The scopes of each registration."""
    documents = [json.loads(effect.document) for effect in asked if getattr(effect, "document", None)]
    return [document.get("scope", "") for document in documents]


def asked_for(asked):
    """The scopes of each authorization request that the user was sent to."""
    urls = [urlsplit(effect.url) for effect in asked if isinstance(effect, Authorize)]
    return [parse_qs(url.query).get("scope", [""])[0] for url in urls]
