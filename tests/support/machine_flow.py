"""A machine's grant by script: its plan, its discovery, its token request."""

from playing import answer

from mcp_auth_bridge.oauth.configured import ConfiguredClient
from mcp_auth_bridge.oauth.machine import (
    ClientCredentials,
    MachinePlan,
)
from mcp_auth_bridge.oauth.session import Client
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.urls import Purpose, gate

MCP = "https://mcp.example/mcp"


AS = "https://as.example"


PRM = "GET https://mcp.example/.well-known/oauth-protected-resource"


METADATA = f"GET {AS}/.well-known/oauth-authorization-server"


TOKEN = f"POST {AS}/token"


def described(**more):
    return answer({"resource": MCP, "authorization_servers": [AS], **more})


def metadata(issuer=AS, **more):
    return answer({"issuer": issuer, "token_endpoint": f"{issuer}/token", **more})


def discovery(resource=None, server=None):
    return [(f"{PRM}/mcp", resource or described()), (METADATA, server or metadata())]


def client(**more):
    return Client(**{"issuer": AS, "id": "ci", "registered": False, "auth_method": "", **more})


def secretive(**more):
    return ConfiguredClient(issuer=AS, client=client(secret=Secret("s3cret")), place="the file /run/secret", **more)


def plan(registration=None, grant=None, **more):
    return MachinePlan(
        url=gate(MCP, Purpose.SERVER),
        registration=registration or secretive(),
        grant=grant or ClientCredentials(),
        **more,
    )
