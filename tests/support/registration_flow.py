"""A registration by script: the authorization server, the request and the resulting client."""

from playing import answer, play

from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.registration import register
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.urls import Purpose, gate

HERE = "http://127.0.0.1:4711/callback"
REGISTER = "POST https://as.example/register"


def server(methods=(), *, registers=True):
    return AuthorizationServer(
        issuer="https://as.example",
        resource="https://mcp.example/mcp",
        authorization_endpoint=gate("https://as.example/authorize", Purpose.AUTHORIZATION),
        token_endpoint=gate("https://as.example/token", Purpose.TOKEN),
        registration_endpoint=gate("https://as.example/register", Purpose.REGISTRATION) if registers else None,
        auth_methods=methods,
    )


def registered(document, *, methods=(), scopes=(), known=None, status=201, asked=None):
    script = [(REGISTER, answer(document, status))]
    return play(register(server(methods), HERE, scopes, known), script, asked)


def client(**more):
    return Client(**{"issuer": "https://as.example", "id": "abc", "redirect_uri": HERE, **more})


MANAGEMENT = {"registration_client_uri": "https://as.example/register/abc", "registration_access_token": "RAT-hunter2"}


def managed(**more):
    return registered({"client_id": "abc", **MANAGEMENT, **more})
