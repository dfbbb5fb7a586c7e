"""A session with tokens that are bound to a key (RFC 9449)."""

from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

ENDPOINT = gate("https://as.example/token", Purpose.TOKEN)


CLIENT = Client(issuer="https://as.example", id="abc", redirect_uri="http://127.0.0.1:4711/callback")


def session(**more):
    return Session(
        **{
            "resource": "https://mcp.example/mcp",
            "issuer": "https://as.example",
            "token_endpoint": str(ENDPOINT),
            "client": CLIENT,
            "access": Secret("AT-0"),
            "refresh": Secret("RT-0"),
            "obtained_at": 0.0,
            "expires_at": 100.0,
            **more,
        }
    )
