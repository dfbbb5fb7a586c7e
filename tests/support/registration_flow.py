"""A registration by script: the authorization server, and the request that it is sent."""

from mcp_auth_bridge.oauth.authorization_server import Server
from mcp_auth_bridge.urls import Purpose, gate

REGISTER = "POST https://as.example/register"


def server(methods=(), *, registers=True):
    return Server(
        issuer="https://as.example",
        resource="https://mcp.example/mcp",
        authorization_endpoint=gate("https://as.example/authorize", Purpose.AUTHORIZATION),
        token_endpoint=gate("https://as.example/token", Purpose.TOKEN),
        registration_endpoint=gate("https://as.example/register", Purpose.REGISTRATION) if registers else None,
        auth_methods=methods,
    )
