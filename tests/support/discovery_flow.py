"""A discovery by script: the documents of the MCP server and its authorization server, and their places."""

from playing import answer, play

from mcp_auth_bridge.oauth.discovery import discover
from mcp_auth_bridge.oauth.trust import Trust
from mcp_auth_bridge.urls import Purpose, gate

MCP = "https://mcp.example/a/b"


PRM = "GET https://mcp.example/.well-known/oauth-protected-resource"


RFC8414 = "GET https://as.example/.well-known/oauth-authorization-server"


OIDC = "GET https://as.example/.well-known/openid-configuration"


LEGACY = "GET https://mcp.example/.well-known/oauth-authorization-server"


LEGACY_OIDC = "GET https://mcp.example/.well-known/openid-configuration"


REGISTER = "GET https://mcp.example/register"


METHODS = "OPTIONS https://mcp.example/register"


def resource(named=MCP, issuer="https://as.example", **more):
    return answer({"resource": named, "authorization_servers": [issuer], **more})


def metadata(issuer="https://as.example", **more):
    return answer(
        {
            "issuer": issuer,
            "authorization_endpoint": "https://as.example/authorize",
            "token_endpoint": "https://as.example/token",
            "code_challenge_methods_supported": ["plain", "S256"],
            **more,
        }
    )


def found(*script, url=MCP, challenge=None, override="", asked=None):
    return play(discover(Trust(server=gate(url, Purpose.SERVER)), challenge, override), script, asked)


def knowing(*script, challenge=None, given=None, **trusted):
    trust = Trust(server=gate(MCP, Purpose.SERVER), **trusted)
    return play(discover(trust, challenge, "", given), script)


NEAR = {
    "authorization_endpoint": "https://mcp.example/authorize",
    "token_endpoint": "https://mcp.example/token",
}
