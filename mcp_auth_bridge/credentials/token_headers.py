"""The headers of a session for one request: a bearer token (RFC 6750), or a token with a proof (RFC 9449)."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mcp_auth_bridge.credentials.base import Refusal, Target
from mcp_auth_bridge.oauth.session import Session
from mcp_auth_bridge.secret import Secret

if TYPE_CHECKING:
    from mcp_auth_bridge.oauth.dpop import ProofKey


class TokenHeaders:
    """Makes the headers. `now` is in Unix seconds, `entropy` returns random bytes. Keeps the key of the last proof."""

    def __init__(self, now: Callable[[], float], entropy: Callable[[int], bytes]) -> None:
        self._now = now
        self._entropy = entropy
        self._loaded: tuple[Secret, ProofKey] | None = None

    def headers(self, session: Session, target: Target) -> Mapping[str, str]:
        if session.dpop_key is None:
            return {"authorization": _authorization(session)}
        return {"authorization": _authorization(session), "dpop": self._proof(session, session.dpop_key, target)}

    def _proof(self, session: Session, secret: Secret, target: Target) -> str:
        # Imported here because a bearer token needs no cryptography (docs/architecture.md, "Cold start").
        from mcp_auth_bridge.oauth.dpop import JTI_SIZE, ProvenRequest, load_key, proof

        if self._loaded is None or self._loaded[0] is not secret:
            self._loaded = secret, load_key(secret)
        request = ProvenRequest(target.method, target.url, target.nonce, session.access.reveal())
        return proof(self._loaded[1], request, self._now(), self._entropy(JTI_SIZE))


def presentable(session: Session | None, refused: Refusal | None, now: float) -> Session | None:
    """`session`, if it can be presented at `now` (Unix seconds) and is not the one that was `refused`."""
    if session is None or session.expired(now) or is_refused(session, refused):
        return None
    return session


def lasting(session: Session | None, refused: Refusal | None, now: float) -> Session | None:
    """`session`, if it can be presented and need not be renewed yet."""
    session = presentable(session, refused, now)
    return None if session is None or session.due(now) else session


def is_refused(session: Session, refused: Refusal | None) -> bool:
    """Whether `refused` is about this session's token. Only the token is compared, because each proof is different."""
    return refused is not None and refused.sent.get("authorization") == _authorization(session)


def _authorization(session: Session) -> str:
    scheme = "Bearer" if session.dpop_key is None else "DPoP"
    return f"{scheme} {session.access.reveal()}"
