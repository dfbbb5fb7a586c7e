"""The flow of one login by script: the server that it meets, and its steps so far."""

from playing import PAGE, answer

from mcp_auth_bridge.oauth.plan import LoginPlan
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

MCP = "https://mcp.example/mcp"


HERE = "http://127.0.0.1:4711/callback"


OTHER = "http://127.0.0.1:5000/callback"


ASKED = "read offline_access"


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


# What an earlier registration is tried with before the person is sent there.
WELCOME = [("entropy 32", b"\x03" * 32), ("GET https://as.example/authorize?…", PAGE)]


REGISTERED = ("POST https://as.example/register", answer({"client_id": "new", "redirect_uris": [HERE]}, 201))


def at(host):
    """Endpoints there."""
    return {
        name: url.replace("https://as.example", host) for name, url in METADATA.items() if name.endswith("_endpoint")
    }


def found(issuer="https://as.example", **more):
    document = {"resource": MCP, "authorization_servers": [issuer], "scopes_supported": ["read"]}
    place = issuer.removeprefix("https://")
    return [
        (*PRM, answer(document)),
        (f"GET https://{place}/.well-known/oauth-authorization-server", answer({**METADATA, "issuer": issuer, **more})),
    ]


def plan(**more):
    return LoginPlan(url=gate(MCP, Purpose.SERVER), **more)


CONFIGURED = Client(issuer="https://as.example", id="mine", secret=Secret("hunter2"), auth_method="", registered=False)
