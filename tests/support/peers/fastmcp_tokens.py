"""FastMCP behind a JWTVerifier that can refuse every token ever presented to it: expiry without waiting."""

from typing import Any

from fastmcp import FastMCP
from fastmcp.server.auth import AccessToken
from fastmcp.server.auth.providers.jwt import JWTVerifier
from ledger import Ledger


class Verifier(JWTVerifier):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._seen: set[str] = set()
        self._refused: set[str] = set()

    def refuse_seen(self) -> None:
        self._refused |= self._seen

    async def verify_token(self, token: str) -> AccessToken | None:
        self._seen.add(token)
        return None if token in self._refused else await super().verify_token(token)


def observed(server: FastMCP, verifier: Verifier) -> Ledger:
    """`server` with a tool and counters; `refuseTokens` ends all existing tokens."""

    @server.tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    return Ledger(server.http_app(), {"refuseTokens": verifier.refuse_seen})
