"""A FastMCP server that accepts the JWTs of another authorization server, whatever their audience.

python fastmcp_guarded.py ISSUER JWKS SCOPE…
"""

import sys

from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp_tokens import Verifier, observed
from ledger import Ledger
from pydantic import AnyHttpUrl
from serving import serve


def build(origin: str) -> Ledger:
    issuer, jwks, *scopes = sys.argv[1:]
    verifier = Verifier(jwks_uri=jwks, issuer=issuer)
    auth = RemoteAuthProvider(
        token_verifier=verifier,
        authorization_servers=[AnyHttpUrl(issuer)],
        base_url=origin,
        scopes_supported=scopes,
    )
    return observed(FastMCP("guarded", auth=auth), verifier)


if __name__ == "__main__":
    serve(build)
