"""One grant by script: the authorization server, the session that it yields, and the flow of a code."""

import base64
import json

from playing import play

from mcp_auth_bridge.oauth.authorization_server import AuthorizationServer
from mcp_auth_bridge.oauth.grants import authorization_code
from mcp_auth_bridge.oauth.session import Client, Session
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

ISSUER = "https://as.example"


HERE = "http://127.0.0.1:4711/callback"


TOKEN = "POST https://as.example/token"


CLIENT = Client(issuer=ISSUER, id="abc", redirect_uri=HERE)


TOKENS = {"access_token": "AT-1", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "RT-1"}


def server(endpoint="https://as.example/authorize", **more):
    return AuthorizationServer(
        **{
            "issuer": ISSUER,
            "resource": "https://mcp.example/mcp",
            "authorization_endpoint": gate(endpoint, Purpose.AUTHORIZATION),
            "token_endpoint": gate("https://as.example/token", Purpose.TOKEN),
            **more,
        }
    )


def session(**more):
    return Session(
        **{
            "resource": "https://mcp.example/mcp",
            "issuer": ISSUER,
            "token_endpoint": "https://as.example/token",
            "revocation_endpoint": "https://as.example/revoke",
            "client": CLIENT,
            "scope": "read",
            "access": Secret("AT-0"),
            "refresh": Secret("RT-0"),
            "obtained_at": 0.0,
            "expires_at": 100.0,
            **more,
        }
    )


def code(callback, *after, to=None, client=CLIENT, scopes=("read",), asked=None):
    """Play a code grant; the callback carries the state of the request unless `callback` has its own."""

    def come_back(effect):
        return {"state": effect.state, **callback}

    noise = [("entropy 32", b"\x01" * 32), ("entropy 32", b"\x02" * 32)]
    return play(authorization_code(to or server(), client, scopes), [*noise, ("authorize", come_back), *after], asked)


def id_token(**claims):
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return {**TOKENS, "id_token": f"eyJhbGciOiJub25lIn0.{payload}."}
