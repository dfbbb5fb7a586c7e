"""FastMCP's InMemoryOAuthProvider with the FastMCP server that it guards."""

from fastmcp import FastMCP
from fastmcp.server.auth.auth import ClientRegistrationOptions, RevocationOptions
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from ledger import Ledger
from serving import serve

SCOPE = "mcp"


def build(origin: str) -> Ledger:
    provider = InMemoryOAuthProvider(
        base_url=origin,
        client_registration_options=ClientRegistrationOptions(
            enabled=True, valid_scopes=[SCOPE], default_scopes=[SCOPE]
        ),
        revocation_options=RevocationOptions(enabled=True),
        required_scopes=[SCOPE],
    )

    def end_grants() -> None:
        provider.access_tokens.clear()
        provider.refresh_tokens.clear()

    server = FastMCP("in memory", auth=provider)

    @server.tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    actions = {
        "refuseTokens": provider.access_tokens.clear,
        "revokeAll": end_grants,
        "forgetClients": provider.clients.clear,
    }
    return Ledger(server.http_app(), actions, report=lambda: {"live": len(provider.refresh_tokens)})


if __name__ == "__main__":
    serve(build)
