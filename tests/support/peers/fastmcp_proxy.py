"""FastMCP's OAuthProxy: an authorization server for MCP clients, in front of one that knows only the proxy.

python fastmcp_proxy.py ISSUER REGISTRATION JWKS      the URLs of the authorization server behind it
"""

import sys

import httpx2
from fastmcp import FastMCP
from fastmcp.server.auth.oauth_proxy import OAuthProxy
from fastmcp_tokens import Verifier, observed
from key_value.aio.stores.memory import MemoryStore
from ledger import Ledger
from serving import serve

SCOPE = "mcp"


def registered(origin: str, registration: str) -> tuple[str, str]:
    """The proxy's own client at the server behind it."""
    metadata = {
        "application_type": "native",
        "redirect_uris": [f"{origin}/auth/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
    }
    client = httpx2.post(registration, json=metadata, trust_env=False).raise_for_status().json()
    return client["client_id"], client["client_secret"]


def build(origin: str) -> Ledger:
    issuer, registration, jwks = sys.argv[1:]
    metadata = httpx2.get(f"{issuer}/.well-known/openid-configuration", trust_env=False).raise_for_status().json()
    client_id, client_secret = registered(origin, registration)
    verifier = Verifier(jwks_uri=jwks, issuer=issuer, audience=f"{origin}/mcp", required_scopes=[SCOPE])
    proxy = OAuthProxy(
        upstream_authorization_endpoint=metadata["authorization_endpoint"],
        upstream_token_endpoint=metadata["token_endpoint"],
        upstream_revocation_endpoint=metadata["revocation_endpoint"],
        upstream_client_id=client_id,
        upstream_client_secret=client_secret,
        token_verifier=verifier,
        base_url=origin,
        client_storage=MemoryStore(),
    )
    return observed(FastMCP("behind a proxy", auth=proxy), verifier)


if __name__ == "__main__":
    serve(build)
