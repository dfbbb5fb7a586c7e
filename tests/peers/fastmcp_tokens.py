"""FastMCP's JWTVerifier, which can refuse every token that was ever shown to it: expiry without waiting."""

from typing import Any

from fastmcp.server.auth import AccessToken
from fastmcp.server.auth.providers.jwt import JWTVerifier


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
