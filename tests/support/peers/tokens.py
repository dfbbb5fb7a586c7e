"""A resource server's check of bearer tokens: JWTs of one issuer, for one audience, verified with the issuer's keys."""

import asyncio
from typing import Any

import jwt
from mcp.server.auth.provider import AccessToken

SCOPE = "mcp"


class JwtVerifier:
    """The SDK's `TokenVerifier` for JWT access tokens (RFC 9068) with `resource` as `aud`."""

    def __init__(self, issuer: str, resource: str) -> None:
        self._issuer = issuer
        self._resource = resource
        self._keys = jwt.PyJWKClient(f"{issuer}/jwks", cooldown_duration=0)  # new keys are loaded at once
        self._seen: set[str] = set()
        self._refused: set[str] = set()

    def refuse_seen(self) -> None:
        """Refuse every token ever presented here: expiry without waiting."""
        self._refused |= self._seen

    async def verify_token(self, token: str) -> AccessToken | None:
        self._seen.add(token)
        if token in self._refused:
            return None
        try:
            claims = await asyncio.to_thread(self._claims, token)
        except (jwt.InvalidTokenError, jwt.PyJWKClientError):  # the latter: a key that the issuer no longer publishes
            return None
        return AccessToken(
            token=token,
            client_id=claims["client_id"],
            scopes=claims.get("scope", "").split(),
            expires_at=claims["exp"],
            resource=self._resource,
            subject=claims["sub"],
            claims=claims,
        )

    def _claims(self, token: str) -> dict[str, Any]:
        key = self._keys.get_signing_key_from_jwt(token)
        return jwt.decode(token, key, algorithms=["RS256"], audience=self._resource, issuer=self._issuer)
